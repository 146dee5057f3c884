"""From a task and its data to a finished run folder, interruptions included."""

import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from seqimg import modelfolder
from seqimg.data import Datasets
from seqimg.fingerprint import fingerprint
from seqimg.publish import explained, remove, sync
from seqimg.task import Task
from seqimg.training import processes
from seqimg.training.checkpoint import newest_checkpoint, save_best, save_checkpoint, settle
from seqimg.training.loop import StepReport, Trained, Trainer
from seqimg.training.resume import capture, restore
from seqimg.training.runs import Run
from seqimg.training.state import State
from seqimg.training.stopping import asked_to_stop

__all__ = ["Fitted", "TrainingInterrupted", "fit", "record_of"]

AnyTask = Task[Any, Any, Any]


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM during training, after the checkpoint was written.

    Attributes:
        checkpoint: The model folder as it stood.
        step: Steps done.
        number: The signal; None where another process of the run got it.
    """

    def __init__(self, checkpoint: Path, step: int, number: int | None = signal.SIGINT) -> None:
        super().__init__()
        self.checkpoint, self.step, self.number = checkpoint, step, number


@dataclass(frozen=True)
class Fitted:
    """A finished training.

    Attributes:
        model: The best model, in evaluation mode.
        trained: How it went.
        fingerprint: Digest of the model's weights.
    """

    model: nn.Module
    trained: Trained
    fingerprint: str = ""


def fit(
    task: AnyTask,
    data: Datasets,
    run: Run,
    watch: Callable[[StepReport], None],
    *,
    begin: Callable[[nn.Module], None] | None = None,
    warn: Callable[[str], None] = lambda text: None,
) -> Fitted:
    """Train, keep checkpoints and write the model folder.

    A run that was broken off, opened with `Run.resume`, goes on from its newest checkpoint and ends as if
    nothing had happened.

    Args:
        task: The task, settled on its data.
        data: Its data sets.
        run: Where everything goes; of several processes only the main one writes.
        watch: Called after every step.
        begin: Called with the model before the first step.
        warn: Told what is not as it should be.

    Raises:
        TrainingInterrupted: Ctrl-C was pressed, or SIGTERM came; the step was finished and a checkpoint written.
            A second signal ends at once and leaves the earlier checkpoint.
        SeqimgError: The disk is full, the run cannot go on, or what `Trainer` raises.
    """
    with asked_to_stop() as request:

        def observe(report: StepReport) -> None:
            keeper.log(report)
            watch(report)
            if keeper.due() or trainer.stopping:
                keeper.save()

        trainer = Trainer(task, data, observe, stop=lambda: bool(request))
        keeper = _Keeper(run, trainer, warn)
        keeper.prepare()
        if begin is not None:
            begin(trainer.model)
        trained = trainer.train()
        if trainer.stopping:
            raise TrainingInterrupted(run.checkpoints / "last", trained.steps, request.number)
    record = record_of(trained, data)
    with processes.on_main() as here:
        if here:
            remove(run.model)  # of a run that was broken off after its last step
            modelfolder.save(run.model, task, trained.best, record)
    model = modelfolder.load(run.model, device=trainer.accelerator.device).model
    return Fitted(model, trained, fingerprint(trained.best))


class _Keeper:
    """Writes what a run remembers, and reads it again."""

    def __init__(self, run: Run, trainer: Trainer, warn: Callable[[str], None]) -> None:
        self._run, self._trainer, self._warn = run, trainer, warn
        self._saved = self._saved_best = 0

    def prepare(self) -> None:
        """Make the folder of checkpoints, or go on from the newest in it."""
        folder, trainer = self._run.checkpoints, self._trainer
        with processes.on_main() as here:
            if here:
                with explained(folder):
                    folder.mkdir(exist_ok=True)
                    sync(folder.parent)
        if not self._run.resumed:
            return
        found = newest_checkpoint(folder, self._warn)
        if found is not None:
            for sentence in restore(trainer, found[1]):
                self._warn(sentence)
            trainer.result.history[:] = self._rewind(found[1])
            self._saved = trainer.result.steps
        elif processes.is_main():
            self._run.rewind(0)
        # Nobody reads any more.
        processes.gather(None)
        with processes.on_main() as here:
            if here:
                settle(folder, found[0] if found is not None else None)

    def log(self, report: StepReport) -> None:
        """Write a step down."""
        if processes.is_main():
            self._run.log(report)

    def due(self) -> bool:
        """Whether a checkpoint is to be written after the step just done."""
        trainer, every = self._trainer, self._trainer.config.save_every
        if trainer.result.steps >= trainer.plan.steps or not every:
            return trainer.validates()
        return trainer.result.steps % every == 0

    def save(self) -> None:
        """Write a checkpoint, and the best model if there is a new one."""
        trainer, result = self._trainer, self._trainer.result
        if self._saved == result.steps:
            return
        state = capture(trainer)
        with processes.on_main() as here:
            if here:
                self._run.flush()
                values = {**state.values, "metrics_bytes": self._run.logged}
                folder, task, record = self._run.checkpoints, trainer.task, record_of(result, trainer.data)
                save_checkpoint(
                    folder,
                    task,
                    trainer.weights(),
                    {**record, "steps": result.steps},
                    replace(state, values=values),
                )
                if result.best_step > self._saved_best and result.best_metrics:
                    save_best(folder, task, result.best, record)
        self._saved, self._saved_best = result.steps, result.best_step

    def _rewind(self, state: State) -> list[StepReport]:
        size = state.value("metrics_bytes")
        return self._run.rewind(size) if processes.is_main() else []


def record_of(trained: Trained, data: Datasets) -> dict[str, object]:
    """Return what a model folder keeps of a training.

    Args:
        trained: How it went.
        data: What it learnt from.
    """
    return {
        "steps": trained.steps,
        "seconds": round(trained.seconds, 1),
        "best_step": trained.best_step,
        "validation": trained.best_metrics,
        "fps": data.fps,
    }
