"""Configuration of restyling."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from seqimg.config import Config, Range, TaskConfig, Words

__all__ = ["StyleConfig", "StyleRun"]


class StyleConfig(TaskConfig):
    """What can be set for restyling, beside what every task's training understands."""

    style: Words = Field(
        ("demo:ihc",),
        description="Pictures whose style is learnt; of several, run mixes them as wanted. demo:NAME is a photograph "
        "of scikit-image, such as demo:brick.",
        json_schema_extra={"metavar": "PICTURE,…"},
    )
    style_size: int = Field(
        256,
        ge=32,
        le=2048,
        description="Longer side that the styles' pictures are seen at: strokes grow with it.",
    )
    extractor: Literal["auto", "random-multiscale", "hed-vgg16", "efficientnet-lite0", "vgg19"] = Field(
        "auto",
        description="What a style is told by: auto takes hed-vgg16 if its weights are installed, else "
        "random-multiscale.",
    )
    style_loss: Literal["gram", "sliced"] = Field(
        "sliced", description="Compare products of features, or their distributions (sliced Wasserstein)."
    )
    style_weight: float = Field(30.0, ge=0, description="Weight of the style beside what the picture shows.")
    content_weight: float = Field(1.0, ge=0, description="Weight of what the picture shows.")
    tone_weight: float = Field(
        0.5, ge=0, description="Weight of what is dark staying darker than what is light."
    )
    smooth_weight: float = Field(0.02, ge=0, description="Weight of differences between neighbours.")
    temporal_weight: float = Field(
        1.0, ge=0, description="Weight of how much strokes move against what they are painted on."
    )
    fidelity_weight: float = Field(
        0.7, ge=0, description="Weight of how far a frame is from what it is painted as by itself."
    )
    memory_from: float = Field(
        0.67,
        ge=0,
        le=1,
        description="Share of the training that goes to painting single frames; the rest to keeping strokes still.",
    )
    width: int = Field(40, ge=4, le=512, description="Channels of the painting network.")
    blocks: int = Field(3, ge=0, le=32, description="Its residual blocks.")
    state: int = Field(24, ge=1, le=512, description="Channels of the memory.")
    frames: int = Field(12, ge=2, description="Frames of a clip in evaluation.")
    unroll: int = Field(6, ge=2, description="Frames of a clip that training goes back through.")
    pictures: Words = Field(
        (), description="The styles as they were learnt: name, size and digest. Training fills this in."
    )
    extractor_id: str = Field("", description="What the styles were told by. Training fills this in.")
    data: Words = Field(
        ("demo:pans",),
        description="Pictures and videos to learn on: photographs one by one (photos/*.jpg), video files, frame "
        "folders, arrays; without any, the photographs of scikit-image.",
    )
    short: Literal["error", "drop", "pad", "loop", "repeat"] = Field(
        "repeat",
        description="Sequences shorter than a clip: refuse, leave out, fill up with nothing, begin again, or hold the "
        "last frame.",
    )
    size: int = Field(
        0, ge=0, description="Longer side that videos are brought to for training, in pixels; 0 keeps it."
    )
    crop: int = Field(128, ge=32, description="Side of the random crops trained on, in pixels.")
    steps: int = Field(3000, ge=1, description="Optimiser steps.")
    batch_size: int = Field(2, ge=1, description="Clips per step, of all processes together.")
    optimizer: Literal["adamw", "muon"] = Field(
        "muon",
        description="What moves the weights: AdamW, or Muon for kernels, which learns more from a step.",
    )
    learning_rate: float = Field(2e-3, gt=0, description="Peak learning rate.")
    average: float = Field(
        0.98,
        ge=0,
        lt=1,
        description="Decay of the running average of the weights that is validated and saved; 0 is off.",
    )
    validate_every: int = Field(
        100_000, ge=1, description="Steps between validations; there is one at the end."
    )
    validation_clips: int = Field(8, ge=1, description="Most clips a validation looks at, evenly spread.")

    @field_validator("style")
    @classmethod
    def _some(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names:
            raise ValueError("name at least one picture")
        return names

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.channels not in (0, 1, 3):
            raise ValueError("channels have to be 3, or 1 for grey")
        if self.unroll > self.frames:
            raise ValueError("unroll takes at most as many frames as a clip has")
        return self


class StyleRun(Config):
    """Options of `seqimg style run`; there is no seed, for nothing in it is left to chance."""

    strength: float = Field(
        1.0,
        ge=0,
        le=1.5,
        description="How much of the style: 0 leaves the picture as it is, 1 is as learnt.",
    )
    blend: Range = Field(
        (),
        description="Shares of the styles, of a model that knows several, such as 0.3,0.7.",
        json_schema_extra={"metavar": "SHARES"},
    )
    keep_colour: bool = Field(
        False, description="Take the colours from the source, and only the strokes from the style."
    )
    reset_on_cut: bool = Field(True, description="Begin afresh where another scene begins.")
    memory: bool = Field(
        True, description="Keep strokes on the things they are painted on; else every frame for itself."
    )

    @field_validator("blend")
    @classmethod
    def _shares(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if shares and (min(shares) < 0 or sum(shares) <= 0):
            raise ValueError("give shares that are not negative, one of them above 0")
        return shares
