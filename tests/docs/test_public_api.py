"""What is public is written down, documented, and compared with the last tag."""

import subprocess
from importlib import import_module
from pathlib import Path

import pytest

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
    source = tmp_path / "thing" / "__init__.py"
    source.write_text('__all__ = ["keep", "go"]\ndef keep(a, b): ...\ndef go(): ...\n')
    git("init", "-q")
    assert last_tag(tmp_path) is None
    git("add", ".")
    git("commit", "-qm", "first")
    git("tag", "v1")
    assert last_tag(tmp_path) == "v1"
    assert breaks(tmp_path, "thing", "v1") == []
    source.write_text('__all__ = ["keep"]\ndef keep(a): ...\n')
    found = "\n".join(breaks(tmp_path, "thing", "v1"))
    assert "go" in found
    assert "keep" in found
