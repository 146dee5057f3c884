"""Stacks of frames in HDF5 files; needs the extra `hdf5`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqimg.sequences.arrays.choosing import chosen_array
from seqimg.sequences.arrays.stacks import SlicedSequence, Stack
from seqimg.sequences.base import OnError, SequenceError
from seqimg.sequences.extras import needed

if TYPE_CHECKING:
    import h5py

__all__ = ["Hdf5Sequence"]

_MAX_OBJECTS = 100_000


class Hdf5Sequence(SlicedSequence):
    """A stack of frames in an HDF5 or NetCDF 4 file.

    Links, virtual arrays and external storage, which could lead to other files, are not followed.

    Args:
        path: The file.
        array: Which array, `"group/name"`; needed if several could hold frames.
        axes: What each axis is, for example `"THWC"`; told from their names or the shape if possible.
        value_range: The values that mean black and white.
        fill_value: A value that stands for a missing one; by default the array's `_FillValue`,
            `missing_value`, or the fill value it was made with, if not 0.
        on_error: What to do about damage; `"skip"` leaves out the frames that cannot be read.

    Raises:
        SequenceError: The file is damaged or holds no stack of frames.
        UsageError: An option does not fit.
        UnavailableError: h5py is missing.
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
        with _file(path) as file:
            try:
                shapes = _arrays(file)
                self._name = chosen_array(path, shapes, array)
                stack = _described(path, file[self._name])
            except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
                raise SequenceError(f"cannot read {path}", why=_line(error)) from error
        super().__init__(
            path,
            stack,
            format_name="hdf5",
            axes=axes,
            value_range=value_range,
            fill_value=fill_value,
            on_error=on_error,
        )

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        with _file(self._path) as file:
            yield file[self._name]


@contextmanager
def _file(path: Path) -> "Iterator[h5py.File]":
    h5py = needed("h5py", "hdf5", "HDF5 files")
    try:
        file = h5py.File(path, "r", locking="best-effort")
    except (OSError, RuntimeError, ValueError) as error:
        empty = path.is_file() and not path.stat().st_size
        raise SequenceError(
            f"cannot read {path}", why="the file is empty" if empty else f"it is no HDF5 file: {_line(error)}"
        ) from error
    with file:
        yield file


def _arrays(file: "h5py.File") -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """Return name, shape and dtype of every array; links are not followed."""
    found: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {}
    seen, dataset = 0, needed("h5py", "hdf5", "HDF5 files").Dataset

    def visit(name: str, item: object) -> object:
        nonlocal seen
        seen += 1
        if isinstance(item, dataset) and item.shape is not None:
            found[name] = (item.shape, item.dtype)
        return True if seen >= _MAX_OBJECTS else None

    file.visititems(visit)
    return found


def _described(path: Path, data: "h5py.Dataset") -> Stack:
    if data.external or data.is_virtual:
        raise SequenceError(
            f"cannot read {path}",
            why=f"its array {data.name} is stored in other files",
            hint="copy it into one",
        )
    h5py = needed("h5py", "hdf5", "HDF5 files")
    creation = data.id.get_create_plist()
    chosen = creation.fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED
    fill = data.fillvalue if chosen and data.dtype.kind in "uif" else 0
    return Stack(
        name=str(data.name).lstrip("/"),
        shape=data.shape,
        dtype=data.dtype,
        chunks=data.chunks,
        axis_names=tuple(_axis_name(data, axis) for axis in range(len(data.shape))),
        attributes={
            name: data.attrs[name] for name in data.attrs if data.attrs.get_id(name).dtype.kind in "uif"
        },
        fill_value=float(fill) or None,
    )


def _axis_name(data: "h5py.Dataset", axis: int) -> str:
    """Return what an axis is called: its label, or the array of its coordinates, as NetCDF has it."""
    dimension = data.dims[axis]
    if dimension.label:
        return str(dimension.label)
    return str(dimension[0].name).rpartition("/")[2] if len(dimension) else ""


def _line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
