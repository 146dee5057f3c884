"""One call of a kernel, drawn at random with everything that may be in it, and what comes of it."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import torch
from torch import Tensor

from seqimg.cells import Cell
from seqimg.kernels import CallSignature, Controls

__all__ = ["UPDATES", "Call", "Flow", "Kernel", "calmed", "draw"]

Flow = Literal["both", "outputs", "last"]
"""Where gradients flow in: into the outputs, into the last state, or into both."""

Kernel = Callable[..., tuple[Tensor, Tensor]]

_TENSORS = ("keep", "restart", "update", "gate_bias")


@dataclass(frozen=True)
class Call:
    """The arguments of a kernel, and the gradients that flow back into its two results."""

    cell: Cell
    x: Tensor
    state: Tensor
    weights: dict[str, Tensor]
    controls: Controls
    d_outputs: Tensor
    d_last: Tensor

    def map(self, change: Callable[[Tensor], Tensor]) -> "Call":
        """Return the call with `change` made to each of its tensors."""
        controls = {name: getattr(self.controls, name) for name in _TENSORS}
        changed: dict[str, Any] = {name: change(t) for name, t in controls.items() if t is not None}
        return replace(
            self,
            x=change(self.x),
            state=change(self.state),
            weights={name: change(weight) for name, weight in self.weights.items()},
            controls=replace(self.controls, **changed),
            d_outputs=change(self.d_outputs),
            d_last=change(self.d_last),
        )

    def to(self, dtype: torch.dtype, device: str | None = None) -> "Call":
        """Return the call with its tensors in `dtype`, on `device` if one is named, dense layouts kept."""
        return self.map(lambda tensor: tensor.to(device=device or tensor.device, dtype=dtype))

    @property
    def signature(self) -> CallSignature:
        """What kernels are chosen by."""
        return CallSignature(
            op=f"{self.cell.family}.sequence",
            device=self.x.device.type,
            dtype=str(self.x.dtype).removeprefix("torch."),
            options=tuple((field.name, getattr(self.cell, field.name)) for field in fields(self.cell)),
            features=self.controls.features,
        )

    @property
    def differentiable(self) -> dict[str, Tensor]:
        """Every tensor that has a gradient, by name."""
        tensors = {"x": self.x, "state": self.state, **self.weights}
        controls = {"gate_bias": self.controls.gate_bias, "restart": self.controls.restart}
        return tensors | {name: tensor for name, tensor in controls.items() if tensor is not None}

    def with_leaves(self, leaves: dict[str, Tensor]) -> "Call":
        """Return the call with some of its tensors, by name, replaced."""
        controls: dict[str, Any] = {name: leaves[name] for name in ("gate_bias", "restart") if name in leaves}
        return replace(
            self,
            x=leaves.get("x", self.x),
            state=leaves.get("state", self.state),
            weights={name: leaves.get(name, weight) for name, weight in self.weights.items()},
            controls=replace(self.controls, **controls),
        )

    def results(self, kernel: Kernel) -> tuple[Tensor, Tensor]:
        """Run `kernel`."""
        return kernel(self.cell, self.x, self.state, self.weights, self.controls)

    def everything(
        self, kernel: Kernel, flow: Flow = "both", wanted: set[str] | None = None
    ) -> dict[str, Tensor]:
        """Run `kernel` forward and backward; returns its results and gradients `d_…`, all by name.

        A gradient that does not exist is one of zeros: nothing that is asked for may be missing.
        """
        leaves = {
            name: tensor.detach().requires_grad_()
            for name, tensor in self.differentiable.items()
            if wanted is None or name in wanted
        }
        outputs, last = self.with_leaves(leaves).results(kernel)
        flows = {"outputs": (outputs, self.d_outputs), "last": (last, self.d_last)}
        chosen = [pair for name, pair in flows.items() if flow in (name, "both")]
        gradients = torch.autograd.grad(
            [result for result, _ in chosen],
            list(leaves.values()),
            [gradient for _, gradient in chosen],
            allow_unused=True,
        )
        found = {"outputs": outputs.detach(), "last": last.detach()}
        for (name, leaf), gradient in zip(leaves.items(), gradients, strict=True):
            found[f"d_{name}"] = torch.zeros_like(leaf).detach() if gradient is None else gradient
        return found


def draw(
    cell: Cell,
    *,
    batch: int = 2,
    frames: int = 4,
    size: tuple[int, int] = (5, 4),
    keep: bool = False,
    restart: bool = False,
    update: str = "",
    gate_bias: str | None = None,
    recompute: bool = False,
    seed: int = 0,
) -> Call:
    """Draw a call of `cell` in fp64.

    `update` is one of `UPDATES` or nothing. `gate_bias` holds the letters of `"THW"` along which
    it varies: at `""` it is one number a sample and channel, at None there is none.
    """
    generator = torch.Generator().manual_seed(seed)
    spatial = size[: cell.rank]

    def normal(*shape: int, scale: float = 1.0) -> Tensor:
        return scale * torch.randn(shape, generator=generator, dtype=torch.float64)

    def part(letters: str) -> list[int]:
        full = zip("THW"[: 1 + cell.rank], (frames, *spatial), strict=True)
        return [count if letter in letters else 1 for letter, count in full]

    weights = {}
    for name, shape in cell.shapes().items():
        scale = cell.fan_in(name) ** -0.5 if len(shape) > 1 else 0.5
        weights[name] = normal(*shape, scale=scale)
    bias = None
    if gate_bias is not None:
        time, *area = part(gate_bias)
        bias = normal(batch, time, cell.projected_channels, *area)
    cuts = torch.rand(batch, frames, generator=generator) > 0.4
    controls = Controls(
        keep=cuts.double() if keep else None,
        restart=normal(batch, cell.state_channels, *spatial) if restart else None,
        update=_update(update, (batch, frames, cell.state_channels, *spatial), generator),
        gate_bias=bias,
        recompute=recompute,
    )
    return Call(
        cell,
        normal(batch, frames, cell.input_channels, *spatial),
        normal(batch, cell.state_channels, *spatial),
        weights,
        controls,
        normal(batch, frames, cell.hidden_channels, *spatial),
        normal(batch, cell.state_channels, *spatial),
    )


UPDATES = ("lengths", "share", "channels", "pixels", "values")
"""What `update` may vary along, with masks of 0 and 1 but for `share`."""


def _update(kind: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor | None:
    if not kind:
        return None
    batch, frames, *rest = shape
    ones = [1] * len(rest)
    if kind == "lengths":
        lengths = torch.randint(0, frames + 1, (batch, 1), generator=generator)
        return (torch.arange(frames) < lengths).double().view(batch, frames, *ones)
    wanted = {"share": ones, "channels": [rest[0], *ones[1:]], "pixels": [1, *rest[1:]], "values": rest}
    drawn = torch.rand(batch, frames, *wanted[kind], generator=generator, dtype=torch.float64)
    return drawn if kind == "share" else (drawn > 0.3).double()


def calmed(call: Call) -> Call:
    """Return a call whose candidates stay on one side of 0 each, up for one channel, down for the next.

    Where a slope depends on a sign, an error of rounding near 0 is an error of gradients as large as they are.
    """
    count = call.cell.hidden_channels

    def calm(tensor: Tensor, axis: int) -> Tensor:
        scale = torch.ones(tensor.shape[axis], dtype=tensor.dtype)
        scale[-count:] = 0.2
        return tensor * scale.view(-1, *(1 for _ in tensor.shape[axis + 1 :]))

    weights = {name: calm(weight, 0) for name, weight in call.weights.items()}
    weights["bias_x"] = weights["bias_x"].clone()
    weights["bias_x"][-count:] += 2 * (-1.0) ** torch.arange(count)
    bias = call.controls.gate_bias
    controls = call.controls if bias is None else replace(call.controls, gate_bias=calm(bias, 2))
    return replace(call, weights=weights, controls=controls)
