"""What plugins are told of a training run while it goes on."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["EVENTS", "RunInfo"]

EVENTS = ("seqimg_run_started", "seqimg_run_step", "seqimg_run_finished")
"""The hooks that are called while a run goes on; all others are called once, when plugins load."""


@dataclass(frozen=True)
class RunInfo:
    """A run that is going on.

    Attributes:
        task: The task's name.
        folder: The run folder.
        config: The whole configuration, in values that JSON can say.
        steps: Steps planned.
        device: Where it computes, `"cpu"` or `"cuda"`.

    Example:
        >>> RunInfo("predict", "runs/predict/1", {"seed": 0}, steps=100, device="cpu").steps
        100
    """

    task: str
    folder: str
    config: Mapping[str, object]
    steps: int
    device: str
