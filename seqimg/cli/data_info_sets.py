"""The part of `seqimg data info` that tells of data sets: many sequences, and what is known of them."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqimg.config import ReadingConfig
from seqimg.errors import SeqimgError

if TYPE_CHECKING:
    from seqimg.data.layouts import Index

__all__ = ["lines_of_set", "set_at"]

_NAMED = 12


def set_at(path: str, reading: ReadingConfig, unreadable: SeqimgError) -> dict[str, Any]:
    """Return what a path holds that is no sequence itself but a data set.

    Args:
        path: Where it is.
        reading: How it is read.
        unreadable: Why it cannot be read as a sequence.

    Raises:
        SeqimgError: It is no data set either, or a damaged one.
    """
    place = Path(path)
    if not place.exists():
        raise unreadable
    # Data sets need torch, which takes its time to load.
    from seqimg.data import layouts

    try:
        index = layouts.read(path, "auto", reading)
    except SeqimgError:
        if place.suffix.lower() == ".json":
            raise  # it can be nothing else, so what is wrong with it as a data set is what is wrong
        raise unreadable from None
    if index.layout == "sequence":
        raise unreadable
    return _described(path, index)


def _described(path: str, index: "Index") -> dict[str, Any]:
    classes = index.classes
    labels, boxes = Counter[str](), Counter[str]()
    for item in index.items:
        if item.label is not None:
            several = (item.label,) if isinstance(item.label, int) else item.label
            labels.update(classes[number] for number in several)
        if item.boxes is not None:
            boxes.update(classes[number] for number in item.boxes.labels[~item.boxes.crowds].tolist())
    boxed = any(item.boxes is not None for item in index.items)
    parts = Counter(item.split for item in index.items if item.split is not None)
    return {
        "path": path,
        "format": "data set",
        "layout": index.layout,
        "sequences": len(index.items),
        "parts": dict(parts),
        "classes": list(classes),
        "labels": {name: labels[name] for name in classes} if labels else None,
        "boxes": {name: boxes[name] for name in classes} if boxed else None,
        "boxes_over_the_edge": index.over,
        "boxes_outside": index.beyond,
        "unusable": list(index.skipped),
        "sentence": index.sentence,
    }


def lines_of_set(told: Mapping[str, Any]) -> dict[str, str]:
    """Return what to print of a data set, by what it is about.

    Example:
        >>> told = {"layout": "coco-vid", "sequences": 2, "classes": ["car", "bus"], "labels": None, "parts": {}}
        >>> told |= {"boxes": {"car": 9, "bus": 0}, "boxes_over_the_edge": 0, "boxes_outside": 1, "unusable": []}
        >>> for name, text in lines_of_set(told).items():
        ...     print(f"{name}: {text}") if text else None
        data set: coco-vid, 2 sequences
        classes: 2 (car, bus)
        boxes: 9 (car 9)
        odd: 1 boxes outside their frame
        to be used: as --data of a training
    """
    classes = told["classes"]
    odd = [
        f"{count:,} {words}"
        for count, words in (
            (told["boxes_over_the_edge"], "boxes over the edge of their frame"),
            (told["boxes_outside"], "boxes outside their frame"),
        )
        if count
    ]
    return {
        "data set": f"{told['layout']}, {told['sequences']:,} sequence{'s' * (told['sequences'] != 1)}",
        "parts": ", ".join(f"{count:,} {name}" for name, count in told["parts"].items()),
        "classes": f"{len(classes):,} ({_some(classes)})" if classes else "",
        "labels": _counts(told["labels"]),
        "boxes": _counts(told["boxes"]),
        "odd": ", ".join(odd),
        "unusable": "; ".join(told["unusable"][:_NAMED]),
        "to be used": "as --data of a training",
    }


def _counts(counts: Mapping[str, int] | None) -> str:
    if counts is None:
        return ""
    named = [f"{name} {count:,}" for name, count in counts.items() if count]
    return f"{sum(counts.values()):,}" + (f" ({_some(named)})" if named else "")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
