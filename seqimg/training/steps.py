"""What training tells of itself: a report a step, and where it stands."""

from dataclasses import dataclass, field

from torch import Tensor

__all__ = ["StepReport", "Trained"]


@dataclass(frozen=True)
class StepReport:
    """What one step of training did.

    Attributes:
        step: Number of the step, from 1.
        steps: Steps planned.
        loss: Total loss of the step's batch.
        parts: Named parts of the loss.
        learning_rate: Learning rate of the step.
        frames_per_second: Frames trained on per second since the start.
        data_share: Share of the time since the start spent waiting for clips.
        validation: The model's metrics on the validation data, after steps that validate.
        data_seconds: Seconds this step waited for its clips.
        compute_seconds: Seconds it computed, validation left out.
        epoch: How many times the clips were seen, a fraction.
        gradient_norm: Norm of the gradient before it was scaled down; None where fp16 overflowed and the step
            changed nothing.
        best_step: Step whose weights are the best so far; 0 before the first validation.
    """

    step: int
    steps: int
    loss: float
    parts: dict[str, float]
    learning_rate: float
    frames_per_second: float
    data_share: float
    validation: dict[str, float] | None = None
    data_seconds: float = 0.0
    compute_seconds: float = 0.0
    epoch: float = 0.0
    gradient_norm: float | None = None
    best_step: int = 0


@dataclass
class Trained:
    """Where training stands.

    Attributes:
        steps: Steps done.
        seconds: Time taken, validations included.
        best_step: Step whose weights are `best`.
        best_metrics: Their validation metrics; empty without validation data.
        best: The weights with the best leading metric in validation, or the last without validation data.
        history: All reports.
        not_better: Validations since the best one.
    """

    steps: int = 0
    seconds: float = 0.0
    best_step: int = 0
    best_metrics: dict[str, float] = field(default_factory=dict)
    best: dict[str, Tensor] = field(default_factory=dict)
    history: list[StepReport] = field(default_factory=list)
    not_better: int = 0
