"""Configuration of frame prediction."""

from typing import Literal

from pydantic import Field, field_validator

from seqimg.config import Config, Numbers, TaskConfig, Words

__all__ = ["WAYS", "PredictConfig", "PredictRun"]

WAYS = ("turn", "reverse")
"""How training clips may be changed."""


class PredictConfig(TaskConfig):
    """What can be set for frame prediction, beside what every task's training understands."""

    context: int = Field(5, ge=2, description="Frames seen before a prediction.")
    horizon: int = Field(5, ge=1, description="Frames predicted in training and evaluation.")
    cell: str = Field("conv_gru", description="Recurrent cell; `seqimg cells list` names them.")
    widths: Numbers = Field(
        (32, 48), description="State channels of each level, finest first; each level halves the size."
    )
    patch: int = Field(4, ge=1, description="Pixels that one position of the finest level stands for.")
    kernel_size: int = Field(3, ge=1, description="Side of the recurrent convolutions; odd.")
    motion: bool = Field(
        True, description="Look for motion, and move the last frame's pixels before changing them."
    )
    cuts: bool = Field(True, description="Start afresh at a frame that does not continue the one before.")
    augment: Words = Field(
        ("turn", "reverse"),
        description="What half of the training clips become: `turn` (upside down, sideways), `reverse` "
        "(backwards in time: not for what has a direction, such as rain or growth).",
    )
    loss: Literal["relative", "mse", "l1"] = Field(
        "relative", description="Squared error, relative to that of copying the last frame; or plain."
    )

    @field_validator("widths")
    @classmethod
    def _at_least_one(cls, widths: tuple[int, ...]) -> tuple[int, ...]:
        if not widths or min(widths) < 1:
            raise ValueError("give one positive width a level")
        return widths

    @field_validator("augment")
    @classmethod
    def _known(cls, ways: tuple[str, ...]) -> tuple[str, ...]:
        for way in ways:
            if way not in WAYS:
                raise ValueError(f"there is no {way!r}, only {' and '.join(WAYS)}")
        return ways

    @field_validator("kernel_size")
    @classmethod
    def _odd(cls, size: int) -> int:
        if size % 2 == 0:
            raise ValueError("it has to be odd")
        return size


class PredictRun(Config):
    """Options of `seqimg predict run`."""

    horizon: int = Field(5, ge=1, le=10_000, description="Frames to predict after the last one.")
    lead_in: int = Field(
        0, ge=0, le=10_000, description="Frames of the source to write before the prediction."
    )
