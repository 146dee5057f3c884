"""An encoder and the file its pictures go into."""

from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import av.error
import av.video.frame

from seqimg.sequences.base import SequenceError
from seqimg.sequences.video.audio import AudioSource
from seqimg.sequences.video.audio_copy import AudioCopy

__all__ = ["Muxer"]

# Pixels a side, which the encoders' own messages do not tell.
_LONGEST = {"libx264": 16384, "libvpx-vp9": 65535, "gif": 65535}


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
        pixel_aspect: Width of a pixel over its height.
        audio_from: A file whose sound is copied beside the pictures.

    Raises:
        SequenceError: The encoder does not take these pictures, or the container that sound.
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
        pixel_aspect: Fraction = Fraction(1),
        audio_from: AudioSource | None = None,
    ) -> None:
        self._codec = codec
        self._time_base, self._step, self._end = time_base, 1 / rate, Fraction(0)
        self._sound: AudioCopy | None = None
        self._container = av.open(
            f"file:{path.absolute()}", mode="w", container_options=dict(container_options or {})
        )
        self._stream = self._container.add_stream(codec, rate=rate, options=dict(options or {}))
        self._stream.height, self._stream.width = size
        self._stream.pix_fmt = pixel_format
        self._stream.codec_context.time_base = time_base
        self._stream.thread_type = "AUTO"
        if pixel_aspect != 1:
            self._stream.codec_context.sample_aspect_ratio = pixel_aspect
        if audio_from is not None:
            self._sound = self._with_sound(audio_from, path)

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to say about the sound so far."""
        return () if self._sound is None else self._sound.notes

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
        self._end = time * self._time_base + self._step
        self._copy_sound()

    def close(self) -> None:
        """Encode what is held back and finish the file.

        Raises:
            SequenceError: The encoder refuses.
            OSError: The disk does.
        """
        self._encode(None)
        self._copy_sound()
        self._container.close()
        self._release_sound()

    def abort(self) -> None:
        """Release encoder and file."""
        # Closing tries to finish the file, which is to be removed anyway.
        with suppress(av.error.FFmpegError):
            self._container.close()
        self._release_sound()

    def _with_sound(self, source: AudioSource, path: Path) -> AudioCopy:
        try:
            return AudioCopy(source, self._container, path)
        except BaseException:
            self.abort()
            raise

    def _copy_sound(self) -> None:
        """Write the sound that is heard up to the end of the last picture."""
        if self._sound is None:
            return
        for packet in self._sound.until(float(self._end)):
            self._container.mux(packet)

    def _release_sound(self) -> None:
        if self._sound is not None:
            self._sound.close()

    def _encode(self, picture: av.video.frame.VideoFrame | None) -> None:
        try:
            self._container.mux(self._stream.encode(picture))
        except OSError:  # FFmpeg's errors of the disk are of this type as well
            raise
        except av.error.FFmpegError as error:
            size = f"{self._stream.width} by {self._stream.height}"
            longest = _LONGEST.get(self._codec)
            too_long = longest is not None and max(self._stream.width, self._stream.height) > longest
            raise SequenceError(
                f"the encoder {self._codec} refuses frames of {size}",
                why=f"it takes at most {longest} pixels a side" if too_long else error.strerror,
                hint="smaller frames, or a folder or .npy file instead",
            ) from error
