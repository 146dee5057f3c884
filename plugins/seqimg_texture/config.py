"""Configuration of textures."""

from typing import Literal

from pydantic import Field, field_validator

from seqimg.config import Config, Numbers, TaskConfig, positive_widths

__all__ = ["Extractor", "TextureConfig", "TextureRun"]

Extractor = Literal["auto", "random-multiscale", "hed-vgg16", "efficientnet-lite0", "vgg19"]


class TextureConfig(TaskConfig):
    """What can be set for textures, beside what every task's training understands."""

    extractor: Extractor = Field(
        "auto",
        description="What tells what a texture looks like: a trained network, whose weights have to be installed, or "
        "random filters, which see less; auto takes hed-vgg16 if it is there, else random-multiscale.",
    )
    motion: float = Field(
        0.06,
        ge=0.005,
        le=1,
        description="How much a living texture changes from frame to frame, as a share of the picture's contrast. "
        "An example video says so itself.",
    )
    frames: int = Field(
        0,
        ge=0,
        le=3,
        description="Learn from 1 (appearance) or 3 frames at once (motion too); 0 takes 3 if all examples are "
        "videos.",
    )
    widths: Numbers = Field(
        (24, 16),
        min_length=2,
        max_length=2,
        description="State channels of the two levels: at an eighth and at half of the picture's size.",
    )
    noise: int = Field(4, ge=1, le=64, description="Channels of noise that each level is driven by.")
    unrolled: Numbers = Field(
        (3, 7),
        min_length=2,
        max_length=2,
        description="Fewest and most frames that gradients go back through in a step of training.",
        json_schema_extra={"metavar": "FROM,TO"},
    )
    pool: int = Field(12, ge=1, description="Textures that are kept growing during training.")
    renewed: float = Field(
        0.02, gt=0, le=1, description="Share of the textures taken from the pool that begin anew, from noise."
    )
    size: int = Field(
        512, ge=0, description="Longer side of the example, in pixels, if it is larger; 0 keeps it."
    )
    crop: int = Field(
        128, ge=16, le=1024, description="Side of the textures that are grown in training, in pixels."
    )
    steps: int = Field(2100, ge=1, description="Optimiser steps.")
    batch_size: int = Field(1, ge=1, description="Textures grown at once.")
    learning_rate: float = Field(3e-3, gt=0, description="Peak learning rate.")
    weight_decay: float = Field(0, ge=0, description="Decoupled weight decay.")
    average: float = Field(
        0.985,
        ge=0,
        lt=1,
        description="Decay of the running average of the weights that is validated and saved; 0 is off.",
    )
    validate_every: int = Field(1050, ge=1, description="Steps between validations.")
    validation_clips: int = Field(2, ge=1, description="Most crops a validation compares with.")

    _widths = field_validator("widths")(positive_widths)

    @field_validator("frames")
    @classmethod
    def _one_or_three(cls, frames: int) -> int:
        if frames == 2:
            raise ValueError("give 1 or 3, or 0")
        return frames

    @field_validator("unrolled")
    @classmethod
    def _in_order(cls, unrolled: tuple[int, ...]) -> tuple[int, ...]:
        if not 3 <= unrolled[0] <= unrolled[1]:
            raise ValueError("give two numbers of frames, the fewer first, at least 3")
        return unrolled


class TextureRun(Config):
    """Options of `seqimg texture run`."""

    seed: int = Field(0, ge=0, le=2**31 - 1, description="Another seed is another texture of the same kind.")
    speed: float = Field(
        1.0,
        ge=0.05,
        le=4,
        description="How fast it lives; 1 is as fast as in training, below that it is smoother.",
    )
    still: bool = Field(False, description="Stop it from moving.")
    tileable: bool = Field(
        False,
        description="The right edge goes on at the left, and the lower at the upper; sides have to be multiples of 8.",
    )
    settle: int = Field(48, ge=0, le=10_000, description="Steps it grows before the first frame.")
