"""What every generator of synthetic sequences has in common: its signature, its randomness, its limits."""

from typing import Literal, Protocol, TypeAlias, get_args
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from seqimg.errors import UsageError, did_you_mean

__all__ = ["Frames8", "Generator", "Split", "check_request", "generator_rng"]

Split: TypeAlias = Literal["train", "val", "test"]
"""Which part of the data a sequence belongs to; no picture is shared between two of them."""

Frames8: TypeAlias = NDArray[np.uint8]
"""Frames of 8 bits: `[T, H, W, C]`, values 0..255."""

_SIDE = (8, 4096)
_MAX_BYTES = 2**31


class Generator(Protocol):
    """A function that makes the sequence of a given number, out of nothing but its arguments.

    The same arguments give the same frames in any process and in any order of calls, so that a
    data set of any length needs no file: sequence `index` of 0, 1, 2, … is made when it is asked for.
    """

    def __call__(self, index: int, *, length: int, size: tuple[int, int], seed: int, split: Split) -> Frames8:
        """Make one sequence.

        Args:
            index: Which sequence, 0 or more; there is no last one.
            length: Number of frames T, 1 or more.
            size: Height and width in pixels.
            seed: Which data set, 0 or more.
            split: Which part; pictures of one part never appear in another.

        Returns:
            Frames `[T, H, W, C]`, uint8, 0..255.

        Raises:
            UsageError: An argument is out of its range.
        """
        ...


def generator_rng(name: str, index: int, seed: int, split: Split) -> np.random.Generator:
    """Return the random source of one sequence: independent of every other name, split, seed and index."""
    key = (crc32(name.encode()), get_args(Split).index(split), index)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def check_request(
    index: int, *, length: int, size: tuple[int, int], seed: int, split: Split, channels: int
) -> None:
    """Refuse, before anything is allocated, what no generator can make.

    Raises:
        UsageError: An argument is out of its range, or the frames would take more than 2 GiB.
    """
    splits: tuple[str, ...] = get_args(Split)
    if split not in splits:
        near = did_you_mean(split, splits) or splits[0]
        raise UsageError(f"no split {split!r}", why=f"there are {', '.join(splits)}", hint=near)
    for name, value, least in (("index", index, 0), ("seed", seed, 0), ("length", length, 1)):
        if value < least:
            raise UsageError(f"{name} is {value}", why=f"it must be {least} or more")
    if not all(_SIDE[0] <= side <= _SIDE[1] for side in size):
        raise UsageError(
            f"frames of {size[0]}x{size[1]} pixels", why=f"each side must be {_SIDE[0]} to {_SIDE[1]} pixels"
        )
    if length * size[0] * size[1] * channels > _MAX_BYTES:
        raise UsageError(
            f"{length} frames of {size[0]}x{size[1]} pixels",
            why="a sequence is made in memory, which is limited to 2 GiB",
            hint="ask for fewer or smaller frames",
        )
