"""Data sets that are trees of folders: classes, frame folders, videos, KTH.

```
class-folders              frame-folders        videos             kth
root/                      root/                root/              root/
  run/                       first/               a.mp4              boxing/
    a.mp4                      0001.png           b.avi                person01_boxing_d1_uncomp.avi
    b/                         0002.png                                person02_boxing_d1_uncomp/
      0001.jpg               second/                                     image_0001.jpg
  walk/                        0001.png
    c.avi
```

A folder `train`, `val` or `test` may stand above all of them.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from seqimg.data.generators.generator import Split
from seqimg.data.items import Item
from seqimg.data.layouts.base import (
    GLANCE,
    Found,
    Layout,
    is_clip,
    labelled,
    look,
    named_item,
    roots,
)
from seqimg.errors import SeqimgError
from seqimg.sequences.base import SequenceError

__all__ = ["CLASS_FOLDERS", "FRAME_FOLDERS", "KTH", "VIDEOS"]

_KTH_ACTIONS = ("boxing", "handclapping", "handwaving", "jogging", "running", "walking")
_KTH = re.compile(rf"person(\d\d)_({'|'.join(_KTH_ACTIONS)})_d\d")
_KTH_TRAINING = range(1, 17)


def _shape(path: Path) -> set[str]:
    """Tell what the folders below a path hold: pictures, sequences, or folders of pictures."""
    kinds = set()
    for root, _ in roots(path):
        top = look(root)
        if top.sequences:
            kinds.add("sequences")
        for name in top.folders:
            folder = look(root / name, GLANCE)
            if folder.pictures:
                kinds.add("clips")
            elif folder.sequences or any(is_clip(root / name / inner) for inner in folder.folders[:3]):
                kinds.add("classes")
    return kinds


def _detect(kind: str, sight: str) -> Callable[[Path], str | None]:
    def detect(path: Path) -> str | None:
        if not path.is_dir() or is_clip(path):
            return None
        return sight if kind in _shape(path) else None

    return detect


def _sequences(folder: Path, root: Path, split: Split | None) -> Iterator[Item]:
    """Yield the sequence files and the folders of pictures in a folder, in natural order."""
    inside = look(folder)
    for name in inside.sequences:
        yield named_item(folder / name, root, split)
    for name in inside.folders:
        if is_clip(folder / name):
            yield named_item(folder / name, root, split)


def _classes(path: Path, found: Found) -> None:
    pairs: list[tuple[Item, str | None]] = []
    for root, split in roots(path):
        for name in look(root).folders:
            members = [(item, name) for item in _sequences(root / name, path, split)]
            if not members:
                found.refuse(SequenceError(f"the class {root / name} has no sequences"))
            pairs += members
    found.items, found.classes = labelled(pairs)


def _clips(path: Path, found: Found) -> None:
    for root, split in roots(path):
        found.items += [item for item in _sequences(root, path, split) if Path(item.path).is_dir()]


def _videos(path: Path, found: Found) -> None:
    for root, split in roots(path):
        found.items += [named_item(root / name, path, split) for name in look(root).sequences]


def _kth_items(path: Path) -> Iterator[Item]:
    for folder in (path, *(path / name for name in look(path).folders if name in _KTH_ACTIONS)):
        inside = look(folder)
        for name in (*inside.sequences, *inside.folders):
            if _KTH.match(name):
                yield named_item(folder / name, path)


def _detect_kth(path: Path) -> str | None:
    if not path.is_dir():
        return None
    first = next(_kth_items(path), None)
    return None if first is None else f"{Path(first.path).name}, a name of KTH"


def _kth(path: Path, found: Found) -> None:
    pairs = []
    for item in _kth_items(path):
        match = _KTH.match(Path(item.path).name)
        if match is None:  # never: _kth_items yields no others
            raise SeqimgError(f"{item.path} is no name of KTH")
        split: Split = "train" if int(match[1]) in _KTH_TRAINING else "test"
        pairs.append((replace(item, split=split), match[2]))
    found.items, found.classes = labelled(pairs)
    found.detail = "persons 1-16 for training, 17-25 for testing"


CLASS_FOLDERS = Layout(
    "class-folders",
    "root/CLASS/VIDEO, or root/CLASS/CLIP/FRAME",
    _detect("classes", "folders that hold sequences"),
    _classes,
)
FRAME_FOLDERS = Layout("frame-folders", "root/CLIP/FRAME", _detect("clips", "folders of pictures"), _clips)
VIDEOS = Layout("videos", "root/VIDEO", _detect("sequences", "sequence files"), _videos)
KTH = Layout("kth", "KTH: root/ACTION/personNN_ACTION_dN_uncomp, .avi or folders", _detect_kth, _kth)
