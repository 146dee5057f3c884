"""Checks that cells make of their options: one clear error for each impossible value."""

from collections.abc import Iterable
from typing import TypeGuard

from seqimg.errors import UsageError, did_you_mean

__all__ = [
    "Pair",
    "check_channels",
    "check_choice",
    "check_count",
    "check_flag",
    "check_groups",
    "check_odd",
    "dilation",
    "odd_size",
    "pair",
]

Pair = int | tuple[int, int]
"""A number for both spatial axes, or one for each: (height, width)."""


def pair(value: Pair) -> tuple[int, int]:
    """Return (height, width).

    Example:
        >>> pair(3), pair((1, 5))
        ((3, 3), (1, 5))
    """
    return (value, value) if isinstance(value, int) else value


def check_channels(cell: str, input_channels: int, hidden_channels: int) -> None:
    """Refuse channels that no cell can have."""
    counts = (input_channels, hidden_channels)
    if not all(_is_whole(count) for count in counts) or input_channels < 0 or hidden_channels < 1:
        raise UsageError(
            f"{cell} cannot have {input_channels} input and {hidden_channels} hidden channels",
            why="the input needs 0 or more channels, the state at least 1",
        )


def check_choice(cell: str, option: str, value: object, known: Iterable[str]) -> None:
    """Refuse a value that is not one of the known words."""
    words = list(known)
    if value not in words:
        near = did_you_mean(str(value), words)
        raise UsageError(
            f"{cell} has no {option}={value!r}",
            why=f"it is one of {', '.join(words)}",
            hint=f"{option}={near!r}" if near else None,
        )


def check_count(cell: str, option: str, value: object) -> None:
    """Refuse a number of things that is not a whole number from 1 up."""
    if not _is_whole(value) or value < 1:
        raise UsageError(f"{cell} cannot use {option}={value!r}", why="it is a whole number from 1 up")


def check_flag(cell: str, option: str, value: object) -> None:
    """Refuse a switch that is neither on nor off."""
    if not isinstance(value, bool):
        raise UsageError(f"{cell} cannot use {option}={value!r}", why="it is True or False")


def check_groups(cell: str, groups: int, input_channels: int, hidden_channels: int) -> None:
    """Refuse groups that do not divide the channels."""
    if not _is_whole(groups) or groups < 1 or input_channels % groups or hidden_channels % groups:
        raise UsageError(
            f"{cell} cannot use groups={groups!r}",
            why=f"it has to divide {input_channels} input and {hidden_channels} hidden channels",
            hint="groups=1",
        )


def check_odd(cell: str, option: str, value: object) -> None:
    """Refuse a kernel size, one number, that is not odd and positive."""
    check_count(cell, option, value)
    odd_size(cell, option, value)


def odd_size(cell: str, option: str, value: object) -> tuple[int, int]:
    """Return a kernel size as (height, width), odd and positive."""
    size = dilation(cell, option, value)
    if any(side % 2 == 0 for side in size):
        nearest = tuple(side - 1 if side % 2 == 0 else side for side in size)
        raise UsageError(
            f"{cell} cannot use {option}={value!r}",
            why="only odd kernels keep the size of the picture",
            hint=f"{option}={nearest[0] if isinstance(value, int) else nearest}",
        )
    return size


def dilation(cell: str, option: str, value: object) -> tuple[int, int]:
    """Return a dilation as (height, width), positive."""
    sides = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(sides) == 2 and all(_is_whole(side) and side >= 1 for side in sides):
        return sides
    raise UsageError(
        f"{cell} cannot use {option}={value!r}",
        why="it is a whole number from 1 up, or two of them: (height, width)",
    )


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
