"""Data with boxes: what a detector can learn from, and what has to be said of it first."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from seqimg.data import Boxes, ClipDataset, Datasets, WindowDataset
from seqimg.data.classes import Matched, with_classes
from seqimg.errors import SeqimgError
from seqimg_detect.stills import WithStills

__all__ = ["checked", "knows_visibility"]

_LAYOUTS = "--layout coco-vid or mot; docs/how-to/detect.md shows both"


def checked(data: Datasets, classes: Sequence[str] = ()) -> Datasets:
    """Return data sets that have boxes, their labels places in `classes`, or in the data's own where there are none.

    Raises:
        SeqimgError: A sequence has no boxes, none at all are there to learn from, or some are of a class that is
            not wanted.
    """
    try:
        for part in (data.train, data.val, data.test):
            _check(part)
        matched = with_classes(data, classes) if classes and data.classes else data
        if not data.classes:
            raise SeqimgError("these data name no classes", why="a box needs one", hint=_LAYOUTS)
    except BaseException:
        data.close()
        raise
    return replace(matched, readings=(*data.readings, *_counts(data)))


def knows_visibility(data: Datasets) -> bool:
    """Return whether the data say what can be seen of things."""
    return any(bool((~boxes.visible.isnan()).any()) for boxes in _boxes(data.train))


def _check(clips: ClipDataset) -> None:
    for path, boxes in _sequences(clips):
        if boxes is None:
            raise SeqimgError(
                f"{path} comes without boxes", why="a detector learns from boxes", hint=_LAYOUTS
            )


def _sequences(clips: ClipDataset) -> Iterator[tuple[str, Boxes | None]]:
    """Yield the boxes of each sequence that clips are cut from; of generated ones, those of one clip of each."""
    while isinstance(clips, Matched | WithStills):
        clips = clips.clips
    if isinstance(clips, WindowDataset):
        for store in (clips.stores[owner] for owner in sorted(set(clips.owners))):
            yield store.path, store.item.boxes
        return
    owners = clips.owners
    for owner in sorted(set(owners)):
        clip = clips[owners.index(owner)]
        yield clip.source.path, clip.boxes


def _boxes(clips: ClipDataset) -> Iterator[Boxes]:
    return (boxes for _, boxes in _sequences(clips) if boxes is not None)


def _counts(data: Datasets) -> tuple[str, ...]:
    """Say how many boxes of each class there are to learn from; of generated data nobody knows."""
    if not isinstance(data.train, WindowDataset):
        return ()
    counts: Counter[int] = Counter()
    for boxes in _boxes(data.train):
        counts.update(boxes.labels[~boxes.crowds].tolist())
    total = sum(counts.values())
    if not total:
        raise SeqimgError(
            f"there is no box to learn from in {data.train.stores[0].path}"
            + (" and the others" if len(data.train.stores) > 1 else ""),
            why="the annotations are empty",
        )
    each = ", ".join(f"{counts[place]:,} {name}" for place, name in enumerate(data.classes))
    said = [
        f"{total:,} boxes of {len(data.classes)} {'class' if len(data.classes) == 1 else 'classes'}: {each}."
    ]
    few = [name for place, name in enumerate(data.classes) if counts[place] < 2]
    if few:
        said.append(f"Of {', '.join(few)} there is hardly anything to learn from: one box or none.")
    return tuple(said)
