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

    Args:
        value: One number for both, or (height, width).

    Example:
        >>> pair(3), pair((1, 5))
        ((3, 3), (1, 5))
    """
    return (value, value) if isinstance(value, int) else value


def check_channels(cell: str, input_channels: int, hidden_channels: int) -> None:
    """Refuse channels that no cell can have.

    Args:
        cell: Name of the cell, for the message.
        input_channels: X, 0 or more.
        hidden_channels: C, 1 or more.

    Raises:
        UsageError: They are no whole numbers, or too small.

    Example:
        >>> check_channels("gru", 3, 0)
        Traceback (most recent call last):
        ...
        seqimg.errors.UsageError: gru cannot have 3 input and 0 hidden channels
        the input needs 0 or more channels, the state at least 1
    """
    counts = (input_channels, hidden_channels)
    if not all(_is_whole(count) for count in counts) or input_channels < 0 or hidden_channels < 1:
        raise UsageError(
            f"{cell} cannot have {input_channels} input and {hidden_channels} hidden channels",
            why="the input needs 0 or more channels, the state at least 1",
        )


def check_choice(cell: str, option: str, value: object, known: Iterable[str]) -> None:
    """Refuse a value that is not one of the known words.

    Args:
        cell: Name of the cell, for the message.
        option: Name of the option.
        value: What was given.
        known: The words there are.

    Raises:
        UsageError: It is none of them; the message has the nearest.

    Example:
        >>> check_choice("gru", "reset", "befor", ["before", "after"])
        Traceback (most recent call last):
        ...
        seqimg.errors.UsageError: gru has no reset='befor'
        it is one of before, after
        Try: reset='before'
    """
    words = list(known)
    if value not in words:
        near = did_you_mean(str(value), words)
        raise UsageError(
            f"{cell} has no {option}={value!r}",
            why=f"it is one of {', '.join(words)}",
            hint=f"{option}={near!r}" if near else None,
        )


def check_count(cell: str, option: str, value: object) -> None:
    """Refuse a number of things that is not a whole number from 1 up.

    Args:
        cell: Name of the cell, for the message.
        option: Name of the option.
        value: What was given.

    Raises:
        UsageError: It is something else.

    Example:
        >>> check_count("traj_gru", "links", 0)
        Traceback (most recent call last):
        ...
        seqimg.errors.UsageError: traj_gru cannot use links=0
        it is a whole number from 1 up
    """
    if not _is_whole(value) or value < 1:
        raise UsageError(f"{cell} cannot use {option}={value!r}", why="it is a whole number from 1 up")


def check_flag(cell: str, option: str, value: object) -> None:
    """Refuse a switch that is neither on nor off.

    Args:
        cell: Name of the cell, for the message.
        option: Name of the option.
        value: What was given.

    Raises:
        UsageError: It is something else.

    Example:
        >>> check_flag("conv_lstm", "peepholes", 1)
        Traceback (most recent call last):
        ...
        seqimg.errors.UsageError: conv_lstm cannot use peepholes=1
        it is True or False
    """
    if not isinstance(value, bool):
        raise UsageError(f"{cell} cannot use {option}={value!r}", why="it is True or False")


def check_groups(cell: str, groups: int, input_channels: int, hidden_channels: int) -> None:
    """Refuse groups that do not divide the channels.

    Args:
        cell: Name of the cell, for the message.
        groups: What was given.
        input_channels: X.
        hidden_channels: C.

    Raises:
        UsageError: They do not.

    Example:
        >>> check_groups("conv_gru", 2, 4, 5)
        Traceback (most recent call last):
        ...
        seqimg.errors.UsageError: conv_gru cannot use groups=2
        it has to divide 4 input and 5 hidden channels
        Try: groups=1
    """
    if not _is_whole(groups) or groups < 1 or input_channels % groups or hidden_channels % groups:
        raise UsageError(
            f"{cell} cannot use groups={groups!r}",
            why=f"it has to divide {input_channels} input and {hidden_channels} hidden channels",
            hint="groups=1",
        )


def check_odd(cell: str, option: str, value: object) -> None:
    """Refuse a kernel size, one number, that is not odd and positive.

    Args:
        cell: Name of the cell, for the message.
        option: Name of the option.
        value: What was given.

    Raises:
        UsageError: It is something else.

    Example:
        >>> check_odd("conv_gru", "kernel_size", 4)
        Traceback (most recent call last):
        ...
        seqimg.errors.UsageError: conv_gru cannot use kernel_size=4
        only odd kernels keep the size of the picture
        Try: kernel_size=3
    """
    check_count(cell, option, value)
    odd_size(cell, option, value)


def odd_size(cell: str, option: str, value: object) -> tuple[int, int]:
    """Return a kernel size as (height, width), odd and positive.

    Args:
        cell: Name of the cell, for the message.
        option: Name of the option.
        value: What was given: one number, or two.

    Raises:
        UsageError: It is something else, or even.

    Example:
        >>> odd_size("conv_gru", "kernel_size", 3), odd_size("conv_gru", "kernel_size", (3, 5))
        ((3, 3), (3, 5))
    """
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
    """Return a dilation as (height, width), positive.

    Args:
        cell: Name of the cell, for the message.
        option: Name of the option.
        value: What was given: one number, or two.

    Raises:
        UsageError: It is something else.

    Example:
        >>> dilation("conv_gru", "dilation", 2), dilation("conv_gru", "dilation", [1, 2])
        ((2, 2), (1, 2))
    """
    sides = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(sides) == 2 and all(_is_whole(side) and side >= 1 for side in sides):
        return sides
    raise UsageError(
        f"{cell} cannot use {option}={value!r}",
        why="it is a whole number from 1 up, or two of them: (height, width)",
    )


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
