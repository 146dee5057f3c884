"""Raw pixels to another program, frame by frame."""

from typing import IO

from seqimg.sequences.base import SequenceInfo
from seqimg.sequences.pixeltypes import Pixels
from seqimg.sequences.raw.writer import layout_for, raw_text, write_raw_frame, written_notes

__all__ = ["RawPipe"]


class RawPipe:
    """Writes frames to an open file, each handed on at once; nothing is kept and nothing is renamed.

    Args:
        file: Where to, open for bytes. It stays open.
        info: What the frames are.

    Attributes:
        pixels: FFmpeg's name of the pixel format.
        notes: What raw pixels do not keep.
        command: How FFmpeg reads them.

    Raises:
        SequenceError: Raw pixels have no such channels.

    Example:
        >>> import io, numpy as np
        >>> info = SequenceInfo(
        ...     path="", format="frames", height=2, width=4, channels=3, dtype="uint8", value_range=(0, 255)
        ... )
        >>> received = io.BytesIO()
        >>> RawPipe(received, info).write(np.zeros((2, 4, 3), np.uint8))
        >>> len(received.getvalue())
        24
        >>> print(RawPipe(received, info).command.partition(",")[0])
        ffmpeg -f rawvideo -pixel_format rgb24 -video_size 4x2 -framerate 25 -i -
    """

    def __init__(self, file: IO[bytes], info: SequenceInfo) -> None:
        self._file, self._layout = file, layout_for(info)
        self.pixels, self.notes = self._layout.pixels, written_notes(info)
        layout = self._layout
        self.command = (
            f"ffmpeg -f rawvideo -pixel_format {layout.pixels} -video_size {layout.width}x{layout.height}"
            f" -framerate {layout.fps} -i -, or seqimg with --raw {raw_text(layout)}"
        )

    def write(self, frame: Pixels) -> None:
        """Write one frame, `[H, W, C]`.

        Raises:
            BrokenPipeError: Nobody reads any more.
        """
        write_raw_frame(self._file, frame, self._layout)
        self._file.flush()
