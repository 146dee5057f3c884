"""What every generator of synthetic sequences has in common: its signature, its randomness, its limits.

A generator may return plain frames, or a [Sample][seqimg.data.generators.samples.Sample] where it knows more than the
frames show: a label, boxes, optical flow. Keyword-only parameters beyond the contract's are its options;
they need defaults and annotations, and users set them as `demo:NAME?option=value` or with
`seqimg data make NAME --option option=value`.

Example:
    A plugin's generator with an option, registered as
    `DatasetSpec(name="blink", summary="…", dataset="seqimg_mine:blink")`:

        def blink(index, *, length, size, seed, split, period: int = 4) -> Sample:
            check_request(index, length=length, size=size, seed=seed, split=split, channels=1)
            phase = generator_rng("blink", index, seed, split).integers(period)
            lit = (np.arange(length) + phase) // period % 2
            frames = np.broadcast_to(255 * lit[:, None, None, None], (length, *size, 1))
            classes = ("starts-dark", "starts-lit")
            return Sample(frames.astype(np.uint8), label=classes[lit[0]], classes=classes)
"""

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias, get_args
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from seqimg.data.generators.samples import Frames8, Sample
from seqimg.errors import UsageError, did_you_mean

__all__ = ["BatchGenerator", "Frames8", "Generator", "Split", "check_request", "draws", "generator_rng"]

Split: TypeAlias = Literal["train", "val", "test"]
"""Which part of the data a sequence belongs to; no picture is shared between two of them."""

_SIDE = (8, 4096)
_MAX_BYTES = 2**31
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Generator(Protocol):
    """A function that makes the sequence of a given number, out of nothing but its arguments.

    The same arguments give the same frames in any process and in any order of calls, so that a
    data set of any length needs no file: sequence `index` of 0, 1, 2, … is made when it is asked for.

    Example:
        >>> def waves(index, *, length, size, seed, split):
        ...     check_request(index, length=length, size=size, seed=seed, split=split, channels=1)
        ...     start = generator_rng("waves", index, seed, split).integers(size[1])
        ...     frames = np.zeros((length, *size, 1), np.uint8)
        ...     for time in range(length):
        ...         frames[time, :, (start + time) % size[1]] = 255
        ...     return frames
        >>> generator: Generator = waves
        >>> generator(0, length=3, size=(16, 16), seed=0, split="train").shape
        (3, 16, 16, 1)
    """

    def __call__(
        self, index: int, *, length: int, size: tuple[int, int], seed: int, split: Split
    ) -> Frames8 | Sample:
        """Make one sequence.

        Args:
            index: Which sequence, 0 or more; there is no last one.
            length: Number of frames T, 1 or more.
            size: Height and width in pixels.
            seed: Which data set, 0 or more.
            split: Which part; pictures of one part never appear in another.

        Returns:
            Frames `[T, H, W, C]`, uint8, 0..255, alone or in a `Sample` with what else is known of them.

        Raises:
            UsageError: An argument is out of its range.
        """
        ...


class BatchGenerator(Protocol):
    """The same as a generator, for many sequences of plain frames at once, where that is quicker.

    Example:
        >>> from seqimg.data.generators import moving_digits_batch
        >>> moving_digits_batch([0, 7], length=3, size=(64, 64), seed=0, split="train").shape
        (2, 3, 64, 64, 1)
    """

    def __call__(
        self, indices: Sequence[int], *, length: int, size: tuple[int, int], seed: int, split: Split
    ) -> Frames8:
        """Return `[N, T, H, W, C]`: for each index exactly what the generator makes of it alone.

        Args:
            indices: Which sequences, N of them.
            length: Number of frames T.
            size: Height and width in pixels.
            seed: Which data set.
            split: Which part of it.
        """
        ...


def draws(name: str, indices: Sequence[int], seed: int, split: Split, count: int) -> NDArray[np.float64]:
    """Return `[N, count]` numbers in [0, 1), a row for each index: what `generator_rng` is, for many at once.

    A row depends on nothing but its own index, name, seed and split. It is computed by hashing
    (SplitMix64's finaliser, twice).

    Args:
        name: The generator's name.
        indices: Which sequences, N of them.
        seed: Which data set.
        split: Which part of it.
        count: How many numbers each gets.

    Example:
        >>> both, one = (draws("mine", which, seed=0, split="train", count=4) for which in ([5, 9], [9]))
        >>> both.shape, bool((both[1] == one[0]).all())
        ((2, 4), True)
    """
    key = (crc32(name.encode()), get_args(Split).index(split))
    first, second = np.random.SeedSequence(seed, spawn_key=key).generate_state(2, np.uint64)
    numbers = np.array([index % 2**64 for index in indices], np.uint64)[:, None]
    columns = np.arange(1, count + 1, dtype=np.uint64)
    mixed = _mixed(_mixed(numbers * _GOLDEN ^ first) ^ (columns * _GOLDEN + second))
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def generator_rng(name: str, index: int, seed: int, split: Split) -> np.random.Generator:
    """Return the random source of one sequence: independent of every other name, split, seed and index.

    Args:
        name: The generator's name.
        index: Which sequence.
        seed: Which data set.
        split: Which part of it.

    Example:
        >>> one, same = (generator_rng("waves", 5, seed=0, split="train").random() for _ in range(2))
        >>> one == same
        True
    """
    key = (crc32(name.encode()), get_args(Split).index(split), index)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def check_request(
    index: int, *, length: int, size: tuple[int, int], seed: int, split: Split, channels: int
) -> None:
    """Refuse, before anything is allocated, what no generator can make.

    Args:
        index: Which sequence.
        length: Number of frames T.
        size: Height and width in pixels.
        seed: Which data set.
        split: Which part of it.
        channels: Channels of the frames.

    Raises:
        UsageError: An argument is out of its range, or the frames would take more than 2 GiB.

    Example:
        >>> check_request(0, length=0, size=(64, 64), seed=0, split="train", channels=3)
        Traceback (most recent call last):
        ...
        seqimg.errors.UsageError: length is 0
        it must be 1 or more
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
