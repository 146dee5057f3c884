"""Writing raw pixels, to a file or for another program to read."""

from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from seqimg.sequences.base import ASSUMED_FPS, SequenceError, SequenceInfo, SequenceWriter
from seqimg.sequences.pixeltypes import Pixels
from seqimg.sequences.raw.layout import PIXELS, RawLayout

__all__ = ["RawWriter", "layout_for", "raw_text", "write_raw_frame", "written_notes"]

_NAMES = {
    "uint8": {1: "gray", 2: "ya8", 3: "rgb24", 4: "rgba"},
    "uint16": {1: "gray16le", 2: "ya16le", 3: "rgb48le", 4: "rgba64le"},
    "float32": {1: "grayf32le", 3: "rgbf32le"},
}
_WRITTEN_AS = {"float16": "float32", "float64": "float32"}


class RawWriter(SequenceWriter):
    """The frames' own values one after the other, floats as 32-bit ones.

    What they are stands nowhere in the file; the notes say what `--raw` must be told to read it again.

    Args:
        path: The file to write to.
        info: What the frames are.

    Raises:
        SequenceError: Raw pixels have no such channels.
    """

    def __init__(self, path: Path, info: SequenceInfo) -> None:
        self._layout = layout_for(info)
        self._file: IO[bytes] = path.open("wb")
        self.codec = self._layout.pixels
        self.notes = (f"read again with --raw {raw_text(self._layout)}", *written_notes(info))

    def write(self, frame: Pixels) -> None:
        """Append one frame."""
        write_raw_frame(self._file, frame, self._layout)

    def close(self) -> None:
        """Finish the file."""
        self._file.close()

    def abort(self) -> None:
        """Close the file as it is."""
        # Closing tries again to write what did not fit on the disk.
        with suppress(OSError):
            self._file.close()


def layout_for(info: SequenceInfo) -> RawLayout:
    """Return what raw pixels hold such frames, so that nothing is lost but the digits of 64-bit floats.

    Raises:
        SequenceError: There are none for so many channels.

    Example:
        >>> info = SequenceInfo(
        ...     path="", format="array", height=48, width=64, channels=1, dtype="uint16",
        ...     value_range=(0, 65535)
        ... )
        >>> layout_for(info).pixels
        'gray16le'
    """
    names = _NAMES[_WRITTEN_AS.get(info.dtype, info.dtype)]
    if info.channels not in names:
        counts = ", ".join(map(str, names))
        raise SequenceError(
            f"raw pixels cannot hold {info.channels} channels of {info.dtype}",
            why=f"there are kinds for {counts}",
            hint="a .npy file instead",
        )
    return RawLayout(info.width, info.height, Fraction(info.fps or ASSUMED_FPS), names[info.channels])


def write_raw_frame(file: IO[bytes], frame: Pixels, layout: RawLayout) -> None:
    """Write one frame, `[H, W, C]`, and hand it on at once."""
    dtype = np.dtype(PIXELS[layout.pixels][0])
    stored: NDArray[Any] = np.ascontiguousarray(frame, dtype=dtype)
    left = stored.data.cast("B")
    while left:  # a file without buffer may take less than all
        left = left[file.write(left) :]


def raw_text(layout: RawLayout) -> str:
    """Return a layout as `--raw` takes it.

    Example:
        >>> raw_text(RawLayout(64, 48, Fraction(30000, 1001), "gray"))
        '64x48@30000/1001:gray'
    """
    rate = f"@{layout.fps}" if layout.fps else ""
    return f"{layout.width}x{layout.height}{rate}:{layout.pixels}"


def written_notes(info: SequenceInfo) -> tuple[str, ...]:
    """Return what raw pixels do not tell, or do not keep."""
    notes = []
    if info.dtype == "float64":
        notes.append("64-bit floats written as 32-bit")
    if info.fps is None:
        notes.append(f"no rate given, {ASSUMED_FPS} fps")
    return tuple(notes)
