"""Other people's places for curves: TensorBoard, Weights & Biases, MLflow, through accelerate's trackers."""

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from seqimg.errors import SeqimgError, UnavailableError, UsageError, did_you_mean
from seqimg.plugins import RunInfo
from seqimg.plugins.reports import reason_of
from seqimg.training.loop import StepReport
from seqimg.training.watching import Watcher

__all__ = ["TRACKERS", "TrackerWatcher", "check_trackers", "open_trackers"]

TRACKERS = {"tensorboard": "tensorboard", "wandb": "wandb", "mlflow": "mlflow"}
"""Each tracker, and the package it needs; the extra of seqimg that installs it has the tracker's name."""

_PROJECT = "seqimg"
_CLASSES = {"tensorboard": "TensorBoardTracker", "wandb": "WandBTracker", "mlflow": "MLflowTracker"}


def check_trackers(names: Sequence[str]) -> None:
    """Refuse, before any work is done, trackers that cannot be used.

    Raises:
        UsageError: There is no tracker of a name.
        UnavailableError: The package it needs is not installed.

    Example:
        >>> check_trackers(["tensorbord"])
        Traceback (most recent call last):
        ...
        seqimg.errors.UsageError: --track tensorbord: there is no such tracker
        did you mean tensorboard?
    """
    for name in names:
        if name not in TRACKERS:
            near = did_you_mean(name, TRACKERS)
            raise UsageError(
                f"--track {name}: there is no such tracker",
                why=f"did you mean {near}?" if near else f"known: {', '.join(TRACKERS)}",
            )
        if find_spec(TRACKERS[name]) is None:
            raise UnavailableError(
                f"--track {name}: the package {TRACKERS[name]} is not installed",
                hint=f"pip install 'seqimg[{name}]'",
            )


def open_trackers(names: Sequence[str], run: RunInfo) -> list[tuple[str, Watcher]]:
    """Open trackers for a run: TensorBoard writes into the run folder, the others where they are set up to.

    Returns:
        Each tracker's name and the watcher that feeds it.

    Raises:
        UsageError: There is no tracker of a name.
        UnavailableError: The package it needs is not installed.
        SeqimgError: A tracker does not start, for example because nobody is logged in.
    """
    check_trackers(names)
    return [(name, TrackerWatcher(_open(name, run))) for name in names]


class TrackerWatcher(Watcher):
    """Hands a run's figures to one of accelerate's trackers.

    Args:
        tracker: It has `store_init_configuration(values)`, `log(values, step)` and `finish()`.
    """

    def __init__(self, tracker: Any) -> None:
        self._tracker = tracker

    def started(self, run: RunInfo) -> None:
        """Store the configuration."""
        self._tracker.store_init_configuration({name: _scalar(value) for name, value in run.config.items()})

    def step(self, run: RunInfo, report: StepReport) -> None:
        """Log loss and its parts, learning rate, speed, waiting, and validation metrics where there are some."""
        values = {
            "loss": report.loss,
            "learning_rate": report.learning_rate,
            "frames_per_second": report.frames_per_second,
            "data_share": report.data_share,
            **{f"loss/{name}": value for name, value in report.parts.items()},
            **{f"validation/{name}": value for name, value in (report.validation or {}).items()},
        }
        self._tracker.log(values, step=report.step)

    def finished(self, run: RunInfo, outcome: Mapping[str, object]) -> None:
        """Close the tracker."""
        self._tracker.finish()


def _open(name: str, run: RunInfo) -> Any:
    accelerate, tracking = import_module("accelerate"), import_module("accelerate.tracking")
    folder = Path(run.folder).absolute()
    arguments: dict[str, tuple[str, dict[str, object]]] = {
        "tensorboard": (".", {"logging_dir": str(folder / "tensorboard")}),
        "wandb": (_PROJECT, {"name": "-".join(folder.parts[-2:]), "dir": str(folder)}),
        "mlflow": (
            _PROJECT,
            {"run_name": "-".join(folder.parts[-2:]), "logging_dir": str(folder / "mlflow")},
        ),
    }
    positional, named = arguments[name]
    try:
        accelerate.PartialState(cpu=run.device == "cpu")  # its trackers ask which process this is
        if name == "mlflow" and not os.environ.get("MLFLOW_TRACKING_URI"):
            # Beside the run rather than in whatever folder this is; its newer versions want a database.
            import_module("mlflow").set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
        tracker = getattr(tracking, _CLASSES[name])(positional, **named)
        if hasattr(tracker, "start"):  # earlier versions of accelerate start it when it is made
            tracker.start()
    except Exception as error:
        raise SeqimgError(f"--track {name}: it does not start", why=reason_of(error)) from error
    return tracker


def _scalar(value: object) -> object:
    return value if isinstance(value, bool | int | float | str) else str(value)
