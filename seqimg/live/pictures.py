"""What viewers are sent of one moment: pictures, each encoded once however many look at it."""

import io
import threading
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from seqimg.rows import Row
from seqimg.training.pictures import grey_or_rgb, heat

__all__ = ["QUALITIES", "Encoded", "Moment", "Part", "Quality"]

Part: TypeAlias = Literal["input", "output", "difference", "bare"]
"""What can be looked at: the frame, the answer, how they differ, the answer of a model without memory."""

Quality: TypeAlias = Literal["low", "medium", "high"]
"""How good pictures are."""

QUALITIES: dict[Quality, tuple[int, int]] = {"low": (480, 55), "medium": (960, 80), "high": (1920, 92)}
"""The longer side in pixels at most, and JPEG's quality."""

_SMALL = 320  # pixels
_GAIN = 2.0  # half of the value range is the brightest that differences get


@dataclass(frozen=True, slots=True)
class Encoded:
    """A picture as it is sent.

    Attributes:
        data: JPEG.
        width: Its width in pixels.
        height: Its height.
        full: The width that it was made from.
    """

    data: bytes
    width: int
    height: int
    full: int


@dataclass
class Moment:
    """One frame and what was said of it.

    Attributes:
        number: Counts what is shown, from 1.
        place: The frame's place in the source.
        time: Its time in seconds.
        at: When it came, in seconds of `time.monotonic`.
        frame: `[C, H, W]` in [0, 1]; NaN where a value is missing.
        answer: The picture that the task gave last, `[C, H, W]`, or None if it has given none yet.
        bare: That of the model without memory.
        fresh: Whether the answer is of this frame.
        line: What people read.
        rows: What goes into tables.
        bare_line: What people read of the model without memory.
        age: Frames that the model remembers.
    """

    number: int
    place: int
    time: float
    at: float
    frame: Tensor
    answer: Tensor | None = None
    bare: Tensor | None = None
    fresh: bool = False
    line: str | None = None
    rows: tuple[Row, ...] = ()
    bare_line: str | None = None
    age: int = 0
    _encoded: dict[tuple[Part, Quality], Encoded | None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def encoded(self, part: Part, quality: Quality) -> Encoded | None:
        """Return a picture as JPEG, or None if there is none; the first to ask has it made for all."""
        with self._lock:
            if (part, quality) not in self._encoded:
                pixels = self.pixels(part)
                self._encoded[part, quality] = None if pixels is None else _jpeg(pixels, *QUALITIES[quality])
            return self._encoded[part, quality]

    def pixels(self, part: Part) -> NDArray[np.uint8] | None:
        """Return a picture, `[H, W, 1 or 3]` 8-bit; missing values are the middle grey of a page. None if none is."""
        if part == "input":
            return _pixels(self.frame)
        if part == "bare":
            return None if self.bare is None else _pixels(self.bare)
        if self.answer is None:
            return None
        return _pixels(self.answer) if part == "output" else _difference(self.frame, self.answer)

    def png(self) -> bytes:
        """Return the answer, or the frame if there is none yet, as PNG without loss."""
        pixels = self.pixels("output")
        file = io.BytesIO()
        _image(self.pixels("input") if pixels is None else pixels).save(file, "PNG", compress_level=3)
        return file.getvalue()


def _pixels(picture: Tensor) -> NDArray[np.uint8]:
    shown = picture.detach().float().cpu()
    missing = shown.isnan()
    if missing.any():
        shown = shown.masked_fill(missing, 0.5)
    # RGB of RGBA; of other numbers of channels their mean.
    values = shown[:3] if shown.shape[0] == 4 else shown
    if values.shape[0] not in (1, 3):
        values = torch.from_numpy(grey_or_rgb(values.permute(1, 2, 0).numpy())).permute(2, 0, 1)
    eight: NDArray[np.uint8] = (
        (values.clamp(0, 1) * 255).round_().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    )
    return eight


def _difference(frame: Tensor, answer: Tensor) -> NDArray[np.uint8] | None:
    """Return how much an answer differs from its frame as colours, None if it is of another size."""
    if frame.shape != answer.shape:
        return None
    off = (answer.detach().float().cpu() - frame.detach().float().cpu()).abs().mean(0)
    return heat((off.nan_to_num(0) * _GAIN).numpy())


def _image(pixels: NDArray[np.uint8] | None) -> Image.Image:
    assert pixels is not None, "there is a frame"
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _jpeg(pixels: NDArray[np.uint8], longer: int, quality: int) -> Encoded:
    image = _image(pixels)
    full = image.width
    if max(image.size) > longer:
        image.thumbnail((longer, longer), Image.Resampling.BILINEAR, reducing_gap=2.0)
    file = io.BytesIO()
    if max(image.size) <= _SMALL:  # a page enlarges it, and with it each flaw
        image.save(file, "JPEG", quality=95, subsampling=0)
    else:
        image.save(file, "JPEG", quality=quality)
    return Encoded(file.getvalue(), image.width, image.height, full)
