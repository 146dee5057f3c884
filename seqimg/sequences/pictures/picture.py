"""What one picture file holds."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Picture"]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as its header describes it.

    Attributes:
        height: Height in pixels, set upright.
        width: Width in pixels, set upright.
        channels: Number of channels.
        dtype: dtype name.
        decoder: What reads it without loss of depth.
        note: What reading it changes.
        fill_value: A value that stands for a missing one, if the file states it.
    """

    height: int
    width: int
    channels: int
    dtype: str
    decoder: Literal["pillow", "png", "tiff"] = "pillow"
    note: str | None = None
    fill_value: float | None = None

    @property
    def kind(self) -> tuple[int, int, int, str]:
        """What all frames of a sequence have in common."""
        return self.height, self.width, self.channels, self.dtype

    def __str__(self) -> str:
        channels = f"{self.channels} channel" + "s" * (self.channels > 1)
        return f"{self.width} by {self.height}, {channels}, {self.dtype}"
