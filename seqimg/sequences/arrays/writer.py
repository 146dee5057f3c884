"""Writing `.npy` stacks frame by frame."""

from contextlib import suppress
from pathlib import Path

import numpy as np

from seqimg.sequences.base import SequenceInfo, SequenceWriter
from seqimg.sequences.pixels import unsaid_notes
from seqimg.sequences.pixeltypes import Pixels

__all__ = ["ArrayWriter"]


class ArrayWriter(SequenceWriter):
    """A `.npy` file `[T, H, W, C]` in the frames' own dtype.

    Args:
        path: The file to write to.
        info: What the frames are.
    """

    def __init__(self, path: Path, info: SequenceInfo) -> None:
        self._file = path.open("wb")
        self._frame = (info.height, info.width, info.channels)
        self._dtype = np.dtype(info.dtype)
        self._count = 0
        self._notes = unsaid_notes(info)
        self._write_header()

    def write(self, frame: Pixels) -> None:
        """Append one frame."""
        self._file.write(np.ascontiguousarray(frame).data)
        self._count += 1

    def close(self) -> None:
        """Put the number of frames into the header; NumPy leaves room for it to grow."""
        self._file.seek(0)
        self._write_header()
        self._file.close()
        self.notes = self._notes

    def abort(self) -> None:
        """Close the file as it is."""
        # Closing tries again to write what did not fit on the disk.
        with suppress(OSError):
            self._file.close()

    def _write_header(self) -> None:
        header = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (self._count, *self._frame),
        }
        np.lib.format.write_array_header_1_0(self._file, header)
