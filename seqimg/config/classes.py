"""The classes that configurations are made of."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_serializer, field_validator

from seqimg.masking import masked
from seqimg.wording import joined

__all__ = [
    "Config",
    "Numbers",
    "Range",
    "ReadingConfig",
    "TaskConfig",
    "Words",
    "odd_side",
    "positive_widths",
]


def _split(value: object) -> object:
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


Numbers = Annotated[tuple[int, ...], BeforeValidator(_split)]
"""Whole numbers; on the command line and in the environment separated by commas: `48,64`."""

Range = Annotated[tuple[float, ...], BeforeValidator(_split)]
"""Two numbers, or none; on the command line and in the environment separated by a comma: `0,4095`."""

Words = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""Words; on the command line and in the environment separated by commas."""


def positive_widths(widths: tuple[int, ...]) -> tuple[int, ...]:
    """Refuse widths of levels of which none is given or one is no width, for `field_validator`.

    Args:
        widths: What was given, channels a level.

    Example:
        >>> positive_widths((32, 48))
        (32, 48)
    """
    if not widths or min(widths) < 1:
        raise ValueError("give one positive width a level")
    return widths


def odd_side(side: int) -> int:
    """Refuse an even side, which has no middle, for `field_validator`.

    Args:
        side: What was given, in pixels.

    Example:
        >>> odd_side(3)
        3
    """
    if side % 2 == 0:
        raise ValueError("it has to be odd")
    return side


class Config(BaseModel):
    """Base of all configuration: frozen, and unknown keys are errors.

    Example:
        >>> class Options(Config):
        ...     strength: float = 1.0
        >>> Options(strength=0.5)
        Options(strength=0.5)
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


class ReadingConfig(Config):
    """How sequences are read: what `open_sequence` understands.

    Example:
        >>> ReadingConfig(gaps="hold", value_range=(0, 4095)).value_range
        (0.0, 4095.0)
    """

    on_error: Literal["error", "skip", "truncate"] = Field(
        "error", description="Damaged frames: refuse the sequence, leave them out, or end before the first."
    )
    gaps: Literal["error", "skip", "hold"] = Field(
        "error", description="Missing numbers in a folder: refuse, leave out, or repeat the frame before."
    )
    axes: str = Field(
        "",
        description="What each axis of an array is, T time, H height, W width, C channels: THWC. Told from the "
        "shape where only one reading is possible.",
        json_schema_extra={"metavar": "LETTERS"},
    )
    array: str = Field(
        "",
        description="Name of the array with the frames, in a file of several.",
        json_schema_extra={"metavar": "NAME"},
    )
    value_range: Range = Field(
        (),
        max_length=2,
        description="The values that are black and white, such as 0,4095, where the source does not say.",
        json_schema_extra={"metavar": "LOW,HIGH"},
    )
    fill_value: float | None = Field(
        None,
        description="The value that stands for a missing one; NaN always does.",
        json_schema_extra={"metavar": "NUMBER"},
    )
    fit: Literal["error", "resize", "crop", "pad"] = Field(
        "error",
        description="Pictures of another size than the first: refuse, resample to it, cut down to it, or add "
        "a border.",
    )
    raw: str = Field(
        "",
        description="What raw pixels from a pipe or file are, such as 640x480@30:rgb24.",
        json_schema_extra={"metavar": "WxH[@FPS][:PIXELS]"},
    )

    @field_validator("value_range")
    @classmethod
    def _two(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if len(value) == 1:
            raise ValueError("give two numbers, the lower first")
        return value


class TaskConfig(ReadingConfig):
    """What every task's training understands. A task adds its own fields in a subclass.

    Each field is a flag of `seqimg TASK train`, a TOML key, an environment variable and a line
    of the model folder's `config.json`.

    Example:
        >>> TaskConfig(data=("clip.mp4",), steps=100).batch_size
        8
    """

    data: Words = Field(
        (),
        description="What to learn from: video files, frame folders, arrays, data sets of many sequences, "
        "or demo:NAME.",
    )
    layout: str = Field(
        "auto",
        description="How data sets lie on the disk, such as class-folders or moving-mnist:time-first; "
        "auto looks, sequence takes each path as one sequence.",
    )
    split: Literal["auto", "time", "sequence", "balanced"] = Field(
        "auto",
        description="What is kept for testing: the end of every sequence, whole sequences, or the same share of "
        "each class's sequences, drawn by --seed; auto takes the data set's own parts, else whole sequences of data "
        "sets and the end of sequences named one by one.",
    )
    pre: Words = Field(
        (),
        description="Operations on each frame before all else, such as gaussian:sigma=1,median; kept with the model "
        "and applied again by run and eval. See seqimg filter list.",
        json_schema_extra={"metavar": "NAME:KEY=VALUE,…"},
    )
    stride: int = Field(1, ge=1, description="Frames from one of a clip's frames to the next.")
    fps: float = Field(
        0,
        ge=0,
        le=1000,
        description="Frames a second that sequences are brought to, by the nearest in time; 0 leaves them.",
    )
    short: Literal["error", "drop", "pad", "loop", "repeat"] = Field(
        "error",
        description="Sequences shorter than a clip: refuse, leave out, fill up with nothing, begin again, "
        "or hold the last frame.",
    )
    cache: Literal["auto", "disk", "none"] = Field(
        "auto",
        description="Decode everything once to a temporary file, or read frames when they are needed; auto "
        "decodes what fits into half of the free space.",
    )
    size: int = Field(
        160,
        ge=0,
        description="Longer side of the frames the model works on, in pixels; 0 keeps them as they are.",
    )
    crop: int = Field(
        64, ge=0, description="Side of the random crops trained on, in pixels; 0 trains on whole frames."
    )
    holdout: float = Field(
        0.3, ge=0, lt=1, description="Share at the end of every sequence kept for testing."
    )
    validation: float = Field(
        0.1, ge=0, lt=1, description="Share of the rest, at its end, used to choose the best model."
    )
    steps: int = Field(2000, ge=1, description="Optimiser steps.")
    epochs: float = Field(
        0, ge=0, description="How many times to go through the clips, instead of --steps; 0 goes by steps."
    )
    minutes: float = Field(
        0, ge=0, description="Time limit: the schedule is shortened to end within it; 0 is no limit."
    )
    batch_size: int = Field(8, ge=1, description="Clips per step, of all processes together.")
    accumulate: int = Field(
        1,
        ge=1,
        description="Parts that a step's batch is worked through in, one after the other: the same "
        "step in less memory.",
    )
    optimizer: Literal["adamw", "muon"] = Field(
        "adamw",
        description="What moves the weights: AdamW, or Muon for kernels, which learns more from a step.",
    )
    learning_rate: float = Field(2e-3, gt=0, description="Peak learning rate.")
    weight_decay: float = Field(1e-4, ge=0, description="Decoupled weight decay.")
    schedule: Literal["cosine", "onecycle", "constant"] = Field(
        "cosine",
        description="How the learning rate goes once it has risen: down to 0 as half a cosine; the same, and up "
        "as one too (OneCycle); or it stays.",
    )
    warmup: float = Field(
        0.05, ge=0, lt=1, description="Share of the steps over which the learning rate rises."
    )
    clip_norm: float = Field(1.0, gt=0, description="Gradients are scaled down to this norm.")
    average: float = Field(
        0.99,
        ge=0,
        lt=1,
        description="Decay of the running average of the weights that is validated and saved; 0 is off.",
    )
    validate_every: int = Field(500, ge=1, description="Steps between validations.")
    validate_epochs: float = Field(
        0, ge=0, description="Epochs between validations, instead of --validate-every; 0 goes by steps."
    )
    patience: int = Field(
        0, ge=0, description="Validations without a better one after which training ends early; 0 is never."
    )
    save_every: int = Field(
        0, ge=0, description="Steps between checkpoints; 0 writes one after every validation."
    )
    validation_clips: int = Field(64, ge=1, description="Most clips a validation looks at, evenly spread.")
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        "fp32", description="Number format of the forward and backward pass."
    )
    compile: bool = Field(
        False, description="Have torch compile the model: slow to begin with, mostly faster after."
    )
    track: Words = Field(
        (), description="Where curves go too, as they grow: tensorboard (into the run folder), wandb, mlflow."
    )
    channels: int = Field(0, ge=0, description="Channels of the frames; 0 takes what the data have.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where to compute.")
    workers: int = Field(0, ge=0, description="Processes that prepare clips beside the main one.")
    seed: int = Field(0, ge=0, description="Seed of everything random.")

    @field_validator("pre")
    @classmethod
    def _whole(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Put operations together that were cut at the commas between their parameters."""
        return tuple(joined(value))

    @field_serializer("data", when_used="json")
    def _without_credentials(self, data: tuple[str, ...]) -> tuple[str, ...]:
        """What is written to disk names no password; what is handed on in memory does."""
        return tuple(map(masked, data))
