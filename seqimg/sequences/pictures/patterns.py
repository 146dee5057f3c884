"""Patterns of file names: `frame_%04d.png` and `shots/*.png`."""

import glob
import os
import re
from pathlib import Path

__all__ = ["glob_root", "is_pattern", "number_format", "numbered_name", "plain_name"]

_NUMBER = re.compile(r"%(0?)(\d*)d")
_MARKS = re.compile(r"%%|%0?\d*d")


def is_pattern(source: str) -> bool:
    """Tell whether a path that does not exist can be meant as a pattern.

    Example:
        >>> is_pattern("a/frame_%04d.png"), is_pattern("a/*.png"), is_pattern("100%.png")
        (True, True, False)
    """
    return number_format(Path(source).name) is not None or glob.has_magic(source)


def number_format(name: str) -> re.Pattern[str] | None:
    """Return what fits a file name with one `%d` or `%04d`, the number as its group; None if it has none.

    Example:
        >>> fits = number_format("f_%03d 100%%.png")
        >>> [bool(fits.fullmatch(name)) for name in ("f_007 100%.png", "f_1234 100%.png", "f_07 100%.png")]
        [True, True, False]
    """
    numbers = [mark for mark in _MARKS.finditer(name) if mark.group() != "%%"]
    if len(numbers) != 1:
        return None
    mark = _NUMBER.fullmatch(numbers[0].group())
    assert mark is not None, "each such mark is one"
    width = int(mark[2] or 1)
    # More digits than asked for stand there only where the number needs them.
    digits = rf"[0-9]{{{width}}}|[1-9][0-9]{{{width},}}" if mark[1] else r"0|[1-9][0-9]*"
    before, after = (
        re.escape(part.replace("%%", "%")) for part in (name[: numbers[0].start()], name[numbers[0].end() :])
    )
    return re.compile(f"{before}({digits}){after}", re.DOTALL)


def numbered_name(name: str, number: int) -> str:
    """Return a file name with its number filled in.

    Example:
        >>> numbered_name("f_%03d 100%%.png", 7)
        'f_007 100%.png'
    """
    filled = _MARKS.sub(lambda mark: "%" if mark.group() == "%%" else mark.group() % number, name)
    return filled


def glob_root(pattern: str) -> str:
    """Return the folder that everything a glob finds lies in.

    Example:
        >>> glob_root("a/b/*/c?.png"), glob_root("*.png")
        ('a/b', '.')
    """
    parts = Path(pattern).parts
    fixed = 0
    while fixed < len(parts) - 1 and not glob.has_magic(parts[fixed]):
        fixed += 1
    return os.path.join(*parts[:fixed]) if fixed else "."


def plain_name(pattern: str) -> str:
    """Return what the frames of a pattern may be called together.

    Example:
        >>> plain_name("a/left_%04d.png"), plain_name("shots/*/*.png"), plain_name("%d.png")
        ('left', 'shots', 'frames')
    """
    stem = re.sub(r"\W*(?:%0?\d*d|[*?]|\[.*\])\W*", "-", Path(pattern).stem).strip("-_ ")
    folder = Path(glob_root(pattern)).absolute() if glob.has_magic(pattern) else Path(pattern).parent
    return stem or (folder.name if folder.name not in ("", ".", "..") else "frames")
