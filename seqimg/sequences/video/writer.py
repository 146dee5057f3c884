"""Writing video that plays in a browser."""

from fractions import Fraction
from pathlib import Path

import av
import av.video.frame
import av.video.reformatter
import numpy as np
from numpy.typing import NDArray

from seqimg.errors import UnavailableError, UsageError
from seqimg.sequences.base import ASSUMED_FPS, SequenceError, SequenceInfo, SequenceWriter
from seqimg.sequences.pixels import EightBit
from seqimg.sequences.pixeltypes import PICTURE_CHANNELS, Pixels
from seqimg.sequences.video.audio import AudioSource
from seqimg.sequences.video.muxer import Muxer

__all__ = ["VideoWriter", "check_channels", "to_rgb"]

_H264 = {"crf": "18", "preset": "fast"}
_VP9 = {"crf": "24", "b": "0", "cpu-used": "4", "row-mt": "1"}
# The first encoder that this FFmpeg has is taken.
_ENCODERS = {"libx264": _H264, "libopenh264": {}, "libvpx-vp9": _VP9}
_WEBM = {"libvpx-vp9": _VP9}
# Where the coded picture itself states the shape of its pixels; the container's statement is out of reach.
_SHAPED = ("libx264", "libopenh264")
_WORST_CRF = {"libx264": 51, "libvpx-vp9": 63}
_SUBSECOND = 90_000  # ticks a second, at least: the clock of broadcast video
# Times this near to the constant rate are on it: Matroska rounds to milliseconds.
_ROUNDING = 0.001
# Video's brightness for each of 256 grey levels.
_LIMITED = np.rint(16 + np.arange(256) * 219 / 255).astype(np.uint8)


class VideoWriter(SequenceWriter):
    """H.264, or VP9 in `.webm` and where there is no H.264 encoder; 4:2:0, BT.709 colours.

    Frames of odd size are padded by repeating the last row or column; other dtypes are scaled to
    8 bits by their value range; a fourth channel is taken for transparency and dropped.

    Args:
        path: The file to write to; its suffix names the container.
        info: What the frames are; without a rate they get 25 a second.
        quality: From 1 to 100 instead of the usual, which is near 65; the encoder's constant rate factor
            falls evenly from its worst to 0.
        audio_from: A file whose sound is copied beside the frames, up to the last of them.

    Raises:
        SequenceError: Video cannot hold that many channels, or that sound, or the encoder refuses the size.
        UsageError: There is no such quality.
        UnavailableError: There is no encoder.
    """

    keeps_times = True

    def __init__(
        self,
        path: Path,
        info: SequenceInfo,
        *,
        quality: int | None = None,
        audio_from: AudioSource | None = None,
    ) -> None:
        suffix = path.suffix.lower()
        self._scale = EightBit(info)
        self._pictures = _Pictures(info)
        self.codec, options = _encoder(suffix)
        options = _with_quality(options, self.codec, quality)
        notes = check_channels(info, "video")
        if self._pictures.is_padded:
            notes.append("padded to even size")
        aspect = info.pixel_aspect
        if aspect != 1 and self.codec not in _SHAPED:
            notes.append(f"pixels of {aspect.numerator}:{aspect.denominator} are shown as squares")
        if info.fps is None:
            notes.append(f"no rate given, {ASSUMED_FPS} fps")
        self._rate = Fraction(info.fps or ASSUMED_FPS)
        # A clock that has every frame of the constant rate on a tick, and ticks fine enough for any other.
        self._ticks = self._rate.denominator * -(-_SUBSECOND // self._rate.numerator)
        self._next = 0
        self._muxer = Muxer(
            path,
            self.codec,
            size=self._pictures.size,
            pixel_format="yuv420p",
            rate=self._rate,
            time_base=1 / (self._rate * self._ticks),
            # A keyframe every two seconds, so that players can jump and damage stays local.
            options={**options, "g": str(max(1, round(2 * self._rate)))},
            container_options={"movflags": "+faststart"} if suffix in (".mp4", ".m4v", ".mov") else {},
            pixel_aspect=info.pixel_aspect,
            audio_from=audio_from,
        )
        self._muxer.tag_bt709()
        self._notes = tuple(notes)

    def write(self, frame: Pixels) -> None:
        """Append one frame."""
        self._muxer.write(self._pictures(self._scale(frame)), self._next)
        self._next += self._ticks

    def write_at(self, frame: Pixels, time: float) -> None:
        """Append one frame, shown from `time` on."""
        at = self._tick(time)
        self._muxer.write(self._pictures(self._scale(frame)), at)
        self._next = at + 1

    def close(self) -> None:
        """Finish the file."""
        self._muxer.close()
        self.notes = self._notes + self._muxer.notes + self._scale.notes

    def abort(self) -> None:
        """Release encoder and file."""
        self._muxer.abort()

    def _tick(self, time: float) -> int:
        """Return the tick for a time, on the constant rate if it is meant to be; each is later than the last."""
        frames = round(time * self._rate)
        on_rate = abs(time - frames / self._rate) <= _ROUNDING
        at = frames * self._ticks if on_rate else round(time * self._rate * self._ticks)
        return max(at, self._next)


class _Pictures:
    """Turns 8-bit frames into the encoder's pictures.

    Args:
        info: What the frames are.

    Attributes:
        size: Height and width of the pictures, both even.
        is_padded: Whether that is more than the frames'.
    """

    def __init__(self, info: SequenceInfo) -> None:
        pad = (info.height % 2, info.width % 2)
        self.size = (info.height + pad[0], info.width + pad[1])
        self.is_padded = any(pad)
        self._pad = ((0, pad[0]), (0, pad[1]), (0, 0))
        # One converter for all frames: PyAV 18 would keep megabytes of swscale state for each.
        self._convert = av.video.reformatter.VideoReformatter()

    def __call__(self, frame: NDArray[np.uint8]) -> av.video.frame.VideoFrame:
        if self.is_padded:
            frame = np.pad(frame, self._pad, mode="edge")
        if frame.shape[2] == 1:
            return _grey_picture(frame[:, :, 0])
        return self._convert.reformat(
            av.VideoFrame.from_ndarray(np.ascontiguousarray(frame[:, :, :3]), format="rgb24"),
            format="yuv420p",
            dst_colorspace=av.video.reformatter.Colorspace.ITU709,
            dst_color_range=av.video.reformatter.ColorRange.MPEG,
        )


def _grey_picture(grey: NDArray[np.uint8]) -> av.video.frame.VideoFrame:
    """Return grey levels `[H, W]` as a picture without colour; FFmpeg's own conversion would tint it."""
    height, width = grey.shape
    picture = av.VideoFrame(width, height, "yuv420p")
    no_colour = np.uint8(128)
    for plane, values in zip(picture.planes, (_LIMITED[grey], no_colour, no_colour), strict=True):
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        rows[: plane.height, : plane.width] = np.asarray(values)
    return picture


def check_channels(info: SequenceInfo, kind: str) -> list[str]:
    """Return what becomes of the channels, in words.

    Raises:
        SequenceError: Neither grey nor RGB nor RGBA.
    """
    if info.channels not in PICTURE_CHANNELS:
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


def _with_quality(options: dict[str, str], codec: str, quality: int | None) -> dict[str, str]:
    if quality is None:
        return options
    if not 1 <= quality <= 100:
        raise UsageError(f"quality {quality} is none", why="it goes from 1 to 100, the best")
    if codec not in _WORST_CRF:
        raise UsageError(f"quality means nothing for the encoder {codec}", hint="leave it out")
    return {**options, "crf": str(round(_WORST_CRF[codec] * (100 - quality) / 100))}
