"""Configuration of frame prediction."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from seqimg.config import Config, Numbers, Range, TaskConfig, Words, odd_side, positive_widths
from seqimg_predict.terms import BALANCED, TERMS, parse_loss

__all__ = ["BASELINES", "QUICK", "WAYS", "PredictConfig", "PredictRun"]

WAYS = ("turn", "reverse")
"""How training clips may be changed."""

QUICK = ("mse", "mae", "mse_per_frame", "mae_per_frame", "psnr", "ssim", "ssim_openstl", "sharpness")
"""What any predictions are measured by; events (csi, pod, far, hss, fss) need thresholds."""

BASELINES = ("copy_last", "mean_frame", "linear", "flow")
"""The simpler answers that stand beside the model."""

_EVENTS = ("csi", "pod", "far", "hss", "fss")


class PredictConfig(TaskConfig):
    """What can be set for frame prediction, beside what every task's training understands."""

    context: int = Field(5, ge=2, description="Frames seen before a prediction.")
    horizon: int = Field(
        5,
        ge=1,
        description="Frames predicted in training and evaluation.",
        json_schema_extra={"exports": True, "measures": True},
    )
    model: Literal["encoder_forecaster", "next_frame"] = Field(
        "next_frame",
        description="Say the next frame, read it, and so on; or all frames to come from what was read.",
    )
    cell: str = Field(
        "conv_gru",
        description="Recurrent cell; `seqimg cells list` names them, those for pictures with rank 2.",
    )
    widths: Numbers = Field(
        (48, 64), description="State channels of each level, finest first; each level halves the size."
    )
    patch: int = Field(4, ge=1, description="Pixels that one position of the finest level stands for.")
    kernel_size: int = Field(
        3, ge=1, description="Side of the recurrent convolutions, of cells that have such; odd."
    )
    motion: bool = Field(
        True, description="Look for motion, and move the last frame's pixels before changing them."
    )
    cuts: bool = Field(True, description="Start afresh at a frame that does not continue the one before.")
    coordinates: bool = Field(
        False,
        description="Tell the model where in the frame each place is, for what differs from place to place.",
    )
    noise: int = Field(
        0,
        ge=0,
        le=256,
        description="Channels of noise that the encoder_forecaster is given: it then draws futures that differ where "
        "it is unsure, and says their mean and spread. Wants the loss crps.",
    )
    members: int = Field(
        8,
        ge=2,
        le=256,
        description="Futures drawn for a prediction, with noise; each costs a pass of the forecaster.",
    )
    sampling: Range = Field(
        (0.0, 0.5),
        min_length=2,
        max_length=2,
        description="Shares of the training between which next_frame stops being given the true frames to come "
        "and is given its own.",
        json_schema_extra={"metavar": "FROM,TO"},
    )
    growing: float = Field(
        0.4,
        ge=0,
        le=1,
        description="Share of the training over which clips grow, from few frames read and fewer predicted to all of "
        "them; 0, and a compiled model, begin with all.",
    )
    augment: Words = Field(
        ("turn", "reverse"),
        description="What half of the training clips become: `turn` (upside down, sideways), `reverse` "
        "(backwards in time: not for what has a direction, such as rain or growth).",
    )
    loss: str = Field(
        "relative",
        description="Terms with weights, such as mse+0.1*gradient. relative is the squared error over that of "
        f"copying the last frame. There are {', '.join(TERMS)}.",
        json_schema_extra={"metavar": "TERMS"},
    )
    optimizer: Literal["adamw", "muon"] = Field(
        "muon",
        description="What moves the weights: AdamW, or Muon for kernels, which learns more from a step.",
    )
    learning_rate: float = Field(1e-3, gt=0, description="Peak learning rate.")
    thresholds: Range = Field(
        (),
        description="Shares of the value range from which on a pixel is an event, such as 0.2,0.5: evaluation "
        "then has csi, pod, far, hss and fss, and the balanced losses their classes.",
        json_schema_extra={"metavar": "SHARES", "measures": True},
    )
    balance: Range = Field(
        (),
        description="Weights of pixels below the first threshold and from each threshold on, in the balanced "
        "losses; none doubles from one to the next.",
        json_schema_extra={"metavar": "WEIGHTS"},
    )
    neighbourhood: int = Field(
        9,
        ge=1,
        le=255,
        description="Side of fss's neighbourhoods in pixels; odd.",
        json_schema_extra={"measures": True},
    )
    metrics: Words = Field(
        ("mse", "mae"),
        description="What validations during training measure: mse and any others; evaluation measures all.",
    )
    baselines: Words = Field(
        BASELINES,
        description="Simpler answers that stand beside the model in every table; flow (optical flow carried on) "
        "takes some 0.05 s a clip.",
        json_schema_extra={"metavar": "NAMES", "measures": True},
    )

    _widths = field_validator("widths")(positive_widths)

    @field_validator("augment")
    @classmethod
    def _known(cls, ways: tuple[str, ...]) -> tuple[str, ...]:
        for way in ways:
            if way not in WAYS:
                raise ValueError(f"there is no {way!r}, only {' and '.join(WAYS)}")
        return ways

    @field_validator("loss")
    @classmethod
    def _readable(cls, loss: str) -> str:
        parse_loss(loss)
        return loss

    @field_validator("sampling")
    @classmethod
    def _in_order(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if not 0 <= shares[0] <= shares[1] <= 1:
            raise ValueError("give two shares of the training, the earlier first")
        return shares

    @field_validator("thresholds")
    @classmethod
    def _ascending(cls, thresholds: tuple[float, ...]) -> tuple[float, ...]:
        if list(thresholds) != sorted(set(thresholds)) or not all(0 < value <= 1 for value in thresholds):
            raise ValueError("give ascending shares of the value range, above 0 and at most 1")
        return thresholds

    @field_validator("metrics")
    @classmethod
    def _with_the_leading(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in (*QUICK, *_EVENTS):
                raise ValueError(f"there is no {name!r}, only {', '.join((*QUICK, *_EVENTS))}")
        return tuple(dict.fromkeys(("mse", *names)))  # models are chosen by it

    @field_validator("baselines")
    @classmethod
    def _there(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in BASELINES:
                raise ValueError(f"there is no {name!r}, only {', '.join(BASELINES)}")
        return tuple(dict.fromkeys(("copy_last", *names)))  # what every prediction is held against

    @model_validator(mode="after")
    def _drawing(self) -> Self:
        if self.noise and self.model != "encoder_forecaster":
            raise ValueError(
                f"{self.model} takes no noise: it goes with model encoder_forecaster and loss crps"
            )
        if bool(self.noise) != ("crps" in parse_loss(self.loss)):
            raise ValueError(
                "noise and the loss crps go together: model encoder_forecaster, noise 4, loss crps"
            )
        if not self.noise and self.members != type(self).model_fields["members"].default:
            raise ValueError(
                "members are futures that noise draws: model encoder_forecaster, noise 4, loss crps"
            )
        return self

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        needing = [name for name in parse_loss(self.loss) if name in BALANCED]
        needing += [name for name in self.metrics if name in _EVENTS]
        if needing and not self.thresholds:
            raise ValueError(f"{needing[0]} needs thresholds, such as 0.2,0.5")
        if self.balance and (
            len(self.balance) != len(self.thresholds) + 1 or not all(value > 0 for value in self.balance)
        ):
            raise ValueError("balance takes one weight above 0 more than there are thresholds")
        return self

    _odd = field_validator("kernel_size", "neighbourhood")(odd_side)


class PredictRun(Config):
    """Options of `seqimg predict run`."""

    horizon: int = Field(
        5, ge=1, le=10_000, description="Frames to predict after the last one, at most 10,000."
    )
    lead_in: int = Field(
        0, ge=0, le=10_000, description="Frames of the source to write before the prediction."
    )
    rolling: bool = Field(
        False,
        description="Predict from every frame; write what came, what was predicted --horizon frames before, and "
        "the difference, side by side.",
    )
    every: int = Field(1, ge=1, le=10_000, description="With --rolling: predict from every N-th frame only.")
    all_leads: bool = Field(
        False,
        description="With --rolling: a row for each prediction of a frame, from every number of frames before that "
        "there is one, not only for the furthest ahead, which is shown.",
    )
    spread: bool = Field(
        False,
        description="Beside each predicted frame, show how much the drawn futures differ there (standard deviation, "
        "four times as bright), of a model with noise.",
    )

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.rolling and self.lead_in:
            raise ValueError("lead_in does not go with rolling, which shows every frame that came")
        if self.every > 1 and not self.rolling:
            raise ValueError("every goes with rolling")
        if self.all_leads and not self.rolling:
            raise ValueError("all_leads goes with rolling")
        return self
