"""The documentation builds without a warning, and what is built is whole."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.site import SOUGHT, faults

ROOT = Path(__file__).parents[2]


def test_what_is_wrong_with_a_site_is_found(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "search").mkdir()
    (tmp_path / "index.html").write_text(
        '<a href="a/">x</a><a href="a/#here">x</a><a href="a/#gone">x</a><a href="b/">x</a>'
        '<a href="ftp:x">x</a><script src="https://example.org/x.js"></script><img src="no.png">'
    )
    (tmp_path / "a" / "index.html").write_text('<h2 id="here"></h2><a href="..">x</a><a href="#here">x</a>')
    docs = [{"title": words.title()} for words in SOUGHT[1:]]
    (tmp_path / "search" / "search_index.json").write_text(json.dumps({"docs": docs}))
    assert faults(tmp_path) == [
        "index.html: asks another host for https://example.org/x.js",
        "index.html: no.png is not there",
        "index.html: a/#gone: that page has no such place",
        "index.html: b/ leads nowhere",
        "index.html: ftp:x is no address",
        f"the search finds no page or section called {SOUGHT[0]!r}",
    ]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_links_of_the_pages_at_the_root_lead_somewhere(name: str) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", (ROOT / name).read_text(encoding="utf-8")):
        path = link.partition("#")[0]
        assert link.startswith("https://") or (ROOT / path).is_file(), f"{name}: {link}"


@pytest.mark.slow
def test_the_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    pytest.importorskip("material")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "--strict",
            "--quiet",
            "--site-dir",
            str(tmp_path / "site"),
        ],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert faults(tmp_path / "site") == []
