"""Activations in place, and their gradients from their results."""

import torch
from torch import Tensor

from seqimg.cells.gating import LEAKY_SLOPE

__all__ = ["activate", "activation_gradient", "sigmoid_gradient", "tanh_gradient"]


def activate(values: Tensor, activation: str) -> None:
    """Apply `"sigmoid"`, `"tanh"`, `"relu"`, `"leaky"` or `"linear"` in place."""
    if activation == "sigmoid":
        values.sigmoid_()
    elif activation == "tanh":
        values.tanh_()
    elif activation == "relu":
        values.relu_()
    elif activation == "leaky":
        torch.nn.functional.leaky_relu_(values, LEAKY_SLOPE)


def activation_gradient(gradient: Tensor, result: Tensor, activation: str, out: Tensor) -> None:
    """Write to `out` the gradient before the activation that gave `result`."""
    if activation == "tanh":
        tanh_gradient(gradient, result, out)
    elif activation == "relu":
        torch.ops.aten.threshold_backward.grad_input(gradient, result, 0, grad_input=out)
    elif activation == "leaky":
        torch.ops.aten.leaky_relu_backward.grad_input(gradient, result, LEAKY_SLOPE, True, grad_input=out)
    else:
        out.copy_(gradient)


def sigmoid_gradient(gradient: Tensor, result: Tensor, out: Tensor) -> None:
    """Write `gradient ⊙ result ⊙ (1 − result)` to `out`."""
    torch.ops.aten.sigmoid_backward.grad_input(gradient, result, grad_input=out)


def tanh_gradient(gradient: Tensor, result: Tensor, out: Tensor) -> None:
    """Write `gradient ⊙ (1 − result²)` to `out`."""
    torch.ops.aten.tanh_backward.grad_input(gradient, result, grad_input=out)
