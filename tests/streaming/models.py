"""A small model of every first-party task, with frames it can read."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from seqimg.plugins.manager import plugin_host

__all__ = ["MODELS", "frames_for", "model_of"]

_OPTIONS: dict[str, tuple[str, dict[str, object]]] = {
    "predict": ("predict", {"channels": 1, "widths": (4, 6)}),
    "predict-next": ("predict", {"channels": 1, "widths": (4, 6), "model": "next_frame"}),
    "classify": ("classify", {"channels": 1, "widths": (4, 6), "classes": ("a", "b")}),
    "detect": ("detect", {"channels": 1, "widths": (4, 6, 8), "memory": 6, "classes": ("a", "b")}),
}

MODELS = tuple(_OPTIONS)


def model_of(name: str, **changes: object) -> nn.Module:
    """Return an untrained model, the same one each time."""
    task, options = _OPTIONS[name]
    host = plugin_host().tasks
    torch.manual_seed(0)
    model: nn.Module = host.load(task)(host.load(task, "config")(**{**options, **changes})).build_model()
    return model.eval()


def frames_for(count: int, seed: int = 0) -> Tensor:
    """Return `[count, 1, 32, 32]` of something that moves, so that motion and cuts have something to see."""
    generator = torch.Generator().manual_seed(seed)
    ground = torch.rand(1, 32, 32 + count, generator=generator)
    return torch.stack([ground[..., place : place + 32] for place in range(count)])


def changed(model: nn.Module, work: Callable[[Tensor], Tensor]) -> nn.Module:
    """Return the same model with other weights."""
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(work(weight))
    return model
