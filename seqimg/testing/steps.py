"""What every kernel of a single step promises, for the tests of a plugin that brings one."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqimg.cells import Cell
from seqimg.kernels import explain, reference
from seqimg.kernels.signature import signature_of
from seqimg.kernels.step import Step
from seqimg.plugins import resolve
from seqimg.testing.calls import Call, draw
from seqimg.testing.checking import require
from seqimg.testing.kernel_tests import KernelTests
from seqimg.testing.layouts import LAYOUTS, channels_last, of_clips, of_states
from seqimg.testing.parity import TORCH, Errors
from seqimg.testing.tolerances import KERNEL_DRAWS, KERNEL_FLOOR, KERNEL_NORM, KERNEL_TIMES

__all__ = ["StepContract", "check_steps"]

_THREADS = 4
_SIZES: tuple[Mapping[str, Any], ...] = (
    {"size": (1, 1), "batch": 1},
    {"size": (1, 6), "batch": 3},
    {"size": (7, 1), "batch": 1},
    {"size": (9, 7), "frames": 1},
)


def check_steps(
    cell: Cell,
    dtype: torch.dtype,
    layout: Callable[[Call], Call] = lambda call: call,
    *,
    device: str = "cpu",
    only: str | None = None,
    **options: Any,
) -> set[str]:
    """Check every step kernel that serves a cell, frame after frame, against the reference over the clip in fp64.

    Args:
        cell: The cell.
        dtype: In which the kernels compute.
        layout: How the tensors lie in memory.
        device: Where they compute.
        only: The one kernel to check; None for all.
        options: As `draw` takes them: `batch`, `frames`, `size`.

    Returns:
        Names of the kernels that took part.

    Raises:
        BrokenContractError: One is off by more than the table of tolerances allows.
    """
    errors = Errors(KERNEL_NORM[dtype])
    signature = signature_of(cell, device, str(dtype).removeprefix("torch."), op="step")
    for seed in range(KERNEL_DRAWS[dtype]):
        call = layout(draw(cell, seed=seed, **options).to(dtype, device))
        truth = _whole(call.to(torch.float64))
        errors.add(truth, TORCH, _whole(call))
        for candidate in explain(signature):
            name = candidate.spec.name
            if not candidate.reasons and only in (None, name):
                errors.add(truth, name, _stepped(call, resolve(candidate.spec.kernel)))
    own = errors.of(TORCH)
    wrong = [
        f"{kernel}: {name} is off by {error:.2g}, torch by {own[name]:.2g}"
        for kernel in errors.kernels
        for name, error in errors.of(kernel).items()
        if not error <= max(KERNEL_TIMES * own[name], KERNEL_FLOOR[dtype])
    ]
    require(not wrong, "; ".join(wrong))
    return errors.kernels


class StepContract(KernelTests):
    """Tests to inherit, for a kernel that computes one frame after another: `(cell, weights, x, state) -> step`.

    It is called once, with the first frame and the state before it, prepares what it can, and returns the function
    that is called for this frame and all that follow.

    Attributes:
        kernel: Its name.
        cells: Cells that it serves, of small and odd sizes, each option once.
        dtypes: Names of the dtypes that it serves.
        device: Where it runs.

    Example:
        >>> from seqimg.cells.conv_gru import ConvGRUCell
        >>> class TestMine(StepContract):
        ...     kernel = "packed"
        ...     cells = (ConvGRUCell(2, 3),)
        >>> TestMine().test_frame_after_frame_is_the_clip()
    """

    op: ClassVar[str] = "step"

    def test_frame_after_frame_is_the_clip(self) -> None:
        """Outputs and state of each frame are those of the reference over the whole clip."""
        for cell in self.cells:
            for dtype in self._dtypes():
                self._check(cell, dtype)

    def test_sizes(self) -> None:
        """It serves frames of one pixel, one row, one column, and odd sizes."""
        for cell in self.cells:
            for options in _SIZES:
                self._check(cell, self._dtypes()[-1], **options)

    def test_layouts(self) -> None:
        """It reads tensors in any layout in memory, with anything between their values."""
        for cell in self.cells:
            if cell.rank == 2:
                for layout in LAYOUTS.values():
                    self._check(cell, self._dtypes()[-1], layout)

    def test_nothing_of_the_callers_is_written_into(self) -> None:
        """Frames, weights and states stay as they are, those that earlier steps returned as well."""
        for cell in self.cells:
            call = self._call(cell)
            self._keeps_its_hands_off(call)
            if cell.rank == 2:  # in the layout that kernels like best, they need no copy of their own
                self._keeps_its_hands_off(of_states(channels_last)(of_clips(channels_last)(call)))

    def test_two_streams_at_once(self) -> None:
        """Two streams of one cell, a frame of each in turn, do not disturb each other."""
        for cell in self.cells:
            calls = self._call(cell), self._call(cell, seed=1)
            alone = [_stepped(call, self._kernel(cell))["last"] for call in calls]
            steps = [self._prepared(call) for call in calls]
            states = [call.state for call in calls]
            for time in range(calls[0].x.shape[1]):
                states = [
                    step(call.x[:, time], state)
                    for step, call, state in zip(steps, calls, states, strict=True)
                ]
            same = all(torch.equal(one, other) for one, other in zip(states, alone, strict=True))
            require(same, f"{cell}: a stream ends in another state while a second one runs")

    def test_several_threads(self) -> None:
        """One prepared step may be called from several threads at once, as servers do."""
        for cell in self.cells:
            calls = [self._call(cell, seed=number, frames=6) for number in range(_THREADS)]
            step, barrier = self._prepared(calls[0]), Barrier(_THREADS)
            wanted = [_last_state(step, call) for call in calls]
            with ThreadPoolExecutor(_THREADS) as pool:
                found = list(pool.map(partial(_last_state, step, barrier=barrier), calls))
            same = all(torch.equal(*pair) for pair in zip(found, wanted, strict=True))
            require(same, f"{cell}: calls from several threads disturb each other")

    def _keeps_its_hands_off(self, call: Call) -> None:
        cell, before = call.cell, call.map(torch.clone)
        step, state = self._prepared(call), call.state
        kept: list[tuple[Tensor, Tensor]] = []
        for frame in call.x.unbind(1):
            state = step(frame, state)
            kept.append((state, state.clone()))
        require(torch.equal(call.x, before.x), f"{cell}: the step writes into the frame")
        require(torch.equal(call.state, before.state), f"{cell}: the step writes into the state")
        same = all(torch.equal(call.weights[name], before.weights[name]) for name in call.weights)
        require(same, f"{cell}: the step writes into the weights")
        held = all(torch.equal(one, copy) for one, copy in kept)
        require(held, f"{cell}: a later step writes into a state that an earlier one returned")

    def _check(self, cell: Cell, dtype: torch.dtype, *layout: Callable[[Call], Call], **options: Any) -> None:
        served = check_steps(cell, dtype, *layout, device=self.device, only=self.kernel, **options)
        require(self.kernel in served, f"{cell}: {self.kernel} does not serve it in {dtype}")

    def _call(self, cell: Cell, seed: int = 0, frames: int = 4) -> Call:
        return draw(cell, seed=seed, frames=frames).to(self._dtypes()[-1], self.device)

    def _kernel(self, cell: Cell) -> Callable[..., Step]:
        signature = self._signature(cell, self.dtypes[-1])
        found = [candidate.spec for candidate in explain(signature) if candidate.spec.name == self.kernel]
        require(found, f"{cell.name} has no step kernel {self.kernel!r}")
        kernel: Callable[..., Step] = resolve(found[0].kernel)
        return kernel

    def _prepared(self, call: Call) -> Step:
        return self._kernel(call.cell)(call.cell, call.weights, call.x[:, 0], call.state)


def _stepped(call: Call, kernel: Callable[..., Step]) -> dict[str, Tensor]:
    state, outputs = call.state, []
    step = kernel(call.cell, call.weights, call.x[:, 0], call.state)
    for frame in call.x.unbind(1):
        state = step(frame, state)
        outputs.append(call.cell.output(state))
    return {"outputs": torch.stack(outputs, dim=1), "last": state}


def _whole(call: Call) -> dict[str, Tensor]:
    outputs, last = call.results(reference.sequence)
    return {"outputs": outputs, "last": last}


def _last_state(step: Step, call: Call, barrier: Barrier | None = None) -> Tensor:
    """Return the state after a call's frames; with a barrier, all who share it are between two frames at once."""
    state = call.state
    try:
        with torch.inference_mode():
            for frame in call.x.unbind(1):
                state = step(frame, state)
                if barrier is not None:
                    barrier.wait()
    except BaseException:
        if barrier is not None:
            barrier.abort()  # or the others would wait for ever
        raise
    return state.clone()
