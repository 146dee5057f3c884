"""What becomes of a video's pixels: channels, depth, colour range, rotation."""

from dataclasses import dataclass
from fractions import Fraction

import av
import av.video.frame
import av.video.reformatter
import av.video.stream
import numpy as np
from numpy.typing import NDArray

from seqimg.sequences.pixeltypes import Pixels

__all__ = ["VideoPixels", "pixel_aspect", "plan_pixels"]

_RANGES = {1: "limited", 2: "full"}
_DYNAMIC_RANGES = {16: "PQ", 18: "HLG"}  # FFmpeg's numbers of the transfer curves
_OFTEN_OPAQUE = ("bgra", "pal8")  # GIF and palettes have an alpha channel even where nobody uses it


@dataclass(frozen=True)
class VideoPixels:
    """How decoded frames become arrays `[H, W, C]`; the same for every frame of a file.

    Attributes:
        target: FFmpeg's name of the pixel format to convert to.
        channels: Number of channels, of those of the target that are kept.
        dtype: dtype name of the arrays.
        turns: Quarter turns counterclockwise that set a frame upright.
        white: Where FFmpeg puts white of more than 8 bits, and the shift that fills up the rest; or None.
        table: What each grey value becomes; None if it stays.
        source_format: FFmpeg's name of the pixel format of the source.
        colour_range: `"limited"` or `"full"`, as the source states it.
        notes: What the reader has to state.
    """

    target: str
    channels: int
    dtype: str
    turns: int
    white: tuple[int, int] | None
    table: NDArray[np.generic] | None
    source_format: str
    colour_range: str | None
    notes: tuple[str, ...]

    def __call__(
        self, reformatter: av.video.reformatter.VideoReformatter, frame: av.video.frame.VideoFrame
    ) -> Pixels:
        """Return the frame's pixels, an array that belongs to nobody else.

        Raises:
            av.error.FFmpegError: FFmpeg cannot convert them.
        """
        converted = reformatter.reformat(frame, format=self.target)
        plane: Pixels = converted.to_ndarray().reshape(frame.height, frame.width, -1)
        if self.channels == 2:
            plane = plane[:, :, [0, 3]]
        if self.table is not None:
            plane = self.table[plane]
        # The memory of a new frame is ours alone; an unconverted frame's is the decoder's.
        is_ours = converted is not frame and plane.flags.c_contiguous and plane.flags.writeable
        if self.turns or not is_ours:
            plane = np.rot90(plane, self.turns).copy(order="C")
        if self.white is not None:
            _fill_up(plane.view(np.uint16), *self.white)
        return plane


def plan_pixels(frame: av.video.frame.VideoFrame) -> VideoPixels:
    """Choose from the first frame what all become."""
    source = frame.format
    bits = max(component.bits for component in source.components)
    is_grey = source.name.startswith(("gray", "mono", "ya"))
    has_alpha = any(component.is_alpha for component in source.components) or source.name == "pal8"
    if has_alpha and source.name in _OFTEN_OPAQUE:
        has_alpha = not _is_opaque(frame)
    target = "rgba" if has_alpha else "gray" if is_grey else "rgb24"
    if bits > 8:
        target = {"rgba": "rgba64le", "gray": "gray16le", "rgb24": "rgb48le"}[target]
    turns, turn_note = _turns(frame)
    curve = _DYNAMIC_RANGES.get(int(frame.color_trc))
    notes = [
        f"{bits}-bit pixels ({source.name}) scaled to 16 bits" if 8 < bits < 16 else None,
        f"{bits}-bit pixels ({source.name}) read as 16-bit" if bits > 16 else None,
        f"high dynamic range ({curve}) as it is, not mapped to tones" if curve else None,
        turn_note,
    ]
    return VideoPixels(
        target=target,
        channels=(1 if is_grey else 3) + has_alpha,
        dtype="uint16" if bits > 8 else "uint8",
        turns=turns,
        white=None if is_grey or source.is_rgb or bits <= 8 else _white(bits, int(frame.color_range)),
        table=_grey_table(bits) if is_grey and int(frame.color_range) == 1 else None,
        source_format=source.name,
        colour_range=_RANGES.get(int(frame.color_range)),
        notes=tuple(note for note in notes if note),
    )


def pixel_aspect(stream: av.video.stream.VideoStream) -> Fraction:
    """Return the width of a pixel over its height, as the file states it, before any turn."""
    ratio = stream.sample_aspect_ratio
    return Fraction(ratio.numerator, ratio.denominator) if ratio and ratio > 0 else Fraction(1)


def _is_opaque(frame: av.video.frame.VideoFrame) -> bool:
    return bool((frame.reformat(format="rgba").to_ndarray()[..., 3] == 255).all())


def _white(bits: int, colour_range: int) -> tuple[int, int] | None:
    """Say where FFmpeg's 16-bit RGB has white, for YUV pixels of so many bits.

    Limited range: 255 * 256. Full range: all bits set and zeros behind them.
    """
    if colour_range != 2:
        return 255 << 8, 8
    return (((1 << bits) - 1) << (16 - bits), bits) if bits < 16 else None


def _grey_table(bits: int) -> NDArray[np.generic]:
    """Return what greys of limited range become; FFmpeg itself leaves them as they are."""
    whole = 65535 if bits > 8 else 255
    low, high = ((step << (bits - 8)) * whole / ((1 << bits) - 1) for step in (16, 235))
    values = (np.arange(whole + 1) - low) * (whole / (high - low))
    return values.round().clip(0, whole).astype(np.uint16 if bits > 8 else np.uint8)


def _fill_up(values: NDArray[np.uint16], white: int, shift: int) -> None:
    """Have white be all bits set, in place."""
    np.minimum(values, white, out=values)
    values += values >> shift


def _turns(frame: av.video.frame.VideoFrame) -> tuple[int, str | None]:
    """Return the quarter turns counterclockwise that set the frame upright."""
    degrees = frame.rotation
    if degrees % 90:
        return 0, f"rotation of {degrees}° not applied"
    turns = degrees // 90 % 4
    return turns, f"turned by {degrees % 360}°" if turns else None
