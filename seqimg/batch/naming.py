"""What results are called: a tree that mirrors the sources, in which no two meet."""

import hashlib
import os
import re
from collections import Counter
from functools import lru_cache
from pathlib import Path

from seqimg.masking import is_address, masked
from seqimg.sequences.formats import suffixes

__all__ = ["FOLDER", "Names"]

FOLDER = "frames"
"""The format that is a folder of pictures."""

_ELSEWHERE = "_up"


class Names:
    """Where the result of each source goes, relative to the folder of results.

    Args:
        root: The folder whose tree is mirrored; for what lies outside of it each step up is `_up`.
        ending: What stands behind a source's name: `.predict.mp4`.

    Example:
        >>> (Path(tmp) / "a").mkdir()
        >>> for name in ("one.mp4", "two.mp4", "two.gif"):
        ...     (Path(tmp) / "a" / name).touch()
        >>> names = Names(Path(tmp), ".x.mp4")
        >>> [names.of(f"{tmp}/a/{name}") for name in ("one.mp4", "two.mp4", "two.gif")]
        ['a/one.x.mp4', 'a/two.mp4.x.mp4', 'a/two.gif.x.mp4']
        >>> names.of("https://example.org/a b/clip.mp4")
        'example.org/a-b/clip.x.mp4'
    """

    def __init__(self, root: Path, ending: str) -> None:
        self._root, self._ending = root.absolute(), ending
        self._known = frozenset(suffixes("reader"))
        self._neighbours = lru_cache(maxsize=16)(self._listed)

    def of(self, source: str) -> str:
        """Return the name of the result of a path or an address."""
        if is_address(source):
            return _of_address(source, self._ending)
        path = Path(source).absolute()
        inside = os.path.relpath(path, self._root)
        parts = Path(path.name if inside == os.curdir else inside).parts
        kept = [_ELSEWHERE if part == os.pardir else part for part in parts[:-1]]
        return os.path.join(*kept, self._name(path) + self._ending)

    def _name(self, path: Path) -> str:
        """Return a source's name without its suffix, or with it where another has the same without."""
        if path.is_dir() or path.suffix.lower() not in self._known:
            return path.name
        stems, names = self._neighbours(path.parent)
        stem = path.stem.casefold()
        return path.name if stems[stem] > 1 or stem in names else path.stem

    def _listed(self, folder: Path) -> tuple[Counter[str], frozenset[str]]:
        """Return how often each name without suffix is there among what may be a sequence, and all names."""
        stems: Counter[str] = Counter()
        names: list[str] = []
        try:
            for entry in os.scandir(folder):
                if entry.name.startswith("."):
                    continue
                names.append(entry.name.casefold())
                if not entry.is_dir() and Path(entry.name).suffix.lower() in self._known:
                    stems[Path(entry.name).stem.casefold()] += 1
        except OSError:
            pass  # what cannot be read is reported when it is
        return stems, frozenset(names)


def _of_address(source: str, ending: str) -> str:
    shown, _, query = masked(source).partition("?")
    parts = [re.sub(r"[^\w.-]+", "-", part).strip("-.") for part in shown.split("://")[1].split("/")]
    kept = [part for part in parts if part] or ["video"]
    kept[-1] = Path(kept[-1]).stem if len(kept) > 1 else kept[-1]
    if query:  # which may be what tells two apart
        kept[-1] += "-" + hashlib.sha256(source.encode()).hexdigest()[:8]
    return os.path.join(*kept[:-1], kept[-1] + ending)
