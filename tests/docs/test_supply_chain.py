"""What is installed and run by continuous integration is named to the byte, and what is said of the project is so."""

import re
from pathlib import Path

import seqimg

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def lines_of(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def test_every_pin_has_its_hashes_and_no_other_is_there() -> None:
    pinned = {line.partition("#")[0].strip() for line in lines_of(ROOT / "constraints.txt")}
    locked = {line.split()[0]: line.split()[1:] for line in lines_of(ROOT / ".ci" / "requirements.txt")}
    assert pinned == set(locked), "constraints.txt has changed: run `make lock`"
    for pin, hashes in locked.items():
        assert re.fullmatch(r"[\w.-]+==[\w.]+", pin)
        assert hashes, f"{pin} has no hash"
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes)


def test_no_address_of_an_index_is_written_down() -> None:
    for path in (
        ROOT / ".ci" / "requirements.txt",
        ROOT / ".ci" / "lock.py",
        ROOT / "constraints.txt",
        *WORKFLOWS,
    ):
        assert not re.search(r"https?://|index-url|find-links", path.read_text(encoding="utf-8")), path


def test_actions_are_named_by_commit_and_ask_for_little() -> None:
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "release.yml"]
    for path in WORKFLOWS:
        text = path.read_text(encoding="utf-8")
        used = re.findall(r"uses: (.*)", text)
        assert used
        assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", line) for line in used), path
        assert "permissions: {}" in text
        for never in ("pull_request_target", "actions/cache", "secrets.", "password"):
            assert never not in re.sub(r"#.*", "", text), f"{path}: {never}"


def test_workflows_call_targets_that_the_makefile_has() -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    for path in WORKFLOWS:
        for words in re.findall(r"run: make (.*)", path.read_text(encoding="utf-8")):
            assert set(words.split()) <= targets


def test_the_citation_is_of_this_version() -> None:
    said = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {seqimg.__version__}\n" in said
    assert "\nlicense: Apache-2.0\n" in said
