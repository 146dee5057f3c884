"""Which pages are made from the code, and what they should say."""

import re
from pathlib import Path

from tests.docs.reference import commands, hooks, metrics, python, settings

__all__ = ["DOCS", "NAV", "stale", "wanted"]

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
NAV = ROOT / "mkdocs.yml"

_MADE = {"commands": commands, "python": python}
"""Folders of docs/reference that hold nothing but made pages."""


def wanted() -> dict[Path, str]:
    """Return what each made file should say: the pages, and mkdocs.yml with their lines in the nav."""
    home = DOCS / "reference"
    pages = {
        home / f"{folder}/{name}.md": text
        for folder, made in _MADE.items()
        for name, text in made.pages().items()
    }
    pages[home / "settings.md"] = settings.page()
    pages[home / "metrics.md"] = metrics.page()
    pages[home / "hooks.md"] = hooks.page()
    pages[NAV] = _nav(NAV.read_text(encoding="utf-8"))
    return pages


def stale() -> list[Path]:
    """Return pages that lie in folders of made pages and are made no more."""
    made = wanted()
    return [
        path
        for folder in _MADE
        for path in sorted((DOCS / "reference" / folder).glob("*.md"))
        if path not in made
    ]


def _nav(text: str) -> str:
    """Return mkdocs.yml with a line for each made page between the marks `# made: FOLDER` and `# end`."""
    for folder, made in _MADE.items():
        lines = "".join(
            f'          - "{title}": reference/{folder}/{name}.md\n' for name, title in made.titles().items()
        )
        text, count = re.subn(
            rf"(?m)(^ *# made: {folder}\n)(?:.*\n)*?(^ *# end\n)", rf"\g<1>{lines}\g<2>", text
        )
        if count != 1:
            raise ValueError(f"mkdocs.yml has {count} places for the made pages of {folder}")
    return text
