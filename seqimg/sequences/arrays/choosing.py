"""Which of a file's arrays holds the frames."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seqimg.errors import UsageError, did_you_mean
from seqimg.sequences.base import DTYPES, SequenceError

__all__ = ["chosen_array"]

_USUAL = "frames"
_SHOWN = 8


def chosen_array(
    path: Path, arrays: Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]], asked: str | None
) -> str:
    """Return the array that was asked for, or the only one that can be a stack of frames.

    Args:
        path: The file, for messages.
        arrays: Shape and dtype by name.
        asked: A name, or None.

    Raises:
        UsageError: There is no array of that name.
        SequenceError: There is no stack of frames, or several.

    Example:
        >>> frames, times = ((9, 48, 64), np.dtype("uint8")), ((9,), np.dtype("float64"))
        >>> chosen_array(Path("a.h5"), {"radar/rain": frames, "radar/time": times}, None)
        'radar/rain'
    """
    if asked is not None:
        name = asked.strip("/")
        if name in arrays:
            return name
        near = did_you_mean(name, arrays)
        raise UsageError(
            f"{path} has no array {asked!r}" + (f"; did you mean {near!r}?" if near else ""),
            why=f"its arrays: {_listed(arrays)}",
        )
    stacks = [name for name, kind in arrays.items() if len(kind[0]) in (3, 4) and kind[1].name in DTYPES]
    if len(stacks) == 1:
        return stacks[0]
    if _USUAL in stacks:
        return _USUAL
    if stacks:
        raise SequenceError(
            f"cannot tell which array of {path} holds the frames",
            why=f"its stacks: {_listed({name: arrays[name] for name in stacks})}",
            hint=f"--array {stacks[0]}",
        )
    if len(arrays) == 1:  # what is wrong with it is told when it is looked at
        return next(iter(arrays))
    raise SequenceError(
        f"{path} holds no stack of frames",
        why=f"its arrays: {_listed(arrays)}" if arrays else "it has no arrays",
    )


def _listed(arrays: Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]) -> str:
    shown = [f"{name} {shape} {dtype.name}" for name, (shape, dtype) in list(arrays.items())[:_SHOWN]]
    return ", ".join(shown) + (", …" if len(arrays) > _SHOWN else "")
