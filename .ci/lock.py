"""`make lock`: write .ci/requirements.txt, the versions of constraints.txt with the hashes of their files.

pip leaves out what was uploaded in the last seven days: most packages that were taken over are found out within days.
A version that is younger is an error here, and is waited for.

A hash is of the file that this machine takes. Hashes of files for other machines, such as torch built for GPUs, are
kept from one time to the next as long as the version stays. `python .ci/lock.py NAME…` does some packages only.
"""

import json
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).parent
CONSTRAINTS, LOCK = HERE.parent / "constraints.txt", HERE / "requirements.txt"
COOL_DOWN = "P7D"
HEAD = "# Made by `make lock`: what continuous integration installs, with pip install --require-hashes --no-deps.\n"

Locked = dict[str, set[str]]
"""Pins (`name==version`) and the hashes of their files."""


def pins(names: list[str]) -> list[str]:
    """Return the pins of constraints.txt, of these packages or of all."""
    lines = (line.partition("#")[0].strip() for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines())
    found = [line for line in lines if line]
    return [pin for pin in found if not names or pin.partition("==")[0] in names]


def locked() -> Locked:
    """Return what the file says now."""
    if not LOCK.is_file():
        return {}
    text = LOCK.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return {words[0]: {word.removeprefix("--hash=") for word in words[1:]} for words in lines}


def hashes(wanted: list[str], folder: Path) -> Locked:
    """Ask pip which files it would take, and for their hashes."""
    venv.create(folder / "venv", with_pip=True)
    pip = [str(folder / "venv" / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    # The first pip that knows of times of upload.
    subprocess.run([*pip, "install", "--upgrade", "pip>=26.1"], check=True)
    report = folder / "report.json"
    choice = [
        "--dry-run",
        "--ignore-installed",
        "--no-deps",
        "--prefer-binary",
        "--uploaded-prior-to",
        COOL_DOWN,
    ]
    subprocess.run([*pip, "install", *choice, "--report", str(report), *wanted], check=True)
    names = {plain(pin.partition("==")[0]): pin for pin in wanted}
    found: Locked = {}
    for item in json.loads(report.read_text(encoding="utf-8"))["install"]:
        digest = item["download_info"]["archive_info"]["hashes"]["sha256"]
        found[names[plain(item["metadata"]["name"])]] = {f"sha256:{digest}"}
    return found


def plain(name: str) -> str:
    """Return a package's name as indices compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main(names: list[str]) -> None:
    """Write the file."""
    known = locked()
    with tempfile.TemporaryDirectory() as folder:
        found = hashes(pins(names), Path(folder))
    lines = []
    for pin in pins([]):
        both = sorted(known.get(pin, set()) | found.get(pin, set()))
        if not both:
            raise SystemExit(f"{pin} has no hash yet: make lock")
        lines.append(" \\\n    ".join([pin, *(f"--hash={digest}" for digest in both)]))
    LOCK.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"Wrote {LOCK.name}: {len(lines)} packages", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
