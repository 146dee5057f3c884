"""Labelled pictures of one size in one file: IDX as of MNIST, and the optical digits of scikit-learn and UCI.

```
idx                                  optdigits
root/                                digits.csv.gz      (of scikit-learn)
  train-images-idx3-ubyte.gz         optdigits.tra, optdigits.tes
  train-labels-idx1-ubyte.gz
  t10k-images-idx3-ubyte.gz          each line: 64 numbers from 0 to 16, and the digit
  t10k-labels-idx1-ubyte.gz
```

Each picture is a sequence of one frame.
"""

import gzip
import re
import zlib
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqimg.config import ReadingConfig
from seqimg.data.generators.generator import Split
from seqimg.data.generators.idx import read_idx
from seqimg.data.items import Item
from seqimg.data.layouts.base import Found, Layout, look
from seqimg.data.layouts.stacks import StackSequence
from seqimg.sequences.base import SequenceError, SequenceInfo
from seqimg.sequences.limits import check_size

__all__ = ["IDX", "OPTDIGITS"]

_IMAGES = re.compile(r".*images.idx3-ubyte(\.gz)?")
_LABELS_MAGIC = b"\0\0\x08\x01"  # unsigned bytes, one axis
_LABELS_HEADER = 8
_MAX_LABELS = 2**26
_OPTDIGITS = ("digits.csv.gz", "optdigits.tra", "optdigits.tes")
_SIDE, _TOP = 8, 16
_MAX_TEXT = 2**24

Pictures = Callable[[], NDArray[np.uint8]]
"""Returns the pictures `[N, H, W]` of a file, read once."""


def _image_files(path: Path) -> list[Path]:
    if path.is_dir():
        return [path / name for name in look(path).others if _IMAGES.fullmatch(name)]
    return [path] if _IMAGES.fullmatch(path.name) and path.is_file() else []


def _detect_idx(path: Path) -> str | None:
    files = _image_files(path)
    return files[0].name if files else None


def _labels_file(images: Path) -> Path:
    return images.with_name(images.name.replace("images", "labels").replace("idx3", "idx1"))


def _part(name: str) -> Split | None:
    if "train" in name:
        return "train"
    return "test" if "t10k" in name or "test" in name else None


def _idx(path: Path, found: Found) -> None:
    files = _image_files(path)
    if not files:
        raise SequenceError(f"{path} has no IDX files", why="such as train-images-idx3-ubyte or .gz")
    top = -1
    for file in files:
        pictures, names = read_idx(file), _labels_file(file)
        labels = _read_labels(names) if names.is_file() else None
        if labels is not None and len(labels) != len(pictures):
            raise SequenceError(
                f"{names} does not fit {file.name}",
                why=f"it has {len(labels):,} labels for {len(pictures):,} pictures",
            )
        part = _part(file.name) if len(files) > 1 else None
        _add(found, file, partial(read_idx, file), labels, part, 255)
        top = max([top, *([] if labels is None else [int(labels.max())])])
    found.classes = tuple(map(str, range(top + 1)))
    height, width = read_idx(files[0]).shape[1:]
    found.detail = f"pictures of {width}×{height}, values 0 to 255"


def _add(
    found: Found,
    file: Path,
    pictures: Pictures,
    labels: NDArray[np.uint8] | None,
    part: Split | None,
    top: int,
) -> None:
    height, width = pictures().shape[1:]
    check_size(str(file), height, width, 1)
    for number in range(len(pictures())):
        path = f"{file}[{number}]"
        found.items.append(
            Item(
                path,
                name=f"{file.name}[{number}]",
                label=None if labels is None else int(labels[number]),
                split=part,
                opener=partial(_opened, path, pictures, number, (height, width), top),
                cheap=True,
            )
        )


def _opened(
    path: str, pictures: Pictures, number: int, size: tuple[int, int], top: int, reading: ReadingConfig
) -> StackSequence:
    info = SequenceInfo(
        path=path,
        format="array",
        height=size[0],
        width=size[1],
        channels=1,
        dtype="uint8",
        value_range=(0, top),
        frame_count=1,
        fill_value=reading.fill_value,
    )
    return StackSequence(info, lambda _: pictures()[number][:, :, None])


def _read_labels(path: Path) -> NDArray[np.uint8]:
    content = _unpacked(path, _MAX_LABELS)
    if content[:4] != _LABELS_MAGIC or len(content) <= _LABELS_HEADER:
        raise SequenceError(
            f"cannot read {path}", why="it is no IDX file of labels, such as train-labels-idx1-ubyte"
        )
    count = int.from_bytes(content[4:_LABELS_HEADER])
    if count != len(content) - _LABELS_HEADER:
        raise SequenceError(
            f"cannot read {path}",
            why=f"its header says {count:,} labels, it has {len(content) - _LABELS_HEADER:,}",
        )
    return np.frombuffer(content, np.uint8, offset=_LABELS_HEADER)


def _unpacked(path: Path, limit: int) -> bytes:
    """Return the content of a file, unpacked if it is gzipped, which has at most `limit` bytes."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if packed:
                with gzip.open(file) as unpacked:
                    content = unpacked.read(limit + 1)
            else:
                content = file.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise SequenceError(f"cannot read {path}", why=reason) from error
    if len(content) > limit:
        raise SequenceError(f"cannot read {path}", why=f"it has more than {limit:,} bytes")
    return content


def _detect_optdigits(path: Path) -> str | None:
    return path.name if path.name in _OPTDIGITS and path.is_file() else None


def _optdigits(path: Path, found: Found) -> None:
    table = _table(path, path.stat().st_mtime_ns)
    _add(found, path, partial(_digits, path), table[:, -1], None, _TOP)
    found.classes = tuple(map(str, range(10)))
    found.detail = f"pictures of {_SIDE}×{_SIDE}, values 0 to {_TOP}"


def _digits(path: Path) -> NDArray[np.uint8]:
    return _table(path, path.stat().st_mtime_ns)[:, :-1].reshape(-1, _SIDE, _SIDE)


@lru_cache(maxsize=2)
def _table(path: Path, _changed: int) -> NDArray[np.uint8]:
    """Return the lines of numbers, `[N, 65]`."""
    try:
        lines = _unpacked(path, _MAX_TEXT).decode("ascii").split()
        rows = [[int(float(word)) for word in line.split(",")] for line in lines]
    except (ValueError, OverflowError) as error:
        raise SequenceError(f"cannot read {path}", why=f"it is no table of numbers: {error}") from error
    wrong = next((n for n, row in enumerate(rows, start=1) if not _fits(row)), None if rows else 0)
    if wrong is not None:
        raise SequenceError(
            f"cannot read line {wrong} of {path}",
            why=f"{_SIDE**2} numbers from 0 to {_TOP} and a digit are needed",
        )
    return np.array(rows, np.uint8)


def _fits(row: list[int]) -> bool:
    return len(row) == _SIDE**2 + 1 and min(row) >= 0 and max(row[:-1]) <= _TOP and row[-1] <= 9


IDX = Layout("idx", "IDX pictures and labels, as of MNIST: train-images-idx3-ubyte.gz, …", _detect_idx, _idx)
OPTDIGITS = Layout(
    "optdigits", "optical digits: digits.csv.gz of scikit-learn, optdigits.tra", _detect_optdigits, _optdigits
)
