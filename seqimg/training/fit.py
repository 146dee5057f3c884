"""From a task and its data to a finished run folder, interruptions included."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from torch import nn

from seqimg import modelfolder
from seqimg.data import Datasets
from seqimg.task import Task
from seqimg.training.checkpoint import save_checkpoint
from seqimg.training.loop import StepReport, Trained, Trainer
from seqimg.training.runs import Run

__all__ = ["Fitted", "TrainingInterrupted", "fit"]

AnyTask = Task[Any, Any, Any]


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C during training, after the checkpoint was written.

    Attributes:
        checkpoint: The model folder as it stood.
        step: Steps done.
    """

    def __init__(self, checkpoint: Path, step: int) -> None:
        super().__init__()
        self.checkpoint, self.step = checkpoint, step


@dataclass(frozen=True)
class Fitted:
    """A finished training.

    Attributes:
        model: The best model, in evaluation mode.
        trained: How it went.
    """

    model: nn.Module
    trained: Trained


def fit(
    task: AnyTask,
    data: Datasets,
    run: Run,
    watch: Callable[[StepReport], None],
    *,
    begin: Callable[[nn.Module], None] | None = None,
) -> Fitted:
    """Train, keep checkpoints and write the model folder.

    Args:
        task: The task, with `channels` filled in.
        data: Its data sets.
        run: Where everything goes.
        watch: Called after every step.
        begin: Called with the untrained model before the first step.

    Raises:
        TrainingInterrupted: Ctrl-C was pressed; the step was finished and a checkpoint written.
            A second Ctrl-C stops at once and leaves the earlier checkpoint.
    """
    with _asked_to_stop() as stop:

        def observe(report: StepReport) -> None:
            run.log(report)
            watch(report)
            if report.validation is not None:
                save_checkpoint(
                    run.checkpoints, task, trainer.weights(), _record(trainer.result), report.step
                )
            if stop.is_set():
                raise KeyboardInterrupt

        trainer = Trainer(task, data, observe)
        if begin is not None:
            begin(trainer.model)
        try:
            trained = trainer.train()
        except KeyboardInterrupt as interruption:
            step = trainer.result.steps
            if not stop.is_set() or step == 0:
                raise
            checkpoint = save_checkpoint(
                run.checkpoints, task, trainer.weights(), _record(trainer.result), step
            )
            raise TrainingInterrupted(checkpoint, step) from interruption
    modelfolder.save(run.model, task, trained.best, _record(trained))
    return Fitted(modelfolder.load(run.model, device=trainer.accelerator.device).model, trained)


def _record(trained: Trained) -> dict[str, object]:
    return {
        "steps": trained.steps,
        "seconds": round(trained.seconds, 1),
        "best_step": trained.best_step,
        "validation": trained.best_metrics,
    }


@contextmanager
def _asked_to_stop() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C in the block into an event, so that a step is never cut in the middle."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    before = signal.getsignal(signal.SIGINT)

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        event.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)
