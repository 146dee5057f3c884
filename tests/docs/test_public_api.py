"""What is public is written down, documented, and compared with the last tag."""

import ast
import re
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

from seqimg.plugins import API_VERSION
from tests.docs.api_breaks import breaks, last_tag
from tests.docs.public_api import LISTING, MODULES, listing


def test_the_listing_is_what_the_code_says() -> None:
    wanted, found = LISTING.read_text(encoding="utf-8").splitlines(), listing().splitlines()
    changed = [f"- {line}" for line in wanted if line not in found]
    changed += [f"+ {line}" for line in found if line not in wanted]
    assert not changed, "the public API changed; look at it, then `make api`:\n" + "\n".join(changed)


@pytest.mark.parametrize("module", MODULES)
def test_every_module_with_public_names_says_what_it_is_for(module: str) -> None:
    assert import_module(module).__doc__  # its names: test_documented.py


def test_what_goes_after_a_tag_is_found(tmp_path: Path) -> None:
    pytest.importorskip("griffe")

    def git(*words: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", str(tmp_path), *who, *words], check=True, capture_output=True)

    (tmp_path / "thing").mkdir()
    (tmp_path / "docs" / "reference").mkdir(parents=True)
    (tmp_path / "docs" / "reference" / "public-api.txt").write_text(
        "thing.Kept: class()\n    .method(self)\nthing.keep(a, b)\nthing.go()\n"
    )
    root, inner = tmp_path / "thing" / "__init__.py", tmp_path / "thing" / "inner.py"
    root.write_text(
        'from thing.inner import Kept\n__all__ = ["Kept", "keep", "go"]\ndef keep(a, b): ...\ndef go(): ...\n'
    )
    inner.write_text("class Kept:\n    def method(self): ...\ndef helper(a): ...\n")
    git("init", "-q")
    assert last_tag(tmp_path) is None
    git("add", ".")
    git("commit", "-qm", "first")
    git("tag", "v1")
    assert last_tag(tmp_path) == "v1"
    assert breaks(tmp_path, "thing", "v1") == []
    inner.write_text("class Kept:\n    def method(self): ...\ndef other(a): ...\n")
    assert breaks(tmp_path, "thing", "v1") == []  # what was never public may change at any time
    root.write_text('from thing.inner import Kept\n__all__ = ["Kept", "keep"]\ndef keep(a, *, c=1): ...\n')
    inner.write_text("class Kept:\n    def another(self): ...\n")
    found = breaks(tmp_path, "thing", "v1")
    assert sorted({line.partition(": ")[2].partition(":")[0] for line in found}) == [
        "Kept.method",
        "go",
        "keep(b)",
    ]


def test_without_a_tag_there_is_nothing_to_compare(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert last_tag(tmp_path) is None


def going(source: str) -> list[str]:
    """Return the functions that warn of their own end."""
    tree = ast.parse(source)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return [
        node.name
        for node in functions
        if any(isinstance(name, ast.Name) and name.id == "DeprecationWarning" for name in ast.walk(node))
    ]


def announced(changelog: str) -> str:
    """Return all that stands under Deprecated."""
    parts = re.split(r"^(#{2,3} .*)$", changelog, flags=re.M)
    return "".join(
        body for head, body in zip(parts[1::2], parts[2::2], strict=True) if head == "### Deprecated"
    )


def test_what_is_going_is_announced() -> None:
    root = LISTING.parents[2]
    said = announced((root / "CHANGELOG.md").read_text(encoding="utf-8"))
    silent = [
        name
        for folder in ("seqimg", "plugins")
        for path in (root / folder).rglob("*.py")
        for name in going(path.read_text(encoding="utf-8"))
        if name not in said
    ]
    assert not silent, f"say under ### Deprecated in CHANGELOG.md what to use instead of {', '.join(silent)}"


def test_a_deprecation_is_seen() -> None:
    source = "import warnings\ndef old():\n    warnings.warn('use new', DeprecationWarning)\ndef new(): ...\n"
    assert going(source) == ["old"]
    log = "## [Unreleased]\n\n### Deprecated\n\n- `old`: use `new`.\n\n### Fixed\n\n- `other`.\n"
    assert "old" in announced(log)
    assert "other" not in announced(log)


def test_the_number_of_the_plugin_api_is_one_everywhere() -> None:
    root = LISTING.parents[2]
    roots = [*(root / "plugins").glob("*/__init__.py"), *(root / "docs").rglob("seqimg_example/__init__.py")]
    assert len(roots) >= 5
    for path in roots:
        found = re.findall(r"^SEQIMG_API = (\d+)$", path.read_text(encoding="utf-8"), re.M)
        assert found == [str(API_VERSION)], path
    page = (root / "docs" / "explanation" / "api-stability.md").read_text(encoding="utf-8")
    assert f"`SEQIMG_API = {API_VERSION}`" in page
