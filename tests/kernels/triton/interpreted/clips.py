"""Clips on the kernels that launch Triton programs, against the reference in fp64."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import triton.language as tl
import triton.runtime.interpreter as interpreter
from torch import Tensor

from seqimg.cells import Cell
from seqimg.cells.conv_gru import ConvGRUCell
from seqimg.cells.conv_lstm import ConvLSTMCell
from seqimg.cells.min_conv_gru import MinConvGRUCell
from seqimg.kernels import reference
from tests.kernels.calls import Call, Flow, Kernel, calmed, draw
from tests.kernels.parity import TORCH, Errors
from tests.kernels.triton.interpreted.problems import DEVICE
from tests.tolerances import KERNEL_FLOOR, KERNEL_NORM, KERNEL_TIMES

__all__ = ["DTYPES", "FAMILIES", "SMALL", "TOGETHER", "check", "drawn", "rounding"]

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
DRAWS = {torch.float32: 2, torch.bfloat16: 4, torch.float16: 4}

FAMILIES: list[Cell] = [
    ConvGRUCell(2, 3),
    ConvGRUCell(2, 3, reset="after"),
    ConvLSTMCell(2, 2, peepholes=True),
    MinConvGRUCell(2, 3),
]
"""One cell for each way through time."""

SMALL: dict[str, Any] = {"frames": 3, "size": (2, 3)}
TOGETHER: dict[str, Any] = {"keep": True, "update": "values", "gate_bias": "T"}


@pytest.fixture(autouse=True)
def rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Round to the nearest bf16, as GPUs do: the interpreter cuts digits off, which is as bad as one digit less."""
    convert = interpreter._convert_float

    def nearest(values: np.ndarray, source: object, target: object, mode: object) -> np.ndarray:
        if source != tl.float32 or target != tl.bfloat16:
            return convert(values, source, target, mode)
        rounded = torch.from_numpy(np.ascontiguousarray(values)).to(torch.bfloat16)
        return rounded.view(torch.int16).numpy().view(np.uint16)

    monkeypatch.setattr(interpreter, "_convert_float", nearest)


def drawn(cell: Cell, dtype: torch.dtype = torch.float32, **options: object) -> Call:
    """Draw a call as `draw` does, on the device of the checks."""
    call = draw(cell, **options)  # type: ignore[arg-type]
    if getattr(cell, "activation", "tanh") in ("relu", "leaky"):
        call = calmed(call)
    return call.to(dtype).map(lambda tensor: tensor.to(DEVICE))


def check(
    kernel: Kernel, cell: Cell, dtype: torch.dtype, *, flow: Flow = "both", **options: object
) -> dict[str, float]:
    """Check results and every gradient; returns errors as multiples of those of torch itself."""
    errors = Errors(KERNEL_NORM[dtype])
    for seed in range(DRAWS[dtype]):
        call = drawn(cell, dtype, seed=seed, **options)
        plain = replace(call, controls=replace(call.controls, recompute=False))
        truth = plain.to(torch.float64).everything(reference.sequence, flow)
        errors.add(truth, TORCH, plain.everything(reference.sequence, flow))
        found = call.everything(kernel, flow)
        _check_kind(found, call)
        errors.add(truth, "kernel", found)
    own, floor = errors.of(TORCH), KERNEL_FLOOR[dtype]
    wrong = [
        f"{name} is off by {error:.2g}, torch by {own[name]:.2g}"
        for name, error in errors.of("kernel").items()
        if not error <= max(KERNEL_TIMES * own[name], floor)
    ]
    assert not wrong, "\n".join(wrong)
    return {name: error / max(own[name], floor) for name, error in errors.of("kernel").items()}


def _check_kind(found: dict[str, Tensor], call: Call) -> None:
    like = {f"d_{name}": tensor for name, tensor in call.differentiable.items()}
    like |= {"outputs": call.d_outputs, "last": call.d_last}
    for name, tensor in found.items():
        assert (tensor.shape, tensor.dtype) == (like[name].shape, like[name].dtype), name
