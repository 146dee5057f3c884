"""Moving MNIST and its like: one array of many sequences, `mnist_test_seq.npy`.

The axes are `[20, N, H, W]` (time first) or `[N, 20, H, W]`, with channels last or before H.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqimg.data.generators.record import ARRAY, made_layout
from seqimg.data.items import Item
from seqimg.data.layouts.arrays import checked_count, stack_opened
from seqimg.data.layouts.base import Found, Layout
from seqimg.data.layouts.stacks import Stack, value_range
from seqimg.errors import UsageError
from seqimg.sequences.base import SequenceError

__all__ = ["MOVING_MNIST"]

_FEW = (1, 2, 3, 4)
_USUAL = 20  # frames of a Moving MNIST sequence
_CLEAR = 4  # times as many of one as of the other
_ORDERS = ("time-first", "sample-first")


@dataclass(frozen=True)
class _Order:
    """Which axis of a Moving MNIST array is which: `time`, `samples` and, if any, `channels`."""

    time_first: bool
    channels: int | None

    def sizes(self, shape: tuple[int, ...]) -> tuple[int, int, tuple[int, int, int]]:
        """Return the number of sequences, of frames, and (height, width, channels)."""
        samples, frames = (shape[1], shape[0]) if self.time_first else (shape[0], shape[1])
        rest = [size for axis, size in enumerate(shape) if axis >= 2 and axis != self.channels]
        return samples, frames, (rest[0], rest[1], 1 if self.channels is None else shape[self.channels])

    def letters(self) -> str:
        """Return the axes in words of one letter: N sequences, T frames."""
        tail = {None: "HW", 2: "CHW"}.get(self.channels, "HWC")
        return ("TN" if self.time_first else "NT") + tail


def _npy_shape(path: Path) -> tuple[int, ...] | None:
    if path.suffix.lower() != ".npy" or not path.is_file():
        return None
    try:
        shape = Stack.open(path).shape
    except (SequenceError, UsageError):
        return None
    # Four axes with one to four of something are one stack of frames.
    if (
        _is_ours(path)
        or len(shape) == 5
        or (len(shape) == 4 and shape[1] not in _FEW and shape[3] not in _FEW)
    ):
        return shape
    return None


def _is_ours(path: Path) -> bool:
    return path.name == ARRAY and made_layout(path.parent) is not None


def _detect_moving(path: Path) -> str | None:
    shape = _npy_shape(path)
    return None if shape is None else f"an array of shape {shape}"


def _order(path: Path, shape: tuple[int, ...], option: str) -> _Order:
    if option not in ("", *_ORDERS):
        raise UsageError(f"moving-mnist:{option} is not an order", why=f"orders: {', '.join(_ORDERS)}")
    if len(shape) not in (4, 5) or not all(shape):
        raise SequenceError(f"{path} is no Moving MNIST array", why=f"its shape is {shape}")
    channels = None
    if len(shape) == 5:
        found = [axis for axis in (4, 2) if shape[axis] in _FEW]
        if len(found) != 1:
            raise UsageError(
                f"the axes of {path} are ambiguous", why=f"its shape is {shape}: where are the channels?"
            )
        channels = found[0]
    if option or _is_ours(path):
        return _Order(option == "time-first", channels)
    first, second = shape[:2]
    if channels is None and not shape[1] != shape[2] == shape[3]:
        raise UsageError(
            f"the axes of {path} are ambiguous",
            why=f"its shape is {shape}: {first} frames of {shape[3]} channels, or many sequences of one channel?",
            hint="--axes THWC, or --layout moving-mnist:time-first, or moving-mnist:sample-first",
        )
    if (first == _USUAL) != (second == _USUAL):
        return _Order(first == _USUAL, channels)
    if max(first, second) < _CLEAR * min(first, second):
        raise UsageError(
            f"the axes of {path} are ambiguous",
            why=f"its shape is {shape}: are those {first} frames of {second} sequences?",
            hint="--layout moving-mnist:time-first, or moving-mnist:sample-first",
        )
    return _Order(first < second, channels)


def _moving(path: Path, found: Found) -> None:
    stack = Stack.open(path)
    order = _order(path, stack.shape, found.option)
    limits, how = value_range([stack], found.reading)
    samples, frames, size = order.sizes(stack.shape)
    for sample in range(checked_count(path, samples)):
        frame = partial(_moving_frame, stack, order, sample)
        opener = partial(stack_opened, f"{path}[{sample}]", stack, size, frames, limits, frame)
        found.items.append(Item(f"{path}[{sample}]", name=str(sample), opener=opener, cheap=True))
    told = "as told" if found.option else "as made" if _is_ours(path) else "told from its shape"
    found.detail = f"{frames} frames each, axes {order.letters()} ({told}), {how}"


def _moving_frame(stack: Stack, order: _Order, sample: int, time: int) -> NDArray[np.generic]:
    frame = stack.read(time, sample) if order.time_first else stack.read(sample, time)
    if order.channels is None:
        return frame[:, :, None]
    return frame.transpose(1, 2, 0) if order.channels == 2 else frame


MOVING_MNIST = Layout(
    "moving-mnist", "Moving MNIST .npy; moving-mnist:time-first or :sample-first", _detect_moving, _moving
)
