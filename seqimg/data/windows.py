"""Windows over sequences."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from seqimg.data.clips import Clip, ClipSource
from seqimg.data.generators.generator import Split
from seqimg.data.picking import Picks, crop_corners, pick, resampled, starts, unbroken
from seqimg.data.pixels import fill_missing
from seqimg.data.splits import Part, part_span
from seqimg.data.store import Box, FrameSource
from seqimg.data.transforms.geometry import mirrored
from seqimg.errors import SeqimgError

__all__ = ["WindowDataset", "lost_before"]

_MAX_VALUES = 2**30  # of one clip: whole sequences may be of any length


@dataclass(frozen=True)
class Window:
    """One clip: of which sequence, its first frame or the number of the view, and which crop of it."""

    store: int
    first: int
    crop: int = 0


class WindowDataset(Dataset[Clip]):
    """All windows of a part of some sequences, as clips.

    Item `i` beyond the length is the same window as `i % len`, seen in a later epoch with another
    crop and mirror image: a clip depends on (seed, i) alone. No window of neighbours reaches across frames
    that were left out: its frames are as far apart in time as they should be.

    Args:
        stores: The sequences.
        part: Which share of each.
        picks: How clips are cut; or else give the next two.
        length: Frames a clip.
        step: Frames from one window to the next.
        holdout: Share at the end of each sequence that is for testing.
        validation: Share of the rest that is for validation.
        splits: The part that each sequence belongs to as a whole, instead of `holdout` and `validation`.
        crop: Side of crops in pixels; 0 for whole frames, unaltered.
        crops: 0 for one random crop, mirrored at random; 1, 3 or 5 for as many fixed ones of each window.
        mirror: Whether random crops are mirrored, half of them.
        at_most: Keep this many windows, evenly spread; None keeps all.
        seed: Seed of the crops and mirror images.

    Example:
        >>> from seqimg.data import FrameStore
        >>> np.save(Path(tmp) / "windows.npy", np.zeros((20, 16, 16), np.uint8))
        >>> with FrameStore.read(str(Path(tmp) / "windows.npy"), 0) as store:
        ...     clips = WindowDataset([store], "all", length=8, step=4)
        ...     len(clips), clips[1].source.first
        (4, 4)
    """

    def __init__(
        self,
        stores: Sequence[FrameSource],
        part: Part,
        picks: Picks | None = None,
        *,
        length: int = 1,
        step: int = 1,
        holdout: float = 0.0,
        validation: float = 0.0,
        splits: Sequence[Split] | None = None,
        crop: int = 0,
        crops: int = 0,
        mirror: bool = True,
        at_most: int | None = None,
        seed: int = 0,
    ) -> None:
        self.stores, self.crop, self.crops, self.seed = list(stores), crop, crops, seed
        self.mirror = mirror
        self.picks = picks or Picks(length, step=step)
        self._crop_size = (
            min([crop, *(store.height for store in stores)]),
            min([crop, *(store.width for store in stores)]),
        )
        self._ticks: list[NDArray[np.int64] | range] = []
        self._runs: list[list[range]] = []
        for which, store in enumerate(stores):
            split = None if splits is None else splits[which]
            ticks, runs = _runs(store, self._places(store, part, split, holdout, validation), self.picks)
            self._ticks.append(ticks)
            self._runs.append(runs)
        windows = [
            Window(index, first, view)
            for index, runs in enumerate(self._runs)
            for first in _firsts(runs, self.picks)
            for view in range(max(crops, 1) if crop else 1)
        ]
        keep = len(windows) if at_most is None else min(at_most, len(windows))
        self.windows = [windows[number * len(windows) // keep] for number in range(keep)]

    def _places(
        self, store: FrameSource, part: Part, split: Split | None, holdout: float, validation: float
    ) -> NDArray[np.int64] | range:
        """Return the frames of a sequence to cut clips from, at the frame rate asked for."""
        count = len(store)
        if split is not None:
            span = range(count) if part in ("all", split) else range(0)
        else:
            span = part_span(count, part, holdout=holdout, validation=validation, length=self.picks.reach)
        if not self.picks.fps:
            return span
        places = resampled(store.times, self.picks.fps)
        return places[(places >= span.start) & (places < span.stop)]

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def owners(self) -> list[int]:
        """For each window, the index of its sequence."""
        return [window.store for window in self.windows]

    @cached_property
    def lengths(self) -> list[int]:
        """For each window, its number of frames as `collate` sees it."""
        if self.picks.length:
            return [self.picks.length] * len(self)
        return [-(-len(self._ticks[window.store]) // self.picks.stride) for window in self.windows]

    @cached_property
    def sizes(self) -> list[tuple[int, int]]:
        """For each window, height and width of its frames in pixels."""
        if self.crop:
            return [self._crop_size] * len(self)
        return [(store.height, store.width) for store in map(self.stores.__getitem__, self.owners)]

    @property
    def streamed(self) -> bool:
        """Whether clips follow one another, and have an answer at the end of their sequence only."""
        return self.picks.streamed

    def __getitem__(self, index: int) -> Clip:
        window = self.windows[index % len(self.windows)]
        store, ticks = self.stores[window.store], self._ticks[window.store]
        rng = np.random.default_rng((self.seed, index, 2)) if self.picks.jitter else None
        chosen, real = pick(len(ticks), self.picks, window.first, rng, self._runs[window.store])
        places = chosen + ticks.start if isinstance(ticks, range) else ticks[chosen]
        box, mirror = self._view(store, window, index)
        self._check_room(store, real)
        clip = self._clip(store, window, places, box)
        if self.picks.length > real:
            clip = _padded(clip, self.picks.length)
        return mirrored(clip, -1) if mirror else clip

    def _view(self, store: FrameSource, window: Window, index: int) -> tuple[Box, bool]:
        """Return the rows and columns to look at, and whether to mirror them."""
        if not self.crop:
            return (slice(0, store.height), slice(0, store.width)), False
        height, width = self._crop_size
        if self.crops:
            corners = crop_corners((store.height, store.width), self._crop_size, self.crops)
            (top, left), mirror = corners[window.crop], False
        else:
            rng = np.random.default_rng((self.seed, index))
            top = int(rng.integers(store.height - height + 1))
            left = int(rng.integers(store.width - width + 1))
            mirror = self.mirror and bool(rng.random() < 0.5)
        return (slice(top, top + height), slice(left, left + width)), mirror

    def _clip(self, store: FrameSource, window: Window, places: NDArray[np.int64], box: Box) -> Clip:
        frames, mask = store.frames(places, box), None
        if store.info.may_miss:
            frames, mask = fill_missing(frames)
        indices = store.indices[places]
        boxes = store.item.boxes
        if boxes is not None:
            full, small = (store.info.height, store.info.width), (store.height, store.width)
            found = boxes.at(indices).scaled(full, small)
            corner = torch.tensor([box[1].start, box[0].start] * 2, dtype=torch.float32)
            size = (box[0].stop - box[0].start, box[1].stop - box[1].start)
            boxes = found.moved(found.corners - corner, size)
        source = _source(store.path, indices, self.picks.stride, self._number(window))
        return Clip(
            frames,
            replace(source, sequence=window.store, ends=self._ends(window)),
            mask=mask,
            times=torch.from_numpy(store.times[places]),
            label=store.item.label,
            boxes=boxes,
        )

    def _number(self, window: Window) -> int:
        """Return which of a sequence's views times crops, or of the clips that follow one another, a window is."""
        if self.picks.streamed:
            return window.first // (self.picks.length * self.picks.stride)
        return (window.first if self.picks.views else 0) * max(self.crops, 1) + window.crop

    def _ends(self, window: Window) -> bool:
        reach = self.picks.length * self.picks.stride
        return not self.picks.streamed or window.first + reach >= len(self._ticks[window.store])

    def _check_room(self, store: FrameSource, frames: int) -> None:
        if frames * store.channels * store.height * store.width > _MAX_VALUES:
            raise SeqimgError(
                f"{store.path} has {frames:,} frames, too many for one clip",
                why=f"a clip holds at most {_MAX_VALUES:,} values in memory",
                hint="clips of a fixed length, or a larger --stride",
            )


def lost_before(store: FrameSource) -> NDArray[np.int64]:
    """Return for each frame how many of its sequence, damaged or missing, were left out before it."""
    places = store.item.places
    expected = store.indices if places is None else np.searchsorted(np.sort(places), store.indices)
    lost: NDArray[np.int64] = expected - np.arange(len(expected))
    return lost


def _runs(
    store: FrameSource, ticks: NDArray[np.int64] | range, picks: Picks
) -> tuple[NDArray[np.int64] | range, list[range]]:
    """Return the stretches of `ticks` to cut clips from; where all are too short, the longest and nothing else."""
    lost = lost_before(store)
    runs = unbroken(lost[ticks.start : ticks.stop] if isinstance(ticks, range) else lost[ticks], picks)
    if len(runs) > 1 or len(runs[0]) >= picks.reach:
        return ticks, runs
    return ticks[runs[0].start : runs[0].stop], [range(len(runs[0]))]


def _firsts(runs: Sequence[range], picks: Picks) -> list[int]:
    """Return the first frame of every window, or the number of every view."""
    if picks.views:
        return starts(max(map(len, runs)), picks)
    return [run.start + first for run in runs for first in starts(len(run), picks)]


def _source(path: str, indices: NDArray[np.int64], stride: int, view: int) -> ClipSource:
    first = int(indices[0])
    if bool((np.diff(indices) == stride).all()):
        return ClipSource(path, first, stride, view=view)
    return ClipSource(path, first, stride, tuple(indices.tolist()), view)


def _padded(clip: Clip, length: int) -> Clip:
    """Fill a clip up with nothing at its end."""
    real = len(clip.frames)

    def filled(tensor: Tensor) -> Tensor:
        return torch.cat([tensor, tensor.new_zeros(length - real, *tensor.shape[1:])])

    times = clip.times
    return replace(
        clip,
        frames=filled(clip.frames),
        mask=None if clip.mask is None else filled(clip.mask),
        times=None if times is None else torch.cat([times, times[-1:].expand(length - real)]),
        length=real,
    )
