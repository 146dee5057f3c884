"""What the code takes away from the public API of the last tag: `make breaks`, a part of `make check`."""

import subprocess
from pathlib import Path

__all__ = ["breaks", "last_tag"]

ROOT = Path(__file__).parents[2]


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
    return [
        found.explain(griffe.ExplanationStyle.ONE_LINE)
        for found in griffe.find_breaking_changes(before, after)
    ]


if __name__ == "__main__":
    tag = last_tag(ROOT)
    if tag is None:
        print("There is no tag yet to compare the public API with.")
        raise SystemExit(0)
    found = breaks(ROOT, "seqimg", tag)
    print("\n".join(found) or f"Nothing public is gone or changed since {tag}.")
    raise SystemExit(1 if found else 0)
