"""Kernels against the reference in fp64: results and every gradient, within a multiple of torch's own error."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from dataclasses import replace
from math import inf, isnan
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from seqimg.cells import Cell, convolution
from seqimg.kernels import explain, reference
from seqimg.plugins import resolve
from seqimg.testing.calls import Call, Flow, Kernel, calmed, draw
from seqimg.testing.checking import require
from seqimg.testing.tolerances import KERNEL_DRAWS, KERNEL_FLOOR, KERNEL_NORM, KERNEL_TIMES

__all__ = ["DTYPES", "TORCH", "Errors", "check_kernels", "kernels_for", "measured"]

DTYPES = (torch.float64, torch.float32, torch.bfloat16)


class Errors:
    """Errors over several calls, by the name of a result or gradient, relative to what the reference finds."""

    def __init__(self, norm: float) -> None:
        self.norm = norm
        self._truth: dict[str, list[Tensor]] = defaultdict(list)
        self._off: dict[str, dict[str, list[Tensor]]] = defaultdict(lambda: defaultdict(list))

    def add(self, truth: dict[str, Tensor], who: str, found: dict[str, Tensor]) -> None:
        """Take in what `who` found in one call."""
        require(found.keys() == truth.keys(), f"{who} has other gradients than the reference")
        for name, wanted in truth.items():
            if wanted.numel():
                self._off[who][name].append((found[name].double() - wanted).flatten())
                self._truth[name].append(wanted.flatten())

    def of(self, who: str) -> dict[str, float]:
        """Return the relative errors of `who`; infinite, if anything is not a number."""
        errors = {
            name: self._size(parts) / self._size(self._truth[name]) for name, parts in self._off[who].items()
        }
        return {name: inf if isnan(error) else error for name, error in errors.items()}

    @property
    def kernels(self) -> set[str]:
        """Who took part, beside torch itself."""
        return set(self._off) - {TORCH}

    def _size(self, parts: list[Tensor]) -> float:
        values = torch.cat(parts)
        size = float(torch.linalg.vector_norm(values, self.norm))
        return max(size / float(len(values) ** (1 / self.norm)), 1e-30)


TORCH = "torch itself"


def kernels_for(call: Call) -> dict[str, Kernel]:
    """Every registered kernel that can serve a call."""
    served = [candidate.spec for candidate in explain(call.signature) if not candidate.reasons]
    return {spec.name: resolve(spec.kernel) for spec in served}


def measured(calls: list[Call], flow: Flow = "both", only: str | None = None) -> Errors:
    """Run every kernel that can serve the calls, or only one, all in one dtype, and the reference in fp64."""
    errors = Errors(KERNEL_NORM[calls[0].x.dtype])
    for call in calls:
        plain = replace(call, controls=replace(call.controls, recompute=False))
        truth = plain.to(torch.float64).everything(reference.sequence, flow)
        errors.add(truth, TORCH, plain.everything(reference.sequence, flow))
        with _convolving_channels_last():
            errors.add(truth, TORCH, plain.everything(reference.sequence, flow))
        for name, kernel in kernels_for(call).items():
            if only not in (None, name):
                continue
            everything = call.everything(kernel, flow)
            _check_kind(everything, call)
            errors.add(truth, name, everything)
    return errors


def check_kernels(
    cell: Cell,
    dtype: torch.dtype,
    *,
    flow: Flow = "both",
    expected: Set[str] = frozenset({"fused", "reference"}),
    layout: Callable[[Call], Call] = lambda call: call,
    device: str = "cpu",
    only: str | None = None,
    **options: object,
) -> dict[str, dict[str, float]]:
    """Check every kernel that serves `device` on calls as `draw` makes them with `options`, in `layout`.

    Returns:
        The errors of each kernel as multiples of torch's own; 1 stands for a third of the floor at least.
    """
    calls = []
    for seed in range(KERNEL_DRAWS[dtype]):
        call = draw(cell, seed=seed, **options)  # type: ignore[arg-type]
        if dtype.itemsize == 2 and getattr(cell, "activation", "tanh") in ("relu", "leaky"):
            call = calmed(call)
        calls.append(layout(call.to(dtype, device)))
    errors = measured(calls, flow, only)
    served = f"only {sorted(errors.kernels)} can serve this, not all of {sorted(expected)}"
    require(errors.kernels >= expected, served)
    own, floor = errors.of(TORCH), KERNEL_FLOOR[dtype]
    wrong = [
        f"{kernel}: {name} is off by {error:.2g}, torch by {own[name]:.2g}"
        for kernel in errors.kernels
        for name, error in errors.of(kernel).items()
        if not error <= max(KERNEL_TIMES * own[name], floor)
    ]
    require(not wrong, "; ".join(wrong))
    return {
        kernel: {
            name: error / max(own[name], floor / KERNEL_TIMES) for name, error in errors.of(kernel).items()
        }
        for kernel in errors.kernels
    }


@contextmanager
def _convolving_channels_last() -> Iterator[None]:
    """Have the cells' equations convolve channels-last, where torch sums up in another order."""

    def channels_last(x: Tensor, weight: Tensor, *rest: Any, **options: Any) -> Tensor:
        x, weight = (t.contiguous(memory_format=torch.channels_last) for t in (x, weight))
        return torch.nn.functional.conv2d(x, weight, *rest, **options)

    with patch.object(convolution, "conv2d", channels_last):
        yield


def _check_kind(everything: dict[str, Tensor], call: Call) -> None:
    like = {f"d_{name}": tensor for name, tensor in call.differentiable.items()}
    like |= {"outputs": call.d_outputs, "last": call.d_last}
    for name, tensor in everything.items():
        kind = (tensor.shape, tensor.dtype) == (like[name].shape, like[name].dtype)
        require(kind, f"{name} has another shape or dtype than what it belongs to")
