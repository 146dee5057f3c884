"""From a trainer to all there is to remember of it, and back."""

from typing import Any

from seqimg import __version__
from seqimg.config import TaskConfig
from seqimg.errors import SeqimgError, UsageError
from seqimg.training import processes
from seqimg.training.loop import Trainer
from seqimg.training.state import (
    State,
    fill,
    optimizer_state,
    random_state,
    restore_optimizer,
    restore_random,
)

__all__ = ["capture", "restore"]

_FORMAT = 1
_FREE = {
    "workers",
    "save_every",
    "cache",
    "device",
}  # what a run may go on with otherwise: it comes out the same


def capture(trainer: Trainer) -> State:
    """Return all that `trainer` needs to go on, weights that are validated left out; every process has to ask.

    The tensors are the trainer's own: they are to be written before it goes on.
    """
    result = trainer.result
    optimizer, moments = optimizer_state(trainer.optimizer)
    scaler, averaged = trainer.accelerator.scaler, trainer.averaged
    values: dict[str, Any] = {
        "format": _FORMAT,
        "seqimg": __version__,
        "task": trainer.task.name,
        "config": trainer.config.model_dump(mode="json"),
        "clips": _clips(trainer),
        "step": result.steps,
        "seconds": result.seconds,
        "planned": trainer.plan.steps,
        "best_step": result.best_step,
        "best_metrics": result.best_metrics,
        "not_better": result.not_better,
        "optimizer": optimizer,
        "averaged": 0 if averaged is None else int(averaged.n_averaged),
        "scaler": None if scaler is None else scaler.state_dict(),
        "random": processes.gather(random_state(trainer.accelerator.device)),
    }
    tensors = {f"optimizer/{name}": tensor for name, tensor in moments.items()}
    if averaged is not None:  # else the weights that are validated are the network's
        tensors |= {f"network/{name}": tensor for name, tensor in trainer.network.state_dict().items()}
    if 0 < result.best_step < result.steps:  # else the best are those that are validated
        tensors |= {f"best/{name}": tensor for name, tensor in result.best.items()}
    return State(values, tensors)


def restore(trainer: Trainer, state: State) -> list[str]:
    """Put a trainer that has done nothing yet where another one was.

    Returns:
        What is not as it was, in sentences: the run then ends with other numbers.

    Raises:
        UsageError: It is of another task, or its configuration or data are others; they are named.
        SeqimgError: Something is missing; it is named.
    """
    _check(trainer, state)
    result, averaged, scaler = trainer.result, trainer.averaged, trainer.accelerator.scaler
    with state.complete():
        chosen = state.part("chosen")
        fill(trainer.network, state.part("network") if averaged is not None else chosen, "network")
        if averaged is not None:
            fill(averaged.module, chosen, "chosen")
            averaged.n_averaged.fill_(state.values["averaged"])
        restore_optimizer(trainer.optimizer, state.values["optimizer"], state.part("optimizer"))
        scaling = state.values["scaler"]
        if scaler is not None:
            scaler.load_state_dict(scaling)
        result.steps, result.seconds = state.values["step"], float(state.values["seconds"])
        trainer.plan.steps = state.values["planned"]
        result.best_step, result.not_better = state.values["best_step"], state.values["not_better"]
        result.best_metrics = dict(state.values["best_metrics"])
        if result.best_step:
            best = state.part("best") if result.best_step < result.steps else chosen
            result.best = {name: best[name].clone() for name in trainer.network.state_dict()}
        found = state.values["random"]
        if len(found) != processes.world():
            return [
                f"The run had {len(found)} processes, now {processes.world()}: it sees the same clips in the same "
                "order, but rounds otherwise and draws other random numbers."
            ]
        restore_random(found[processes.rank()], trainer.accelerator.device)
    return []


def _check(trainer: Trainer, state: State) -> None:
    if state.value("format") > _FORMAT:
        raise SeqimgError(
            f"{state.where} is in format {state.value('format')}, this seqimg goes on from format {_FORMAT}",
            hint=f"pip install -U seqimg (it was written by seqimg {state.value('seqimg')})",
        )
    if state.value("task") != trainer.task.name:
        raise UsageError(
            f"{state.where} is of a run of {state.value('task')}, not of {trainer.task.name}",
            hint=f"seqimg {state.value('task')} train --resume …",
        )
    check_same(state, trainer.config)
    if state.value("clips") != _clips(trainer):
        before, now = (", ".join(map(str, clips)) for clips in (state.value("clips"), _clips(trainer)))
        raise UsageError(
            "the run cannot go on: its data have changed",
            why=f"clips to train and to validate on: {before} before, {now} now",
            hint="a new run",
        )


def check_same(state: State, config: TaskConfig) -> None:
    """Refuse a configuration with which a run would not end as it began.

    Raises:
        UsageError: A value is another one; it is named.
    """
    before = state.value("config")
    for name, value in config.model_dump(mode="json").items():
        if name not in _FREE and name in before and before[name] != value:
            raise UsageError(
                f"the run cannot go on with another {name}: it was {before[name]}, now {value}",
                why="it would end as neither of the two",
                hint=f"leave --{name.replace('_', '-')} out, or a new run",
            )


def _clips(trainer: Trainer) -> list[int]:
    return [len(trainer.data.train), len(trainer.data.val)]
