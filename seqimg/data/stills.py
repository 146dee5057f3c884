"""Single pictures among sequences: each is a sequence of one frame."""

from functools import partial
from pathlib import Path

from seqimg.config import ReadingConfig
from seqimg.data.items import Item
from seqimg.sequences.base import Sequence, SequenceError
from seqimg.sequences.pictures.images import describe
from seqimg.sequences.pictures.listing import list_folder
from seqimg.sequences.pictures.single import FramePicture

__all__ = ["differing_pictures", "is_picture", "still_item"]


def is_picture(path: Path) -> bool:
    """Tell whether there is a single picture; whoever opens what is none says what is wrong with it.

    Example:
        >>> from seqimg.sequences.pictures.images import write_png
        >>> import numpy as np
        >>> write_png(Path(tmp) / "one.png", np.zeros((4, 6, 1), np.uint8))
        >>> is_picture(Path(tmp) / "one.png"), is_picture(Path(tmp))
        (True, False)
    """
    try:
        if path.is_file():
            describe(path)
            return True
    except (SequenceError, OSError):
        pass
    return False


def still_item(path: Path) -> Item:
    """Return a picture as an item of a data set.

    Args:
        path: The picture.

    Example:
        >>> still_item(Path("shots/one.png")).name
        'one.png'
    """
    return Item(str(path), name=path.name, opener=partial(_opened, path))


def differing_pictures(folder: Path) -> list[Path]:
    """Return the pictures of a folder if they differ in size or kind, so that it is no sequence; else none.

    Args:
        folder: Of pictures, or of anything else.

    Example:
        >>> differing_pictures(Path(tmp))
        []
    """
    if not folder.is_dir():
        return []
    try:
        pictures = [folder / name for name in list_folder(folder).names]
    except (SequenceError, OSError):
        return []
    first = None
    for picture in pictures:
        try:
            kind = describe(picture).kind
        except (SequenceError, OSError):
            continue
        first = first or kind
        if kind != first:
            return pictures
    return []


def _opened(path: Path, reading: ReadingConfig) -> Sequence:
    low_high = reading.value_range
    return FramePicture(
        path,
        value_range=(low_high[0], low_high[1]) if low_high else None,
        fill_value=reading.fill_value,
    )
