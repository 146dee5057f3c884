"""What moves the weights: AdamW for all of them, or Muon for kernels and AdamW for the rest."""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import torch
from torch import Tensor, nn

__all__ = ["Muon", "OptimizerName", "build_optimizer", "orthogonal"]

OptimizerName = Literal["adamw", "muon"]

_ROUNDS, _SLOPE = 5, (3.4445, -4.7750, 2.0315)  # Jordan et al.'s: steep at zero, so that few rounds do
_MOMENTUM = 0.95
_LENGTH = 12.0  # of a step in any direction, in learning rates
_LEAST = 1e-7  # of a norm that is divided by


def build_optimizer(
    name: OptimizerName, network: nn.Module, *, learning_rate: float, weight_decay: float
) -> torch.optim.Optimizer:
    """Return the optimiser of a network's weights.

    Args:
        name: `adamw` or `muon`.
        network: Whose weights.
        learning_rate: Of both kinds of step.
        weight_decay: Decoupled, of both.
    """
    kind = Muon if name == "muon" else torch.optim.AdamW
    return kind(network.parameters(), lr=learning_rate, weight_decay=weight_decay)


class Muon(torch.optim.AdamW):
    """Muon for the kernels of convolutions and linear maps, AdamW for every other weight.

    A kernel `[out, in, …]` is a matrix `[out, in·…]`. With its gradient G, the step of length r is

        M <- m M + (1 - m) G,    W <- W - r d W - 12 r sqrt(max(1, rows / columns)) U V^T,    U S V^T = (1 - m) G + m M

    every direction that the gradient has is gone as far as any other, so that rare ones are learnt too (Jordan et
    al., "Muon: an optimizer for hidden layers in neural networks", 2024). With the 12 a step is about as long as one
    of AdamW's, and one learning rate does for both. Kernels with one channel of input, as of depthwise convolutions,
    are AdamW's, for their rows have nothing to do with each other.

    Args:
        parameters: The weights, each of which goes where its shape says.
        lr: Learning rate, above 0.
        weight_decay: Decoupled weight decay, at least 0.

    Example:
        >>> layer = nn.Conv2d(4, 8, 3)
        >>> optimizer = Muon(layer.parameters(), lr=0.01, weight_decay=0)
        >>> before = layer.weight.detach().clone()
        >>> layer(torch.rand(1, 4, 5, 5)).square().sum().backward()
        >>> optimizer.step()
        >>> 0.05 < torch.linalg.matrix_norm((layer.weight - before).flatten(1), 2).item() < 0.16
        True
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, weight_decay: float) -> None:
        super().__init__(list(parameters), lr=lr, weight_decay=weight_decay)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every weight that has a gradient; returns what `closure` does, which is asked first."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        aside: list[tuple[nn.Parameter, Tensor]] = []
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None and _is_kernel(weight):
                    aside.append((weight, weight.grad))
                    self._move(weight, weight.grad, group["lr"], group["weight_decay"])
                    weight.grad = None  # AdamW's step passes over weights without one
        super().step()
        for weight, gradient in aside:
            weight.grad = gradient
        return loss

    def _move(self, weight: nn.Parameter, gradient: Tensor, rate: float, decay: float) -> None:
        state = self.state[weight]
        if "momentum_buffer" not in state:
            # AdamW's way of loading a state wants every weight's steps counted.
            state["step"], state["momentum_buffer"] = torch.zeros(()), torch.zeros_like(weight)
        state["step"] += 1
        moments = state["momentum_buffer"].lerp_(gradient, 1 - _MOMENTUM)
        direction = orthogonal(gradient.lerp(moments, _MOMENTUM).flatten(1).float())
        rows, columns = direction.shape
        length = _LENGTH * rate * max(1.0, rows / columns) ** 0.5
        weight.mul_(1 - rate * decay).add_(direction.view_as(weight).to(weight.dtype), alpha=-length)


def orthogonal(matrix: Tensor) -> Tensor:
    """Return nearly U Vᵀ of a matrix U S Vᵀ: singular values of about 0.7 to 1.2 in place of its own.

    Five rounds of X <- a X + b (X Xᵀ) X + c (X Xᵀ)² X, on the matrix over its norm.

    Args:
        matrix: `[rows, columns]`, float.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> values = torch.linalg.svdvals(orthogonal(torch.randn(4, 9)))
        >>> bool((values > 0.5).all() and (values < 1.3).all())
        True
    """
    tall = matrix.shape[0] > matrix.shape[1]
    found = matrix.mT if tall else matrix
    found = found / (found.norm() + _LEAST)
    a, b, c = _SLOPE
    for _ in range(_ROUNDS):
        square = found @ found.mT
        found = torch.addmm(found, torch.addmm(square, square, square, beta=b, alpha=c), found, beta=a)
    return found.mT if tall else found


def _is_kernel(weight: Tensor) -> bool:
    return weight.ndim >= 2 and min(weight.shape[:2]) > 1
