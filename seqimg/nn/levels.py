"""One direction of one level of a `ConvRNN`: a cell, its parameters and how to run them."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor, nn

from seqimg.cells import Cell
from seqimg.kernels import CallSignature, Controls, select
from seqimg.kernels.step import Step
from seqimg.nn.checks import check_norm, check_weights

__all__ = ["Level"]

_CHOSEN: dict[str, Callable[..., Any]] = {}
"""Kernels in use. A traced region can look one up here, but not go through plugins to find it."""


class Level(nn.ParameterDict):
    """The parameters of a cell, by canonical name.

    Args:
        cell: What is computed.
        norm_groups: Groups of each gate that the input's share of the pre-activations is normalised in,
            0 for none.
        learned_start: Whether the state before the first frame is a parameter, `first_state [S]`.
        weights: Values of the cell's parameters; fresh ones, if None.
    """

    def __init__(
        self,
        cell: Cell,
        *,
        norm_groups: int = 0,
        learned_start: bool = False,
        weights: dict[str, Tensor] | None = None,
    ) -> None:
        check_norm(cell, norm_groups)
        values = {name: cell.initial(name) for name in cell.shapes()} if weights is None else weights
        check_weights(cell, values)
        super().__init__({name: nn.Parameter(value.detach().clone()) for name, value in values.items()})
        self.cell, self.norm_groups = cell, norm_groups
        self.names = tuple(values)
        self.recurrence = cell
        if norm_groups:
            # Left to the kernel: what comes in is in the pre-activations already.
            self.recurrence = replace(cell, input_channels=0)
            self["norm"] = nn.Parameter(torch.ones(cell.projected_channels))
        if learned_start:
            self["first_state"] = nn.Parameter(torch.zeros(cell.state_channels))

    def run(self, x: Tensor, state: Tensor, controls: Controls, kernel: str | None) -> tuple[Tensor, Tensor]:
        """Run over frames `[B, T, X, H, W]`; returns the outputs and the last state."""
        cell, weights = self.recurrence, {name: self[name].to(x.dtype) for name in self.names}
        if cell.input_channels != self.cell.input_channels:
            controls = replace(controls, gate_bias=self._normed(x, weights, controls.gate_bias))
            x = x[:, :, :0]
            weights = {name: weights[name] for name in cell.shapes()}
        chosen = _choose(cell, "sequence", x.device.type, x.dtype, controls.features, kernel)
        outputs, last = _CHOSEN[chosen](cell, x, state, weights, controls)
        return outputs, last

    @property
    def starts_learned(self) -> bool:
        """Whether the state before the first frame is a parameter."""
        return "first_state" in self

    def start(self, x: Tensor) -> Tensor:
        """Return the state before the first of the frames `x [B, T, X, H, W]`, `[B, S, H, W]`."""
        shape = (x.shape[0], self.cell.state_channels, *x.shape[3:])
        if not self.starts_learned:
            return x.new_zeros(shape)
        start: Tensor = self["first_state"].to(x.dtype)
        return start.view(1, -1, *(1 for _ in shape[2:])).expand(shape)

    def prepared_step(self, frame: Tensor, state: Tensor, kernel: str | None) -> Step:
        """Return a step for frames `[B, X, H, W]` and states `[B, S, H, W]` like these, weights as they are."""
        weights = {name: self[name].to(frame.dtype) for name in self.names}
        chosen = _choose(self.cell, "step", frame.device.type, frame.dtype, (), kernel)
        step: Step = _CHOSEN[chosen](self.cell, weights, frame, state)
        return step

    def _normed(self, x: Tensor, weights: dict[str, Tensor], gate_bias: Tensor | None) -> Tensor:
        """Return the normalised input's share `[B, T, P, H, W]`, without the biases that the kernel adds."""
        unbiased = {name: torch.zeros_like(w) if w.ndim == 1 else w for name, w in weights.items()}
        projected = self.cell.project(x.flatten(0, 1), unbiased)
        groups = self.norm_groups * (projected.shape[1] // self.cell.hidden_channels)
        # Not torch.nn.functional's, which refuses single numbers: a picture may have one pixel.
        normed: Tensor = torch.group_norm(projected, groups, self["norm"].to(x.dtype)).unflatten(
            0, x.shape[:2]
        )
        return normed if gate_bias is None else normed + gate_bias


def _choose(
    cell: Cell, what: str, device: str, dtype: torch.dtype, features: tuple[str, ...], kernel: str | None
) -> str:
    """Select the kernel and return its key in `_CHOSEN`; `torch.compile` does this once, while tracing."""
    signature = CallSignature(
        op=f"{cell.family}.{what}",
        device=device,
        dtype=str(dtype).removeprefix("torch."),
        options=tuple((field.name, getattr(cell, field.name)) for field in fields(cell)),
        features=features,
    )
    run = select(signature, kernel)
    key = f"{signature.op}@{id(run):x}"  # names need not be unique: kernels may be made by functions, or be objects
    _CHOSEN[key] = run
    return key


# What `torch.compiler.assume_constant_result` does, without importing the compiler, which takes most of a second.
_choose._dynamo_marked_constant = True  # type: ignore[attr-defined]
