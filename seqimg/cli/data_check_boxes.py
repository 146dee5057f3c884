"""The part of `seqimg data check` that looks at data sets of boxes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seqimg.cli.output import on_one_line
from seqimg.config import ReadingConfig
from seqimg.errors import SeqimgError

__all__ = ["BoxesCheck", "check_boxes", "rows"]

_NAMED = 5


@dataclass(frozen=True)
class BoxesCheck:
    """What a data set of boxes holds.

    Attributes:
        path: Where it was said to be.
        layout: How it lies on the disk.
        sequences: Paths of its sequences.
        boxes: Number of boxes of each class.
        over: Boxes that reach over the edge of their frame.
        beyond: Boxes outside their frame.
        unseen: Boxes of things of which less than a quarter can be seen, None if nobody says.
        empty: Names of sequences without boxes.
        unusable: What cannot be used, and why.
    """

    path: str
    layout: str
    sequences: tuple[str, ...]
    boxes: dict[str, int]
    over: int
    beyond: int
    unseen: int | None
    empty: tuple[str, ...]
    unusable: tuple[str, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """What has to be mended."""
        found = list(self.unusable)
        if self.beyond:
            found.append(f"boxes outside their frame: {self.beyond:,}")
        if self.sequences and not any(self.boxes.values()):
            found.append("it has no boxes")
        return tuple(found)


def check_boxes(path: str, reading: ReadingConfig, *, strict: bool) -> BoxesCheck | None:
    """Return what is at a path if it is a data set of boxes, COCO-VID or MOT challenge; None if it is not.

    Args:
        path: A file or a folder, or any other name of a sequence.
        reading: How it is read; items that cannot be used are to be left out.
        strict: Whether it is an error that nothing of it can be used, rather than one more finding.

    Raises:
        SeqimgError: It is, and nothing can.
    """
    if not _may_have_boxes(Path(path)):
        return None
    # Boxes need torch, which takes its time to load.
    from seqimg.data import layouts

    try:
        index = layouts.read(path, "auto", reading)
    except SeqimgError as error:
        if strict:
            raise
        why = f"{error.message}: {error.why}" if error.why else error.message
        return BoxesCheck(path, "", (), {}, 0, 0, None, (), (why,))
    if index.layout not in ("coco-vid", "mot"):
        return None
    several = [item.boxes for item in index.items if item.boxes is not None]
    counts = [0] * len(index.classes)
    for boxes in several:
        single = boxes.labels[~boxes.crowds]
        for label, count in enumerate(single.bincount(minlength=len(counts)).tolist()):
            counts[label] += count
    unseen = sum(int((boxes.visible < 0.25).sum()) for boxes in several)
    told = any(bool((~boxes.visible.isnan()).any()) for boxes in several)
    return BoxesCheck(
        path,
        index.layout,
        tuple(item.path for item in index.items),
        dict(zip(index.classes, counts, strict=True)),
        index.over,
        index.beyond,
        unseen if told else None,
        tuple(item.name for item in index.items if not item.boxes),
        index.skipped,
    )


def _may_have_boxes(path: Path) -> bool:
    """Tell by names whether a path looks like a data set of boxes."""
    try:
        if path.is_file():
            return path.suffix.lower() == ".json"
        marks = ("dataset.json", "gt/gt.txt", "*/gt/gt.txt")
        return path.is_dir() and any(next(path.glob(mark), None) for mark in marks)
    except (OSError, ValueError):
        return False


def rows(checked: BoxesCheck) -> Iterator[list[str]]:
    """Yield a line for a data set of boxes, and one more for each thing that is odd about it."""
    several = ", ".join(f"{name} {count:,}" for name, count in checked.boxes.items() if count)
    total = sum(checked.boxes.values())
    if not checked.sequences:
        yield _row(checked.path, f"unreadable: {checked.unusable[0]}")
        return
    what = f"{checked.layout}: sequences {len(checked.sequences):,}, boxes {total:,}"
    yield _row(checked.path, f"{what} ({several})" if several else what)
    if checked.unseen:
        yield _row("", f"boxes of things less than a quarter in sight: {checked.unseen:,}")
    if checked.over:
        yield _row("", f"boxes over the frame's edge, to be cut off there: {checked.over:,}")
    for words, names in (
        ("without a box", [name for name, count in checked.boxes.items() if not count]),
        ("with a single box", [name for name, count in checked.boxes.items() if count == 1]),
    ):
        if names and total:
            yield _row("", f"classes {words}: {_some(names)}")
    if checked.empty and total:
        yield _row("", f"sequences without boxes: {_some(checked.empty)}")
    for problem in checked.problems:
        yield _row("", problem)


def _row(name: str, what: str) -> list[str]:
    return [on_one_line(name), "", "", "", on_one_line(what)]


def _some(names: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
