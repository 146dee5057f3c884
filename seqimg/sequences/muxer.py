"""An encoder and the file its pictures go into."""

from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import av.error
import av.video.frame

from seqimg.sequences.base import SequenceError

__all__ = ["Muxer"]


class Muxer:
    """Encodes pictures into a container, one after the other.

    Args:
        path: The file to write to; its suffix names the container.
        codec: FFmpeg's name of the encoder.
        size: Height and width in pixels.
        pixel_format: FFmpeg's name of the pixel format.
        rate: Frames a second.
        time_base: The unit of the frames' times, in seconds.
        options: Options of the encoder.
        container_options: Options of the container.

    Raises:
        SequenceError: The encoder does not take these pictures.
    """

    def __init__(
        self,
        path: Path,
        codec: str,
        *,
        size: tuple[int, int],
        pixel_format: str,
        rate: Fraction,
        time_base: Fraction,
        options: Mapping[str, str] | None = None,
        container_options: Mapping[str, str] | None = None,
    ) -> None:
        self._codec = codec
        self._time_base = time_base
        self._container = av.open(
            f"file:{path.absolute()}", mode="w", container_options=dict(container_options or {})
        )
        self._stream = self._container.add_stream(codec, rate=rate, options=dict(options or {}))
        self._stream.height, self._stream.width = size
        self._stream.pix_fmt = pixel_format
        self._stream.codec_context.time_base = time_base
        self._stream.thread_type = "AUTO"

    def tag_bt709(self) -> None:
        """State the usual colours of video: BT.709, limited range."""
        context = self._stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = 1
        context.color_range = 1

    def write(self, picture: av.video.frame.VideoFrame, time: int) -> None:
        """Encode one picture, shown from `time` on, in units of the time base.

        Raises:
            SequenceError: The encoder refuses.
            OSError: The disk does.
        """
        picture.pts, picture.time_base = time, self._time_base
        self._encode(picture)

    def close(self) -> None:
        """Encode what is held back and finish the file.

        Raises:
            SequenceError: The encoder refuses.
            OSError: The disk does.
        """
        self._encode(None)
        self._container.close()

    def abort(self) -> None:
        """Release encoder and file."""
        # Closing tries to finish the file, which is to be removed anyway.
        with suppress(av.error.FFmpegError):
            self._container.close()

    def _encode(self, picture: av.video.frame.VideoFrame | None) -> None:
        try:
            self._container.mux(self._stream.encode(picture))
        except OSError:  # FFmpeg's errors of the disk are of this type as well
            raise
        except av.error.FFmpegError as error:
            size = f"{self._stream.width} by {self._stream.height}"
            raise SequenceError(
                f"the encoder {self._codec} refuses frames of {size}", why=error.strerror
            ) from error
