"""Configuration of frame prediction."""

from typing import Literal

from pydantic import Field, field_validator

from seqimg.config import Config, Numbers, TaskConfig

__all__ = ["PredictConfig", "PredictRun"]


class PredictConfig(TaskConfig):
    """What can be set for frame prediction, beside what every task's training understands."""

    context: int = Field(5, ge=2, description="Frames seen before a prediction.")
    horizon: int = Field(5, ge=1, description="Frames predicted in training and evaluation.")
    cell: str = Field("conv_gru", description="Recurrent cell; `seqimg doctor` lists them.")
    widths: Numbers = Field(
        (32, 48), description="State channels of each level, finest first; each level halves the size."
    )
    patch: int = Field(4, ge=1, description="Pixels that one position of the finest level stands for.")
    kernel_size: int = Field(3, ge=1, description="Side of the recurrent convolutions; odd.")
    motion: bool = Field(True, description="Move the last frame's pixels before changing them.")
    loss: Literal["relative", "mse", "l1"] = Field(
        "relative", description="Squared error, relative to that of copying the last frame; or plain."
    )

    @field_validator("widths")
    @classmethod
    def _at_least_one(cls, widths: tuple[int, ...]) -> tuple[int, ...]:
        if not widths or min(widths) < 1:
            raise ValueError("give one positive width a level")
        return widths

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
