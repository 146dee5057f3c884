"""From a program to something that can be timed; one that fails leaves its reason instead."""

from collections.abc import Callable
from typing import Literal, TypeAlias

import torch

from seqimg.kernels.bench.programs import Case, Program
from seqimg.kernels.bench.timing import Clock, Work, fastest
from seqimg.plugins.reports import reason_of

__all__ = ["Mode", "Prepared", "clip_work", "step_work", "training_work"]

Mode: TypeAlias = Literal["training", "inference"]
_WARM_UP = 2  # runs; the first may compile


class Prepared:
    """Works that ran once, and why the others did not.

    Attributes:
        names: All columns, in order.
        works: By column.
        failures: The reason, by column.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.works: dict[str, Work] = {}
        self.failures: dict[str, str] = {}

    def add(self, name: str, make: Callable[[], Work]) -> None:
        """Make a work and warm it up."""
        self.names.append(name)
        try:
            work = make()
            for _ in range(_WARM_UP):
                work()
        except Exception as error:  # noqa: BLE001 -- a column may fail in any way; the others are still measured
            self.failures[name] = reason_of(error)
        else:
            self.works[name] = work


def clip_work(case: Case, make: Callable[[], Program], mode: Mode, clock: Clock) -> Work:
    """Return one pass over a clip, from frames in the layout that suits the program best."""
    program, kind = make(), training_work if mode == "training" else _inference_work
    works = {
        "last" if layout else "first": kind(case, program, channels_last=layout)
        for layout in program.channels_last
    }
    return works[fastest(works, clock)]


def training_work(case: Case, program: Program, *, channels_last: bool) -> Work:
    """Return forward and backward: gradients of frames, first state and all parameters."""
    x = case.frames(channels_last=channels_last).requires_grad_()
    h = case.state(channels_last=channels_last).requires_grad_()
    gradient = case.gradient(channels_last=channels_last)

    def work() -> None:
        torch.autograd.grad(program.clip(x, h), [x, h, *program.parameters], gradient)

    return work


def step_work(case: Case, make: Callable[[], Program]) -> Work:
    """Return one step of a stream: each takes the state that the one before it left."""
    program = make()
    channels_last = program.channels_last[0]
    frame, state = case.frames(channels_last=channels_last)[:, 0], case.state(channels_last=channels_last)

    def work() -> None:
        nonlocal state
        with torch.no_grad():
            state = program.step(frame, state)

    return work


def _inference_work(case: Case, program: Program, *, channels_last: bool) -> Work:
    x, h = case.frames(channels_last=channels_last), case.state(channels_last=channels_last)

    def work() -> None:
        with torch.no_grad():
            program.clip(x, h)

    return work
