"""What the code takes away from the public API of the last tag: `make breaks`, a part of `make check`.

Public is what the tag's own list says, docs/reference/public-api.txt; what else it had may change at any time.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["breaks", "last_tag"]

ROOT = Path(__file__).parents[2]
LISTING = "docs/reference/public-api.txt"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_NAME = re.compile(r"([A-Za-z_][\w.]*)")


def last_tag(repository: Path) -> str | None:
    """Return the newest tag that leads to what is checked out, None if there is none."""
    words = ["git", "-C", str(repository), "describe", "--tags", "--abbrev=0"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def breaks(repository: Path, package: str, tag: str) -> list[str]:
    """Return a line for each public name that is gone or takes something else since a tag."""
    import griffe

    before = griffe.load_git(package, ref=tag, repo=repository)
    after = griffe.load(package, search_paths=[repository])
    public = set(_public(before, _listed(repository, tag)))
    return [
        _COLOURS.sub("", found.explain(griffe.ExplanationStyle.ONE_LINE))
        for found in griffe.find_breaking_changes(before, after)
        if _is_below(found.obj, public)
    ]


def _listed(repository: Path, tag: str) -> list[str]:
    """Return the names that the tag's list calls public."""
    words = ["git", "-C", str(repository), "show", f"{tag}:{LISTING}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith(" ")]
    return [found[1].rstrip(".") for line in lines if (found := _NAME.match(line))]


def _public(before: Any, listed: list[str]) -> Iterator[str]:
    """Yield each public name, and where what it stands for is defined."""
    for path in listed:
        yield path
        try:
            found = before[path.partition(".")[2]]
            yield (found.final_target if found.is_alias else found).path
        except Exception:  # noqa: BLE001 -- what cannot be told without running the code: its own path has to do
            continue


def _is_below(thing: Any, public: set[str]) -> bool:
    parts = thing.path.split(".")
    return any(".".join(parts[:length]) in public for length in range(1, len(parts) + 1))


if __name__ == "__main__":
    tag = last_tag(ROOT)
    if tag is None:
        print("There is no tag yet to compare the public API with.")
        raise SystemExit(0)
    found = breaks(ROOT, "seqimg", tag)
    print("\n".join(found) or f"Nothing public is gone or changed since {tag}.")
    raise SystemExit(1 if found else 0)
