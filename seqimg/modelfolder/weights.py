"""`model.safetensors`: checked down to the last byte before anything of its size is allocated."""

import hashlib
import math
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from seqimg.errors import SeqimgError
from seqimg.modelfolder.record import CONFIG, check_own, parse_json
from seqimg.plugins.reports import one_line

__all__ = ["MAX_ENTRIES", "MAX_HEADER_BYTES", "WEIGHTS", "Weights", "open_weights", "packed"]

WEIGHTS = "model.safetensors"
MAX_HEADER_BYTES = 3_000_000
MAX_ENTRIES = 10_000

_MAX_DIMENSIONS = 8
_LENGTH = 8  # bytes that say how long the header is
_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
    "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8, "C64": 8,
}  # fmt: skip


@dataclass(frozen=True)
class Weights:
    """An open weights file whose header was read.

    Attributes:
        shapes: Shape of each tensor by name.
    """

    shapes: Mapping[str, tuple[int, ...]]
    _path: Path
    _file: BinaryIO
    _head: bytes
    _size: int
    _sha256: object

    def read(self) -> dict[str, Tensor]:
        """Read all tensors, on the CPU.

        Raises:
            SeqimgError: The file is damaged, is not the one its configuration names, or holds NaN or infinity.
        """
        content = self._head + self._file.read(self._size - len(self._head))
        if len(content) != self._size:
            raise _damaged(self._path, f"it ends after {len(content):,} of {self._size:,} bytes")
        if hashlib.sha256(content).hexdigest() != self._sha256:
            raise SeqimgError(
                f"{self._path} is damaged or of another model", why=f"its digest is not the one in {CONFIG}"
            )
        try:
            tensors: dict[str, Tensor] = load_tensors(content)
        except SafetensorError as error:
            raise _damaged(self._path, str(error)) from error
        for name, tensor in tensors.items():
            if not _finite(tensor):
                raise _damaged(self._path, f"{name} holds values that are not finite")
        return tensors


def packed(weights: Mapping[str, Tensor]) -> tuple[bytes, dict[str, object]]:
    """Return the bytes of a weights file, and what `config.json` says of it.

    Raises:
        SeqimgError: A weight is not finite.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    for name, tensor in tensors.items():
        if not _finite(tensor):
            raise SeqimgError(
                f"the weights in {name} are not finite", why="such a model is of no use and is not saved"
            )
    content = save_tensors(tensors)
    digest = hashlib.sha256(content).hexdigest()
    return content, {"file": WEIGHTS, "bytes": len(content), "sha256": digest}


@contextmanager
def open_weights(folder: Path, expected: Mapping[str, Any]) -> Iterator[Weights]:
    """Open the weights file of a model folder and check its size and header.

    It is read, not mapped into memory: a file that shrinks meanwhile is an error, not a crash.

    Args:
        folder: The model folder.
        expected: What `config.json` says of the file: `bytes` and `sha256`.

    Raises:
        SeqimgError: It cannot be read, has another size, or its header is not one.
    """
    path = folder / WEIGHTS
    try:
        check_own(path)
    except ValueError as error:
        raise SeqimgError(f"cannot read {path}", why=str(error)) from error
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe would wait for ever
            raise _damaged(path, "it is not a plain file")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size != expected.get("bytes"):
                stated = expected.get("bytes", "nothing")
                raise _damaged(path, f"it has {size} bytes, {CONFIG} says {one_line(str(stated), 30)}")
            head = _read_head(path, file, size)
            shapes = _shapes(path, head[_LENGTH:], size - len(head))
            yield Weights(shapes, path, file, head, size, expected.get("sha256"))
    except OSError as error:
        raise SeqimgError(f"cannot read {path}", why=error.strerror) from error


def _read_head(path: Path, file: BinaryIO, size: int) -> bytes:
    start = file.read(_LENGTH)
    length = int.from_bytes(start, "little")
    if len(start) < _LENGTH or length > size - _LENGTH:
        raise _damaged(path, "its header is longer than the file")
    if length > MAX_HEADER_BYTES:
        raise _damaged(path, f"its header has {length:,} bytes, {MAX_HEADER_BYTES:,} are allowed")
    header = file.read(length)
    if len(header) < length:
        raise _damaged(path, "it became shorter while it was read")
    return start + header


def _shapes(path: Path, header: bytes, room: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes in a header whose tensors fill the room behind it, all of it and none of it twice."""
    try:
        entries = parse_json(header)
    except (ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise _damaged(path, f"its header is no JSON: {why}") from error
    if not isinstance(entries, dict):
        raise _damaged(path, "its header is no JSON object")
    entries.pop("__metadata__", None)
    if len(entries) > MAX_ENTRIES:
        raise _damaged(path, f"its header has {len(entries):,} entries, {MAX_ENTRIES:,} are allowed")
    found = {name: _entry(path, name, entry) for name, entry in entries.items()}
    end = 0
    for name, (_, begin, stop) in sorted(found.items(), key=lambda item: item[1][1:]):
        if begin != end:
            raise _damaged(path, f"{name} does not begin where the tensor before it ends")
        end = stop
    if end != room:
        raise _damaged(path, f"its tensors take {end:,} bytes, there are {room:,}")
    return {name: shape for name, (shape, _, _) in found.items()}


def _entry(path: Path, name: str, entry: object) -> tuple[tuple[int, ...], int, int]:
    """Return shape, first byte and the byte behind the last of one tensor."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise _damaged(path, f"the header says of {name} something else than dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not (isinstance(dtype, str) and dtype in _BYTES):
        raise _damaged(path, f"{name} has the unknown dtype {dtype!r:.40}")
    if not (_whole(shape) and len(shape) <= _MAX_DIMENSIONS and _whole(offsets) and len(offsets) == 2):
        raise _damaged(path, f"{name} has no valid shape or place")
    # Python's whole numbers do not overflow.
    if offsets[1] - offsets[0] != math.prod(shape) * _BYTES[dtype]:
        raise _damaged(path, f"{name} takes another number of bytes than its shape")
    return tuple(shape), offsets[0], offsets[1]


def _whole(values: object) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def _finite(tensor: Tensor) -> bool:
    if not tensor.is_floating_point():
        return True
    wide = tensor.float() if tensor.element_size() == 1 else tensor  # torch asks no such question of one byte
    return bool(torch.isfinite(wide).all())


def _damaged(path: Path, why: str) -> SeqimgError:
    return SeqimgError(f"{path} is damaged", why=one_line(why, 200))
