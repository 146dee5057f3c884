"""Configuration of detection."""

from pydantic import Field, field_validator, model_validator

from seqimg.config import Config, Numbers, TaskConfig, Words, odd_side, positive_widths

__all__ = ["GROUPS", "DetectConfig", "DetectRun"]

GROUPS = ("visible", "occluded", "noisy", "hidden", "first")
"""Groups of true boxes that have figures of their own."""


class DetectConfig(TaskConfig):
    """What can be set for detection, beside what every task's training understands."""

    frames: int = Field(12, ge=1, description="Frames of a clip in training and evaluation.")
    classes: Words = Field((), description="Names of the classes; none takes those of the data.")
    size: int = Field(
        256,
        ge=0,
        description="Longer side of the frames the model works on, in pixels; 0 keeps them as they are.",
    )
    crop: int = Field(
        128, ge=0, description="Side of the random crops trained on, in pixels; 0 trains on whole frames."
    )
    batch_size: int = Field(4, ge=1, description="Clips per step, of all processes together.")
    learning_rate: float = Field(3e-3, gt=0, description="Peak learning rate.")
    grid: int = Field(
        8, ge=2, le=32, description="Pixels that one position of the maps stands for: 2, 4, 8, …"
    )
    widths: Numbers = Field(
        (24, 48, 64, 64),
        description="Channels of the encoder's levels, finest first; each halves the size. Those coarser than "
        "the stride add what is around.",
    )
    memory: int = Field(48, ge=1, description="State channels of the recurrent layer.")
    cell: str = Field(
        "conv_gru",
        description="Recurrent cell; `seqimg cells list` names them, those for pictures with rank 2.",
    )
    kernel_size: int = Field(
        3, ge=1, description="Side of the recurrent convolutions, of cells that have such; odd."
    )
    backbone: str = Field(
        "",
        description="An image network instead of the small encoder: efficientnet-lite0 (ImageNet), or your own.",
        json_schema_extra={"metavar": "MODULE:ATTRIBUTE"},
    )
    freeze: bool = Field(True, description="Leave the image network as it is.")
    stills: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the training, at its beginning, with clips made of frames from anywhere: many more "
        "things to learn from, but nothing to remember.",
    )
    rivals: bool = Field(
        True, description="Train the same network without memory beside it, to be compared with."
    )
    overlap: float = Field(
        0.5, gt=0, lt=1, description="Boxes of a class that overlap more than this are one thing."
    )
    groups: Words = Field(
        GROUPS,
        description="Boxes that have figures of their own; set by the data, which may not know what can be seen.",
    )
    most: int = Field(100, ge=1, le=1000, description="Most boxes of a frame.")

    @field_validator("grid")
    @classmethod
    def _power(cls, grid: int) -> int:
        if grid & (grid - 1):
            raise ValueError("it has to be a power of two")
        return grid

    @field_validator("classes")
    @classmethod
    def _once_each(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        twice = next((name for name in classes if classes.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"the class {twice!r} is named twice")
        return classes

    _widths = field_validator("widths")(positive_widths)

    @field_validator("groups")
    @classmethod
    def _known(cls, groups: tuple[str, ...]) -> tuple[str, ...]:
        for group in groups:
            if group not in GROUPS:
                raise ValueError(f"there is no {group!r}, only {', '.join(GROUPS)}")
        return groups

    _odd = field_validator("kernel_size")(odd_side)


class DetectRun(Config):
    """Options of `seqimg detect run`."""

    threshold: float = Field(0.4, ge=0, le=1, description="Least score of a box that is drawn and written.")
    link: bool = Field(True, description="Link boxes into tracks with a number each.")
    gap: int = Field(8, ge=0, le=1000, description="Frames that a thing may be hidden and keep its number.")
    cuts: bool = Field(
        True,
        description="Begin tracks anew at cuts to another scene, unless the one before is back within the gap.",
    )
    forget: bool = Field(False, description="Forget at such cuts all that was seen, too.")

    @model_validator(mode="after")
    def _at_cuts(self) -> "DetectRun":
        if self.forget and not self.cuts:
            raise ValueError("forget is about cuts, which no-cuts leaves alone")
        return self
