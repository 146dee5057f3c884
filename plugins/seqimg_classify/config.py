"""Configuration of classification."""

from typing import Literal

from pydantic import Field, field_validator, model_validator
from pydantic.config import JsonDict

from seqimg.config import Config, Numbers, TaskConfig, Words, odd_side, positive_widths

__all__ = ["ClassifyConfig", "ClassifyRun"]

_MEASURING: JsonDict = {
    "measures": True
}  # such a field says how a model is measured: `eval` has a flag for it too
_CROPS = (1, 3, 5)
_OF_ROWS = {"frames": 1, "batch_size": 64}


class ClassifyConfig(TaskConfig):
    """What can be set for classification, beside what every task's training understands."""

    model: Literal["rows", "convgru", "backbone"] = Field(
        "convgru",
        description="`rows` reads each picture row by row, `convgru` remembers across frames, `backbone` puts "
        "such a memory behind an image network. With `rows` clips have one frame, and batches 64 of them, unless told.",
    )
    frames: int = Field(8, ge=0, description="Frames a clip; 0 takes whole sequences.")
    sampling: Literal["dense", "uniform", "tsn"] = Field(
        "dense",
        description="How a clip's frames lie in its sequence: neighbours, evenly over all of it, or one of each "
        "of its parts.",
    )
    steps: int = Field(500, ge=1, description="Optimiser steps.")
    batch_size: int = Field(16, ge=1, description="Clips per step, of all processes together.")
    learning_rate: float = Field(3e-3, gt=0, description="Peak learning rate.")
    validate_every: int = Field(250, ge=1, description="Steps between validations.")
    validation_clips: int = Field(500, ge=1, description="Most clips a validation looks at, evenly spread.")
    mirror: bool = Field(
        False, description="Mirror half of the training clips: not where left and right tell classes apart."
    )
    protocol: Literal["views", "streaming"] = Field(
        "views",
        description="How sequences are measured: the mean over several clips of each, or once from the first "
        "frame to the last with the state carried through.",
        json_schema_extra=_MEASURING,
    )
    views: int = Field(
        1, ge=1, le=100, description="Clips of each sequence in testing.", json_schema_extra=_MEASURING
    )
    crops: int = Field(
        1,
        description="Crops of each of these clips, 1, 3 or 5, of side --crop.",
        json_schema_extra=_MEASURING,
    )
    cell: str = Field(
        "conv_gru",
        description="Recurrent cell; `seqimg cells list` names them, those for pictures with rank 2.",
    )
    widths: Numbers = Field((32, 48, 64), description="State channels of each level, finest first.")
    kernel_size: int = Field(
        3, ge=1, description="Side of the recurrent convolutions, of cells that have such; odd."
    )
    units: int = Field(128, ge=1, description="State units of `rows`.")
    picture: Numbers = Field(
        (),
        max_length=2,
        description="Height and width of the pictures that `rows` reads; none takes what the data have.",
        json_schema_extra={"metavar": "HEIGHT,WIDTH"},
    )
    backbone: str = Field(
        "efficientnet-lite0",
        description="Image network of `backbone`: efficientnet-lite0, or module:attribute of any torch module.",
    )
    freeze: bool = Field(True, description="Leave the image network of `backbone` as it is.")
    rivals: bool = Field(
        True,
        description="Train a network without memory beside the model, for the baselines average_pool and "
        "last_frame.",
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of the features dropped before the answer.")
    answer: Literal["last", "mean"] = Field(
        "last", description="A clip's answer: that after its last frame, or the mean over its frames."
    )
    several: bool = Field(
        False, description="A clip may have several classes, or none; each is answered by itself."
    )
    every_frame: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the loss that is the mean over all frames; the rest is that of the clip's answer.",
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none", description="Whether rare classes count more in training, so that all weigh the same."
    )
    smoothing: float = Field(
        0.0, ge=0, lt=1, description="Label smoothing: share of the truth that goes to all classes alike."
    )
    mixup: float = Field(
        0.0, ge=0, description="Blend training clips in pairs, by shares from Beta(a, a); 0 is off."
    )
    classes: Words = Field((), description="Names of the classes, in order; none takes what the data have.")
    class_counts: Numbers = Field(
        (), description="Training clips of each class; none takes what the data have."
    )
    clips: int = Field(0, ge=0, description="Training clips in all; 0 takes what the data have.")

    @model_validator(mode="before")
    @classmethod
    def _as_in_the_classical_example(cls, values: object) -> object:
        return (
            {**_OF_ROWS, **values} if isinstance(values, dict) and values.get("model") == "rows" else values
        )

    _widths = field_validator("widths")(positive_widths)

    _odd = field_validator("kernel_size")(odd_side)

    @field_validator("crops")
    @classmethod
    def _known(cls, crops: int) -> int:
        if crops not in _CROPS:
            raise ValueError("there are 1, 3 or 5")
        return crops

    @field_validator("classes")
    @classmethod
    def _once_each(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        twice = next((name for name in classes if classes.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"the class {twice!r} is named twice")
        return classes

    @model_validator(mode="after")
    def _fitting(self) -> "ClassifyConfig":
        if self.class_counts and len(self.class_counts) != len(self.classes):
            raise ValueError(f"{len(self.class_counts)} class_counts do not fit {len(self.classes)} classes")
        return self


class ClassifyRun(Config):
    """Options of `seqimg classify run`."""

    segment: float = Field(
        0.0, ge=0, description="Seconds that each answer is about; 0 gives one for the whole sequence."
    )
    top: int = Field(3, ge=1, le=1000, description="Classes named in each answer, the likeliest first.")
    threshold: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Least score of a class that is named. [0; 0.5 where a sequence may have several classes]",
    )
    smooth: float = Field(
        0.0, ge=0, description="Seconds over which the running answer is averaged; 0 shows it as it is."
    )
    answers: Literal["segments", "frames"] = Field(
        "segments",
        description="What the rows are: an answer for each segment, or the running one of each frame.",
    )
    cuts: bool = Field(
        False, description="Forget at a frame that does not continue the one before; a segment ends there."
    )
