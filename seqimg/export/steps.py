"""The step that is exported: its state flat, and zeros for a state before the first frame."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seqimg.errors import SeqimgError
from seqimg.export.states import StateLayout
from seqimg.nn import ConvRNN
from seqimg.plugins.reports import reason_of
from seqimg.task import Task

__all__ = ["FlatStep", "Step", "StepModel", "Started", "step_of"]

_SIDE = 64  # pixels of the frames that a step is tried with
_CLOSE = 1e-5


class FlatStep(nn.Module):
    """A step with its state as separate tensors: `(frames, *state) -> (outputs, *next state)`.

    Args:
        module: Maps `(frames [B, 1, C, H, W], state)` to `(outputs, state)`.
        layout: How its state is nested.
    """

    def __init__(self, module: nn.Module, layout: StateLayout) -> None:
        super().__init__()
        self.module, self.layout = module, layout

    def forward(self, frames: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """Return outputs and the next state's tensors."""
        outputs, after = self.module(frames, self.layout.restored(state))
        return (outputs, *self.layout.flat(after))


class Started(nn.Module):
    """A step that begins otherwise than from zeros, made to: it computes both beginnings and picks one.

    Args:
        module: Maps `(frames [B, 1, C, H, W], state | None)` to `(outputs, state)`.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(
        self, frames: Tensor, state: tuple[Any, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Any, Tensor]]:
        """Return outputs, and the next state with a tensor `[B]` that is 0 before the first frame."""
        begun = frames.new_ones(frames.shape[0])
        outputs, after = self.module(frames, None)
        if state is None:
            return outputs, (after, begun)
        before, started = state
        later, reached = self.module(frames, before)
        layout = StateLayout(after)

        def picked(new: Tensor, old: Tensor) -> Tensor:
            return torch.where((started == 0).view(-1, *(1 for _ in new.shape[1:])), new, old)

        flat = [picked(*pair) for pair in zip(layout.flat(after), layout.flat(reached), strict=True)]
        # Not ones as such: a graph whose output hangs on nothing is not taken everywhere.
        return picked(outputs, later), (layout.restored(flat), started.clamp(min=1))


@dataclass(frozen=True)
class Step:
    """A step ready to be exported, in evaluation mode.

    Attributes:
        module: Maps `(frames [B, 1, C, H, W], state | None)` to `(outputs, state)`; zeros for a state mean None.
        layout: How its state is nested.
        channels: Channels of its frames.
        each_frame: Whether outputs are about one frame; else only those after a clip's last frame count.
        doubled: Whether it computes two beginnings.
    """

    module: nn.Module
    layout: StateLayout
    channels: int
    each_frame: bool
    doubled: bool

    def flat(self) -> FlatStep:
        """Return the step with its state as separate tensors."""
        return FlatStep(self.module, self.layout).eval()

    @torch.no_grad()
    def start(self, frames: Tensor) -> list[Tensor]:
        """Return the tensors of the state before the first of frames like these.

        Args:
            frames: `[B, 1, C, H, W]`.
        """
        return self.layout.__class__(self.module(frames, None)[1]).zeros()


class StepModel(nn.Module):
    """A step as a model of whole clips, for a task to measure.

    Args:
        step: From frames `[B, 1, C, H, W]` and a state, None at first, to outputs and the next state.
        each_frame: As of [Step][seqimg.export.steps.Step].
    """

    def __init__(self, step: Callable[[Tensor, Any], tuple[Tensor, Any]], *, each_frame: bool) -> None:
        super().__init__()
        self.step, self.each_frame = step, each_frame
        self.nothing = nn.Parameter(torch.zeros(0))  # says on which device it is

    def forward(self, frames: Tensor, state: Any = None, **options: object) -> tuple[Tensor, Any]:
        """Return outputs and the state after clips `[B, T, C, H, W]`; options were settled with the export."""
        found = list[Tensor]()
        for number in range(frames.shape[1]):
            outputs, state = self.step(frames[:, number : number + 1], state)
            if not self.each_frame:
                found.clear()
            found.append(outputs)
        return torch.cat(found, dim=1), state


@torch.no_grad()
def step_of(task: Task[Any, Any, Any], model: nn.Module) -> Step:
    """Return the step of a task's model.

    Args:
        task: The task.
        model: Its trained model; it is copied and stays as it is.

    Raises:
        SeqimgError: The model cannot take single frames, or its state cannot be carried by a graph.
    """
    module = task.step_module(copy.deepcopy(model).cpu().eval()).eval()
    for layer in module.modules():
        if isinstance(layer, ConvRNN):
            layer.kernel = None  # a graph holds the equations, whoever computes them elsewhere
    channels = int(getattr(module, "frame_channels", task.config.channels))
    side = task.frame_size() or (_SIDE, _SIDE)
    frames = torch.rand(2, 1, channels, *side, generator=torch.Generator().manual_seed(0))
    try:
        outputs, state = module(frames, None)
    except SeqimgError:
        raise
    except Exception as error:
        raise SeqimgError(
            f"the model of {task.name} takes no single frames of {side[1]}×{side[0]} pixels",
            why=reason_of(error),
        ) from error
    if not isinstance(outputs, Tensor):
        raise SeqimgError(
            f"the outputs of {task.name} are no tensor", why=f"they are {type(outputs).__name__}"
        )
    layout = StateLayout(state)
    doubled = not _zeros_mean_none(module, layout, frames, [outputs, *layout.flat(state)])
    each_frame = bool(getattr(module, "answers_each_frame", True))
    if doubled:
        module = Started(module).eval()
        layout = StateLayout(module(frames, None)[1])
    return Step(module, layout, channels, each_frame, doubled)


def _zeros_mean_none(module: nn.Module, layout: StateLayout, frames: Tensor, expected: list[Tensor]) -> bool:
    try:
        outputs, state = module(frames, layout.restored(layout.zeros()))
        found = [outputs, *layout.flat(state)]
    except Exception:  # noqa: BLE001 -- whatever a plugin's model says to zeros, it does not take them for None
        return False
    return all(
        a.shape == b.shape and torch.allclose(a.double(), b.double(), rtol=_CLOSE, atol=_CLOSE)
        for a, b in zip(found, expected, strict=True)
    )
