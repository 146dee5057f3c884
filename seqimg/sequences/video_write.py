"""Writing video that plays in a browser."""

from fractions import Fraction
from pathlib import Path

import av
import av.video.reformatter
import numpy as np
from numpy.typing import NDArray

from seqimg.errors import UnavailableError
from seqimg.sequences.base import ASSUMED_FPS, SequenceError, SequenceInfo, SequenceWriter
from seqimg.sequences.muxer import Muxer
from seqimg.sequences.pixels import EightBit
from seqimg.sequences.pixeltypes import Pixels

__all__ = ["VideoWriter", "to_rgb"]

_H264 = {"crf": "18", "preset": "fast"}
_VP9 = {"crf": "24", "b": "0", "cpu-used": "4", "row-mt": "1"}
# The first encoder that this FFmpeg has is taken.
_ENCODERS = {"libx264": _H264, "libopenh264": {}, "libvpx-vp9": _VP9}
_WEBM = {"libvpx-vp9": _VP9}


class VideoWriter(SequenceWriter):
    """H.264, or VP9 in `.webm` and where there is no H.264 encoder; 4:2:0, BT.709 colours.

    Frames of odd size are padded by repeating the last row or column; other dtypes are scaled to
    8 bits by their value range; a fourth channel is taken for transparency and dropped.

    Args:
        path: The file to write to; its suffix names the container.
        info: What the frames are; without a rate they get 25 a second.

    Raises:
        SequenceError: Video cannot hold that many channels, or the encoder refuses the size.
        UnavailableError: There is no encoder.
    """

    def __init__(self, path: Path, info: SequenceInfo) -> None:
        self._scale = EightBit(info)
        self._convert = av.video.reformatter.VideoReformatter()
        self._pad = (info.height % 2, info.width % 2)
        self._count = 0
        self.codec, options = _encoder(path.suffix.lower())
        notes = check_channels(info, "video")
        if any(self._pad):
            notes.append("padded to even size")
        if info.fps is None:
            notes.append(f"no rate given, {ASSUMED_FPS} fps")
        self._notes = tuple(notes)
        rate = Fraction(info.fps or ASSUMED_FPS)
        self._muxer = Muxer(
            path,
            self.codec,
            size=(info.height + self._pad[0], info.width + self._pad[1]),
            pixel_format="yuv420p",
            rate=rate,
            time_base=1 / rate,
            # A keyframe every two seconds, so that players can jump and damage stays local.
            options={**options, "g": str(max(1, round(2 * rate)))},
            container_options={"movflags": "+faststart"}
            if path.suffix.lower() in (".mp4", ".m4v", ".mov")
            else {},
        )
        self._muxer.tag_bt709()

    def write(self, frame: Pixels) -> None:
        """Append one frame."""
        rgb = np.pad(to_rgb(self._scale(frame)), ((0, self._pad[0]), (0, self._pad[1]), (0, 0)), mode="edge")
        picture = self._convert.reformat(
            av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24"),
            format="yuv420p",
            dst_colorspace=av.video.reformatter.Colorspace.ITU709,
            dst_color_range=av.video.reformatter.ColorRange.MPEG,
        )
        self._muxer.write(picture, self._count)
        self._count += 1

    def close(self) -> None:
        """Finish the file."""
        self._muxer.close()
        self.notes = self._notes + self._scale.notes

    def abort(self) -> None:
        """Release encoder and file."""
        self._muxer.abort()


def check_channels(info: SequenceInfo, kind: str) -> list[str]:
    """Return what becomes of the channels, in words.

    Raises:
        SequenceError: Neither grey nor RGB nor RGBA.
    """
    if info.channels not in (1, 3, 4):
        raise SequenceError(
            f"{kind} cannot hold {info.channels} channels",
            why="it holds grey or RGB",
            hint="a .npy file instead",
        )
    return ["transparency dropped"] if info.channels == 4 else []


def to_rgb(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return `[H, W, 1, 3 or 4]` as `[H, W, 3]`."""
    return np.repeat(frame, 3, axis=2) if frame.shape[2] == 1 else frame[:, :, :3]


def _encoder(suffix: str) -> tuple[str, dict[str, str]]:
    choices = _WEBM if suffix == ".webm" else _ENCODERS
    for name, options in choices.items():
        if name in av.codecs_available:
            return name, options
    raise UnavailableError(
        f"cannot write {suffix} video",
        why=f"this FFmpeg has none of {', '.join(choices)}",
        hint="write a .gif, or a folder",
    )
