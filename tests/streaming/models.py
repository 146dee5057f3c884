"""A small model of every first-party task, with frames it can read."""

import torch
from torch import Tensor, nn

from seqimg.plugins.manager import plugin_host

__all__ = ["MODELS", "channels_of", "frames_for", "learn", "model_of"]

_OPTIONS: dict[str, tuple[str, dict[str, object]]] = {
    "predict": ("predict", {"channels": 1, "widths": (4, 6), "model": "encoder_forecaster"}),
    "predict-next": ("predict", {"channels": 1, "widths": (4, 6), "model": "next_frame"}),
    "classify": ("classify", {"channels": 1, "widths": (4, 6), "classes": ("a", "b")}),
    "style": ("style", {"channels": 3, "width": 4, "blocks": 1, "state": 4}),
    "detect": ("detect", {"channels": 1, "widths": (4, 6, 8), "memory": 6, "classes": ("a", "b")}),
    "texture": ("texture", {"channels": 1, "widths": (6, 4), "noise": 2}),
}

MODELS = tuple(_OPTIONS)


def model_of(name: str, **changes: object) -> nn.Module:
    """Return an untrained model, the same one each time."""
    task, options = _OPTIONS[name]
    host = plugin_host().tasks
    torch.manual_seed(0)
    model: nn.Module = host.load(task)(host.load(task, "config")(**{**options, **changes})).build_model()
    if task == "style":
        learn(model)
    return model.eval()


def learn(model: nn.Module) -> None:
    """Give a restyler a style to paint in."""
    style = model.get_buffer("style_0")
    style.copy_(torch.arange(style.numel()).view_as(style) % 256)


def channels_of(name: str) -> int:
    """Return the channels of the frames that a model reads."""
    return int(str(_OPTIONS[name][1]["channels"]))


def frames_for(count: int, seed: int = 0, channels: int = 1) -> Tensor:
    """Return `[count, C, 32, 32]` of something that moves, so that motion and cuts have something to see."""
    generator = torch.Generator().manual_seed(seed)
    ground = torch.rand(channels, 32, 32 + count, generator=generator)
    return torch.stack([ground[..., place : place + 32] for place in range(count)])
