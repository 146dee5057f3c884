"""The sequences that `--data` names, opened: decoded to disk, or read when they are needed."""

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import torch

from seqimg.config import TaskConfig
from seqimg.data import layouts
from seqimg.data.items import Item
from seqimg.data.lazy import LazyFrames, OpenSequences
from seqimg.data.pixels import working_size
from seqimg.data.pool import FramePool
from seqimg.data.store import FrameSource, FrameStore, frame_bytes
from seqimg.errors import SeqimgError
from seqimg.sequences.base import SequenceError
from seqimg.sequences.pictures.numbering import natural_key

__all__ = ["Sources", "open_indices", "open_sources"]

_SAID = 4  # more sequences than these are summed up
_SHARE = 0.5  # of the free temporary space that decoding may take unasked
_LOOKED_AT = 8  # sequences whose size stands for that of all


@dataclass(frozen=True)
class Sources:
    """Opened sequences.

    Attributes:
        stores: Their frames.
        readings: What was understood and left out, in sentences.
        classes: Names of the classes.
        many: Whether they come from data sets of several sequences.
        skipped: How many sequences were left out as a whole.
    """

    stores: tuple[FrameSource, ...]
    readings: tuple[str, ...]
    classes: tuple[str, ...]
    many: bool
    skipped: int = 0


def open_sources(config: TaskConfig, opened: ExitStack) -> Sources:
    """Open all sequences that `config.data` names.

    Args:
        config: Names them, and says how to read them.
        opened: Takes what is to be closed in the end.

    Raises:
        SeqimgError: A sequence cannot be read and none may be left out, or no sequence is left.
    """
    return open_indices(config, [layouts.read(path, config.layout, config) for path in config.data], opened)


def open_indices(config: TaskConfig, indices: Sequence[layouts.Index], opened: ExitStack) -> Sources:
    """Open all sequences of data sets.

    Args:
        config: Says how to read them.
        indices: What is in the data sets.
        opened: Takes what is to be closed in the end.

    Raises:
        SeqimgError: A sequence cannot be read and none may be left out, or no sequence is left.
    """
    indices = _with_common_classes(indices)
    classes = next((index.classes for index in indices if index.classes), ())
    many = any(index.layout != "sequence" for index in indices)
    skipped = [line for index in indices for line in index.skipped]
    items = [item for index in indices for item in index.items]
    stores: list[FrameSource] = []
    lazily, note = _lazily(config, items)
    opener = _Opener(config, lazily)
    for index in indices:
        for item in index.items:
            try:
                source = opener.open(item)
            except SequenceError as error:
                # One named by itself is wanted for certain; one of many may be left out, and is reported.
                if index.layout == "sequence" or config.on_error != "skip":
                    raise _with_way_out(error, index.layout) from error
                skipped.append(f"{error.message}: {error.why}" if error.why else error.message)
                continue
            opened.callback(source.close)
            stores.append(source)
    if not stores:
        raise SeqimgError(
            f"nothing of {', '.join(config.data)} can be used", why=skipped[0] if skipped else None
        )
    sentences = [index.sentence for index in indices if index.sentence]
    readings = (*sentences, *_said(stores), *note, *_left_out(skipped))
    return Sources(tuple(stores), readings, classes, many, len(skipped))


class _Opener:
    """Opens items one after the other, all with one temporary file or one set of open sequences."""

    def __init__(self, config: TaskConfig, lazily: bool) -> None:
        self._config, self._lazily = config, lazily
        self._pool: FramePool | None = None
        self._opened = OpenSequences()

    def open(self, item: Item) -> FrameSource:
        if self._lazily or (item.cheap and self._config.cache != "disk"):
            return LazyFrames(item, self._config.size, self._config, self._opened)
        self._pool = self._pool or FramePool()
        return FrameStore.read(item, self._config.size, self._config, self._pool)


def _lazily(config: TaskConfig, items: Sequence[Item]) -> tuple[bool, tuple[str, ...]]:
    """Decide whether frames are read when they are needed, and what to say of it."""
    costly = [item for item in items if not item.cheap]
    if config.cache != "auto" or not costly:
        return config.cache == "none", ()
    needed, looked = 0, 0
    for item in costly[:: max(1, len(costly) // _LOOKED_AT)]:
        try:
            with item.open(config) as sequence:
                info = sequence.info
        except SeqimgError:
            continue  # opening it for good will say why
        size = working_size(info.height, info.width, config.size)
        count = info.frame_count if item.places is None else len(item.places)
        needed, looked = needed + frame_bytes(info, size) * (count or 0), looked + 1
    total = needed / max(looked, 1) * len(costly)
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if total <= _SHARE * free:
        return False, ()
    said = f"Reading frames when they are needed: decoded, they would take about {total / 1e9:.1f} GB"
    room = f"of temporary space, where {free / 1e9:.1f} GB are free"
    return True, (f"{said} {room} (--cache disk does it all the same).",)


def _with_common_classes(indices: Sequence[layouts.Index]) -> list[layouts.Index]:
    """Return data sets whose labels are places in one list of classes, those of all of them."""
    named = [index.classes for index in indices if index.classes]
    if len(set(named)) < 2:
        return list(indices)
    classes = tuple(sorted({name for names in named for name in names}, key=natural_key))
    found = []
    for index in indices:
        numbers = [classes.index(name) for name in index.classes]
        items = tuple(_renumbered(item, numbers) for item in index.items)
        found.append(replace(index, classes=classes, items=items))
    return found


def _renumbered(item: Item, numbers: list[int]) -> Item:
    boxes = item.boxes
    if boxes is not None:
        boxes = replace(boxes, labels=torch.tensor(numbers, dtype=torch.int64)[boxes.labels])
    label = item.label
    if label is not None:
        label = tuple(numbers[one] for one in label) if isinstance(label, tuple) else numbers[label]
    return replace(item, label=label, boxes=boxes)


def _said(stores: Sequence[FrameSource]) -> list[str]:
    """Say what was understood of each sequence, or of many in a line."""
    losses = [store.losses for store in stores if store.losses is not None]
    if len(stores) <= _SAID:
        return [
            line for store in stores for line in (store.info.sentence(), store.losses) if line is not None
        ]
    lengths = [len(store) for store in stores]
    sizes = sorted({(store.info.width, store.info.height) for store in stores})
    shown = ", ".join(f"{width}×{height}" for width, height in sizes[:3]) + (", …" if len(sizes) > 3 else "")
    frames = f"{min(lengths):,} to {max(lengths):,}" if min(lengths) < max(lengths) else f"{lengths[0]:,}"
    frames += " frames" if max(lengths) > 1 else " frame"
    kinds = sorted({store.info.kind for store in stores})
    what = f"{len(stores):,} sequences of {frames}, {sum(lengths):,} in all, {shown}, {', '.join(kinds[:3])}."
    return [what, *_several(losses)]


def _left_out(skipped: Sequence[str]) -> list[str]:
    if not skipped:
        return []
    return [f"Left out {len(skipped):,} {'items' if len(skipped) > 1 else 'item'}:", *_several(skipped)]


def _several(lines: Sequence[str], most: int = 8) -> list[str]:
    more = [f"… and {len(lines) - most:,} more"] if len(lines) > most else []
    return [*lines[:most], *more]


def _with_way_out(error: SequenceError, layout: str) -> SequenceError:
    if layout == "sequence" or error.hint:
        return error
    return SequenceError(error.message, why=error.why, hint="--on-error skip, to leave it out and report it")
