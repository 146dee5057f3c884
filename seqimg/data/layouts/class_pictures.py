"""Folders of single pictures, named after their classes: each picture is a sequence of one frame."""

from functools import partial
from pathlib import Path

from seqimg.config import ReadingConfig
from seqimg.data.items import Item
from seqimg.data.layouts.base import Found, Layout, labelled, look, named_item, roots
from seqimg.data.layouts.stacks import StackSequence
from seqimg.sequences.base import IMAGE_SUFFIXES, SequenceError, SequenceInfo
from seqimg.sequences.limits import check_value_range, value_range_of
from seqimg.sequences.pictures.images import describe, read_picture
from seqimg.sequences.pictures.numbering import natural_key

__all__ = ["CLASS_PICTURES"]


def _never(path: Path) -> str | None:
    """Say no: what looks like this is as well a folder of sequences."""
    return None


def _pictures(path: Path, found: Found) -> None:
    pairs = []
    for root, split in roots(path):
        for name in look(root).folders:
            files = sorted(
                (file for file in (root / name).iterdir() if _is_picture(file)),
                key=lambda file: natural_key(file.name),
            )
            if not files:
                found.refuse(SequenceError(f"the class {root / name} has no pictures"))
            for file in files:
                item = named_item(file, path, split)
                pairs.append(
                    (Item(item.path, item.name, split=split, opener=partial(_opened, file), cheap=True), name)
                )
    found.items, found.classes = labelled(pairs)


def _is_picture(file: Path) -> bool:
    return file.name.lower().endswith(IMAGE_SUFFIXES) and not file.name.startswith(".")


def _opened(path: Path, reading: ReadingConfig) -> StackSequence:
    picture = describe(path)
    if reading.value_range:
        limits = check_value_range((reading.value_range[0], reading.value_range[1]))
    elif picture.dtype.startswith("float"):
        raise SequenceError(
            f"the values of {path} have no known range",
            why=f"they are {picture.dtype}",
            hint="--value-range 0,1",
        )
    else:
        limits = value_range_of(picture.dtype)
    info = SequenceInfo(
        path=str(path),
        format="array",
        height=picture.height,
        width=picture.width,
        channels=picture.channels,
        dtype=picture.dtype,
        value_range=limits,
        frame_count=1,
        fill_value=reading.fill_value if reading.fill_value is not None else picture.fill_value,
    )
    return StackSequence(info, lambda _: read_picture(path))


CLASS_PICTURES = Layout("class-pictures", "root/CLASS/PICTURE, each picture by itself", _never, _pictures)
