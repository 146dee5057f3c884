"""Stacks of frames in Zarr folders; needs the extra `zarr`."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from seqimg.sequences.arrays.choosing import chosen_array
from seqimg.sequences.arrays.stacks import SlicedSequence, Stack
from seqimg.sequences.base import OnError, SequenceError
from seqimg.sequences.extras import needed
from seqimg.sequences.limits import MAX_FILES, MAX_HEADER, check_limit

__all__ = ["ZarrSequence"]

_MAX_NODES = 10_000
# Codecs that unpack bytes and do nothing else; others could run code or read other files.
_UNPACK = "blosc zlib gzip zstd lz4 bz2 lzma packbits bytes transpose sharding_indexed"
_UNDO = "shuffle delta bitround fixedscaleoffset quantize crc32 crc32c adler32 fletcher32"
_CODECS = frozenset(_UNPACK.split(" ") + _UNDO.split(" "))
_ROOT = "/"


class ZarrSequence(SlicedSequence):
    """A stack of frames in a Zarr folder, format 2 or 3.

    Args:
        path: The folder.
        array: Which array, `"group/name"`; needed if several could hold frames.
        axes: What each axis is, for example `"THWC"`; told from their names or the shape if possible.
        value_range: The values that mean black and white.
        fill_value: A value that stands for a missing one; by default the array's `_FillValue` or
            `missing_value`, or the value of its absent chunks, if not 0.
        on_error: What to do about damage; `"skip"` leaves out the frames that cannot be read.

    Raises:
        SequenceError: The folder is damaged or holds no stack of frames.
        UsageError: An option does not fit.
        UnavailableError: zarr is missing.
    """

    def __init__(
        self,
        path: Path,
        *,
        array: str | None = None,
        axes: str | None = None,
        value_range: tuple[float, float] | None = None,
        fill_value: float | None = None,
        on_error: OnError = "error",
    ) -> None:
        arrays = _arrays(path)
        kinds = {name: _kind(path, meta) for name, meta in arrays.items()}
        name = chosen_array(path, kinds, array.strip("/") if array and array.strip("/") else array)
        self._folder = path if name == _ROOT else path / name
        needed("zarr", "zarr", "Zarr arrays")
        _check_codecs(path, arrays[name])
        _check_links(path, self._folder)
        try:
            with self._opened() as opened:
                stack = _described(name, opened)
        # What is wrong with its description, zarr says with exceptions of any kind.
        except Exception as error:
            why = f"{type(error).__name__}: {error}".splitlines()[0]
            raise SequenceError(f"cannot read {path}", why=why) from error
        super().__init__(
            path,
            stack,
            format_name="zarr",
            axes=axes,
            value_range=value_range,
            fill_value=fill_value,
            on_error=on_error,
        )

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        yield needed("zarr", "zarr", "Zarr arrays").open_array(store=str(self._folder), mode="r")


def _arrays(path: Path) -> dict[str, dict[str, Any]]:
    """Return what describes each array below a folder, by its name; nothing is opened with zarr yet."""
    found: dict[str, dict[str, Any]] = {}
    stack, seen = [path], 0
    while stack:
        folder = stack.pop()
        seen += 1
        check_limit(path, "groups and arrays", seen, _MAX_NODES)
        meta = _description(folder)
        if meta is not None:
            found[folder.relative_to(path).as_posix() if folder != path else _ROOT] = meta
            continue
        try:
            inner = [Path(item.path) for item in os.scandir(folder) if item.is_dir(follow_symlinks=False)]
        except OSError as error:
            raise SequenceError(f"cannot read {folder}", why=error.strerror) from error
        stack += sorted(inner, reverse=True)
    return found


def _description(folder: Path) -> dict[str, Any] | None:
    """Return the JSON of an array, or None if the folder is none."""
    for name in (".zarray", "zarr.json"):
        file = folder / name
        if not file.is_file():
            continue
        check_limit(file, "bytes in a description", file.stat().st_size, MAX_HEADER)
        try:
            meta = json.loads(file.read_text(encoding="utf-8"))
        except (ValueError, OSError, RecursionError) as error:
            raise SequenceError(f"cannot read {folder}", why=f"{name} is damaged: {error}") from error
        if not isinstance(meta, dict):
            raise SequenceError(f"cannot read {folder}", why=f"{name} describes nothing")
        if name == ".zarray" or meta.get("node_type") == "array":
            return meta
    return None


def _kind(path: Path, meta: dict[str, Any]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    try:
        shape = tuple(int(size) for size in meta["shape"])
        return shape, np.dtype(meta["dtype"] if "dtype" in meta else meta["data_type"])
    except (KeyError, TypeError, ValueError):
        return (), np.dtype(object)  # no frames in it


def _check_codecs(path: Path, meta: dict[str, Any]) -> None:
    codecs = [meta.get("compressor"), *(meta.get("filters") or ()), *(meta.get("codecs") or ())]
    while codecs:
        codec = codecs.pop()
        if codec is None:
            continue
        name = str(codec.get("id") or codec.get("name")) if isinstance(codec, dict) else str(codec)
        if name.removeprefix("numcodecs.") not in _CODECS:
            raise SequenceError(
                f"cannot read {path}",
                why=f"its chunks are packed with {name!r}, which is not among {', '.join(sorted(_CODECS))}",
            )
        inner = codec.get("configuration") if isinstance(codec, dict) else None
        if isinstance(inner, dict):
            codecs += [*(inner.get("codecs") or ()), *(inner.get("index_codecs") or ())]
    if meta.get("storage_transformers"):
        raise SequenceError(f"cannot read {path}", why="its chunks are stored in a way that is not read")


def _check_links(path: Path, folder: Path) -> None:
    """Refuse links among the chunks that lead out of the folder."""
    home, stack, seen = os.path.realpath(path), [str(folder)], 0
    while stack:
        with os.scandir(stack.pop()) as items:
            for item in items:
                seen += 1
                check_limit(path, "files", seen, MAX_FILES)
                if item.is_symlink():
                    target = os.path.realpath(item.path)
                    if os.path.commonpath([home, target]) != home:
                        raise SequenceError(
                            f"{path} holds a link that leads out of it", why=f"{item.name} leads to {target}"
                        )
                if item.is_dir(follow_symlinks=False):
                    stack.append(item.path)


def _described(name: str, array: Any) -> Stack:
    names = array.attrs.get("_ARRAY_DIMENSIONS") or getattr(array.metadata, "dimension_names", None) or ()
    fill = array.fill_value
    is_number = isinstance(fill, int | float | np.number) and not isinstance(fill, bool)
    return Stack(
        name=name,
        shape=tuple(array.shape),
        dtype=np.dtype(array.dtype),
        chunks=tuple(array.shards or array.chunks) if hasattr(array, "shards") else tuple(array.chunks),
        axis_names=tuple(str(axis or "") for axis in names),
        attributes={
            key: array.attrs[key] for key in array.attrs if isinstance(array.attrs[key], int | float)
        },
        fill_value=(float(fill) or None) if is_number else None,
    )
