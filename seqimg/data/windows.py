"""Windows over sequences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch.utils.data import Dataset

from seqimg.data.clips import Clip, ClipSource
from seqimg.data.store import FrameStore

__all__ = ["Part", "WindowDataset", "part_span"]

Part = Literal["all", "train", "val", "test"]
"""Share of each sequence: training, validation and test follow one another in time."""


def part_span(frames: int, part: Part, *, holdout: float, validation: float, length: int) -> range:
    """Return the frames of a sequence that belong to a part.

    The last `holdout` of the frames are for testing. Of the rest the last `validation` are for
    validation, at least one window if that leaves as much for training.

    Example:
        >>> [part_span(100, p, holdout=0.3, validation=0.1, length=10) for p in ("train", "val", "test")]
        [range(0, 60), range(60, 70), range(70, 100)]
    """
    test = frames - round(frames * holdout)
    val = test - round(test * validation)
    if validation > 0 and test >= 2 * length:
        val = min(val, test - length)
    return {"all": range(frames), "train": range(val), "val": range(val, test), "test": range(test, frames)}[
        part
    ]


@dataclass(frozen=True)
class Window:
    """One position of the window: which sequence and which first frame."""

    store: int
    first: int


class WindowDataset(Dataset[Clip]):
    """All windows of a part of some sequences, as clips.

    Item `i` beyond the length is the same window as `i % len`, seen in a later epoch with another
    crop and mirror image: a clip depends on (seed, i) alone.

    Args:
        stores: The sequences.
        part: Which share of each.
        length: Frames a clip.
        step: Frames from one window to the next.
        holdout: Share at the end of each sequence that is for testing.
        validation: Share of the rest that is for validation.
        crop: Side of random crops in pixels; 0 for whole frames, unaltered.
        at_most: Keep this many windows, evenly spread; None keeps all.
        seed: Seed of the crops and mirror images.
    """

    def __init__(
        self,
        stores: Sequence[FrameStore],
        part: Part,
        *,
        length: int,
        step: int = 1,
        holdout: float = 0.0,
        validation: float = 0.0,
        crop: int = 0,
        at_most: int | None = None,
        seed: int = 0,
    ) -> None:
        self.stores, self.length, self.crop, self.seed = list(stores), length, crop, seed
        windows = [
            Window(index, first)
            for index, store in enumerate(stores)
            for span in [part_span(len(store), part, holdout=holdout, validation=validation, length=length)]
            for first in range(span.start, span.stop - length + 1, step)
        ]
        keep = len(windows) if at_most is None else min(at_most, len(windows))
        self.windows = [windows[number * len(windows) // keep] for number in range(keep)]
        self._crop_size = (
            min([crop, *(store.height for store in stores)]),
            min([crop, *(store.width for store in stores)]),
        )

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def owners(self) -> list[int]:
        """For each window, the index of its sequence."""
        return [window.store for window in self.windows]

    def __getitem__(self, index: int) -> Clip:
        window = self.windows[index % len(self.windows)]
        store = self.stores[window.store]
        source = ClipSource(store.path, window.first)
        if not self.crop:
            box = (slice(None), slice(None))
            return Clip(store.frames(window.first, self.length, box), source)
        height, width = self._crop_size
        rng = np.random.default_rng((self.seed, index))
        top, left = rng.integers(store.height - height + 1), rng.integers(store.width - width + 1)
        frames = store.frames(
            window.first, self.length, (slice(top, top + height), slice(left, left + width))
        )
        return Clip(frames.flip(-1) if rng.random() < 0.5 else frames, source)
