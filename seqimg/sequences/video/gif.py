"""Writing animated GIF."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from seqimg.sequences.base import ASSUMED_FPS, SequenceError, SequenceInfo, SequenceWriter
from seqimg.sequences.pixels import EightBit
from seqimg.sequences.pixeltypes import Pixels
from seqimg.sequences.video.muxer import Muxer
from seqimg.sequences.video.writer import check_channels, to_rgb

__all__ = ["GifWriter"]

_TICKS = 100  # a second; GIF has no finer times
_OFF = 0.06  # of a tick: what sums of floats and rounding to milliseconds do not explain
_MAX_FPS = 50  # viewers show shorter delays as a tenth of a second


class GifWriter(SequenceWriter):
    """An endless GIF; each frame has the 256 colours that suit it best, grey frames keep all of theirs.

    Args:
        path: The file to write to.
        info: What the frames are; without a rate they get 25 a second.

    Raises:
        SequenceError: GIF cannot hold that many channels or frames a second.
    """

    keeps_times = True

    def __init__(self, path: Path, info: SequenceInfo) -> None:
        self._rate = Fraction(info.fps or ASSUMED_FPS)
        if self._rate > _MAX_FPS:
            raise SequenceError(
                f"a GIF cannot show {float(self._rate):.5g} frames a second",
                why=f"viewers slow down above {_MAX_FPS}",
                hint="an .mp4 file instead",
            )
        self._notes = tuple(check_channels(info, "GIF"))
        if info.fps is None:
            self._notes += (f"no rate given, {ASSUMED_FPS} fps",)
        if (_TICKS / self._rate).denominator > 1:
            self._notes += ("times rounded to 10 ms",)
        self._scale = EightBit(info)
        self._grey = info.channels == 1
        self._count = self._next = 0
        self.codec = "gif"
        self._muxer = Muxer(
            path,
            "gif",
            size=(info.height, info.width),
            pixel_format="gray" if self._grey else "pal8",
            rate=self._rate,
            time_base=Fraction(1, _TICKS),
        )

    def write(self, frame: Pixels) -> None:
        """Append one frame."""
        # Rounding each time, not each delay, keeps the rate exact in the long run.
        self._append(frame, round(self._count * _TICKS / self._rate))

    def write_at(self, frame: Pixels, time: float) -> None:
        """Append one frame, shown from `time` on."""
        at = max(round(time * _TICKS), self._next)
        if abs(at - time * _TICKS) > _OFF:
            self._note("times rounded to 10 ms")
        self._append(frame, at)

    def _append(self, frame: Pixels, at: int) -> None:
        pixels = self._scale(frame)
        if self._grey:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:, :, 0]), format="gray")
        else:
            picture = av.VideoFrame.from_ndarray(_with_palette(to_rgb(pixels)), format="pal8")
        self._muxer.write(picture, at)
        self._count += 1
        self._next = at + 1

    def close(self) -> None:
        """Finish the file."""
        self._muxer.close()
        self.notes = self._notes + self._scale.notes

    def abort(self) -> None:
        """Release encoder and file."""
        self._muxer.abort()

    def _note(self, note: str) -> None:
        if note not in self._notes:
            self._notes += (note,)


def _with_palette(rgb: Pixels) -> tuple[Pixels, Pixels]:
    """Return `[H, W]` indices and the `[256, 4]` opaque ARGB colours they stand for."""
    image = Image.fromarray(np.ascontiguousarray(rgb)).quantize(256)
    colours = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    palette = np.zeros((256, 4), np.uint8)
    palette[:, 0] = 255
    palette[: len(colours), 1:] = colours
    return np.asarray(image), palette
