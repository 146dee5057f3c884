"""Data sets as they lie on the disk, read as sequences with labels, boxes and parts.

`read` tells the layout from what it sees and says so; where two fit it asks. An item that cannot be
used is an error that names it, or, with `on_error="skip"`, left out and reported: another is never put
in its place.

| layout | what it is |
|---|---|
| `sequence` | one sequence: anything that `open_sequence` reads |
| `class-folders` | `root/CLASS/VIDEO`, or `root/CLASS/CLIP/FRAME` |
| `class-pictures` | `root/CLASS/PICTURE`, only if asked for |
| `frame-folders` | `root/CLIP/FRAME` |
| `videos` | `root/VIDEO` |
| `list` | a text file: `path label`, `folder frames label`, `folder first frames label` |
| `kinetics` | a CSV with `label, youtube_id, time_start, time_end, split` |
| `ucf101`, `hmdb51` | with their splits: `ucf101:2` takes the second |
| `kth` | `root/ACTION/personNN_ACTION_dN_uncomp`, `.avi` or folders |
| `coco-vid` | a JSON of videos, images, boxes and tracks |
| `mot` | MOT challenge: `img1/`, `gt/gt.txt`, `seqinfo.ini` |
| `moving-mnist` | an array of many sequences; `moving-mnist:time-first` or `:sample-first` |
| `xy-npz` | TaxiBJ and OpenSTL npz: `X_train, Y_train, …` |
| `predrnn` | PredRNN npz: `clips`, `input_raw_data` |
| `idx` | MNIST and its like: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, plain or `.gz` |
| `optdigits` | scikit-learn's `digits.csv.gz`, UCI's `optdigits.tra` and `.tes` |
"""

from functools import partial
from pathlib import Path

from seqimg.config import ReadingConfig
from seqimg.data.generators.record import entrance
from seqimg.data.items import Item
from seqimg.data.layouts.arrays import PICKLE, PREDRNN, XY_NPZ
from seqimg.data.layouts.base import Found, Index, Layout, is_clip, labelled, named_item, within
from seqimg.data.layouts.benchmarks import HMDB51, KINETICS, UCF101
from seqimg.data.layouts.class_pictures import CLASS_PICTURES
from seqimg.data.layouts.coco import COCO_VID
from seqimg.data.layouts.digits import IDX, OPTDIGITS
from seqimg.data.layouts.folders import CLASS_FOLDERS, FRAME_FOLDERS, KTH, VIDEOS
from seqimg.data.layouts.lists import LIST
from seqimg.data.layouts.mot import MOT
from seqimg.data.layouts.moving import MOVING_MNIST
from seqimg.errors import SeqimgError, UsageError, did_you_mean
from seqimg.masking import masked
from seqimg.plugins.manager import plugin_host
from seqimg.plugins.reports import reason_of
from seqimg.sequences import open_configured
from seqimg.sequences.base import SequenceError

__all__ = ["LAYOUTS", "Found", "Index", "Item", "Layout", "labelled", "named_item", "read", "within"]

# The first of each row that fits is taken; two of the last row are ambiguous.
_CERTAIN = (
    PICKLE,
    MOT,
    UCF101,
    HMDB51,
    KTH,
    KINETICS,
    COCO_VID,
    MOVING_MNIST,
    XY_NPZ,
    PREDRNN,
    IDX,
    OPTDIGITS,
    LIST,
)
_BY_SHAPE = (CLASS_FOLDERS, FRAME_FOLDERS, VIDEOS, CLASS_PICTURES)
_SINGLE = "sequence"

LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in (*_CERTAIN, *_BY_SHAPE)}
"""Every layout that comes along, by its name; plugins bring more."""


def read(path: str, layout: str = "auto", reading: ReadingConfig | None = None) -> Index:
    """Find the sequences of a data set.

    Nothing is decoded: a damaged video shows when it is read.

    Args:
        path: A folder or a file.
        layout: `"auto"`, or a name from `LAYOUTS` with what may stand behind it: `"ucf101:2"`.
        reading: How its sequences are going to be read; `on_error="skip"` leaves items out.

    Raises:
        UsageError: The layout has no such name, or more than one fits.
        SequenceError: The data set cannot be read, is empty, or names something that is not there.

    Example:
        >>> import numpy as np
        >>> np.save(Path(tmp) / "digits.npy", np.zeros((20, 100, 64, 64), np.uint8))
        >>> index = read(str(Path(tmp) / "digits.npy"))
        >>> index.layout, len(index.items)
        ('moving-mnist', 100)
    """
    reading = reading or ReadingConfig()
    name, _, option = layout.partition(":")
    if name == _SINGLE:
        return Index((_single(path),))
    if name == "auto":
        path = entrance(path)
        chosen, saw = _detect(Path(path))
        if chosen is None or (chosen is MOVING_MNIST and reading.axes):  # one stack is what has these axes
            return Index((_single(path),))
    else:
        chosen, saw = _named(name), ""
        if not Path(path).exists():
            raise SequenceError(f"{path} does not exist", hint="check the path")
    found = Found(reading, option)
    chosen.read(Path(path), found)
    if not found.items:
        why = found.skipped[0] if found.skipped else f"as {chosen.name} it holds nothing"
        raise SequenceError(
            f"{path} has no sequences", why=why, hint="--layout, to say how it lies on the disk"
        )
    return Index(
        tuple(found.items),
        found.classes,
        chosen.name,
        _sentence(path, chosen, saw, found),
        tuple(found.skipped),
        found.over,
        found.beyond,
    )


def _single(path: str) -> Item:
    """Return a sequence by itself; its path is shown and stored, so an address goes without its password."""
    shown = masked(path)
    opener = None if shown == path else partial(open_configured, path)
    return Item(shown, name=Path(shown).name, opener=opener)


def _named(name: str) -> Layout:
    if name not in LAYOUTS or name == PICKLE.name:
        if name in _brought():
            return _of_plugin(name)
        known = [known for known in (_SINGLE, *LAYOUTS, *_brought()) if known != PICKLE.name]
        near = did_you_mean(name, known)
        raise UsageError(
            f"there is no layout {name!r}",
            why=f"layouts: {', '.join(known)}",
            hint=f"--layout {near}" if near else None,
        )
    return LAYOUTS[name]


def _detect(path: Path) -> tuple[Layout | None, str]:
    """Return the layout that a path looks like and what shows it; None for a sequence by itself."""
    if not path.exists() or (path.is_dir() and is_clip(path)):
        return None, ""
    for layout in _CERTAIN:
        saw = layout.detect(path)
        if saw is not None:
            return layout, saw
    for name in _brought():
        layout = _of_plugin(name)
        saw = _asked(layout, path)
        if saw is not None:
            return layout, saw
    fitting = [(layout, saw) for layout in _BY_SHAPE if (saw := layout.detect(path)) is not None]
    if len(fitting) > 1:
        raise UsageError(
            f"it is not clear how {path} lies on the disk",
            why=f"it holds {' and '.join(saw for _, saw in fitting)}",
            hint=f"--layout {', or '.join(layout.name for layout, _ in fitting)}",
        )
    return fitting[0] if fitting else (None, "")


def _brought() -> list[str]:
    """Return the names of the layouts that plugins bring."""
    return [name for name in plugin_host().layouts.names() if name not in LAYOUTS]


def _of_plugin(name: str) -> Layout:
    """Return a plugin's layout.

    Raises:
        UnavailableError: Its code does not load.
        SequenceError: It is no layout of that name.
    """
    layouts = plugin_host().layouts
    found = layouts.load(name)
    if not isinstance(found, Layout) or found.name != name:
        raise SequenceError(
            f"layout {name} of {layouts.owner(name)} cannot be used",
            why=f"{layouts.get(name).layout} is no Layout of that name",
            hint="--layout, to say another",
        )
    return found


def _asked(layout: Layout, path: Path) -> str | None:
    """Have a plugin's layout look at a path.

    Raises:
        SequenceError: It fails in its own words; the message names its plugin, and what to do without it.
    """
    try:
        return layout.detect(path)
    except SeqimgError:
        raise
    except Exception as error:
        owner = plugin_host().layouts.owner(layout.name)
        raise SequenceError(
            f"layout {layout.name} of {owner} failed to look at {path}",
            why=reason_of(error),
            hint="--layout, to say how it lies on the disk, or --no-plugins",
        ) from error


def _sentence(path: str, layout: Layout, saw: str, found: Found) -> str:
    labels = any(item.label is not None for item in found.items)
    boxes = sum(int((~item.boxes.crowds).sum()) for item in found.items if item.boxes is not None)
    parts = {part: sum(item.split == part for item in found.items) for part in ("train", "val", "test")}
    said = [
        f"Read {path} as {layout.name}" + (f" ({saw})" if saw else ""),
        f"{len(found.items):,} sequence{'s' * (len(found.items) > 1)}",
        f"{len(found.classes):,} classes" if labels else "",
        f"{boxes:,} boxes" if boxes else "",
        " ".join(f"{count:,} {part}" for part, count in parts.items() if count),
        found.detail,
    ]
    return ", ".join(part for part in said if part) + "."
