"""Sizes and options that the checks of every launch go through."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
import triton
from torch import Tensor

from seqimg.kernels.audit.cases import Operands, Size, Variant
from seqimg.kernels.triton_gates.launch import interpreting
from tests.kernels.triton import statement as st
from tests.kernels.triton.guarded import Guarded

__all__ = ["DEVICE", "DTYPES", "LOOPS", "PROBLEMS", "Problem", "leaves", "poisoned"]

# Run by the interpreter, or unchanged on a GPU.
DEVICE = "cpu" if interpreting() else "cuda"
# Triton 3.6 interprets no loop whose end is known at run time only, with NumPy from 2.4 on; GPUs run it.
LOOPS = pytest.mark.skipif(
    interpreting() and triton.__version__.startswith("3.6"),
    reason="the interpreter of Triton 3.6 cannot loop",
)
DTYPES = (torch.float32, torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class Problem:
    """A size with options.

    Attributes:
        size: Samples, height, width, channels, frames.
        variant: Which optional operands there are.
        activation: Of the candidate.
    """

    size: Size
    variant: Variant = "plain"
    activation: Any = "tanh"

    def __str__(self) -> str:
        return f"{'x'.join(map(str, self.size))}-{self.variant}-{self.activation}"

    def start(self, dtype: torch.dtype, *outputs: str) -> tuple[Guarded, Operands]:
        """Return fresh operands; those named are only written."""
        make = Guarded(seed=1, outputs=outputs, device=DEVICE)
        return make, Operands(make, self.size, dtype, self.variant)

    @staticmethod
    def incoming(dh: Tensor, dy: Tensor | None, dconv: Tensor | None, keep_next: Tensor | None) -> Tensor:
        """Return the whole gradient of a state, fp64."""
        total = dh.double()
        if dy is not None:
            total = total + dy.double()
        if dconv is not None:
            total = total + st.per_row(keep_next, len(dh)) * dconv.double()
        return total


PROBLEMS = (
    Problem(Size(1, 1, 1, 1, 1)),
    Problem(Size(1, 1, 1, 8, 4), "full"),
    Problem(Size(2, 3, 3, 1, 2), "each", "relu"),
    Problem(Size(3, 2, 5, 13, 3), "full", "leaky"),  # odd channels, the last program half full
    Problem(Size(2, 5, 3, 20, 3), "each"),  # vectors of four
    Problem(Size(2, 4, 5, 64, 2), "full", "relu"),
    Problem(Size(1, 5, 7, 24), "plain", "linear"),
)


def leaves(*tensors: Tensor) -> list[Tensor]:
    """Return fp64 copies that autograd differentiates by."""
    return [tensor.detach().double().requires_grad_() for tensor in tensors]


def poisoned(tensor: Tensor) -> bool:
    """Return whether nothing was ever written there."""
    return bool(tensor.isnan().all())
