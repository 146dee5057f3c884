"""Small models with something in them, as model folders."""

from pathlib import Path
from typing import Any

import torch

from seqimg import modelfolder
from seqimg.modelfolder import LoadedModel
from seqimg.plugins.manager import plugin_host

DETECT: dict[str, Any] = {
    "channels": 3,
    "classes": ("a", "b"),
    "widths": (6, 6, 6),
    "memory": 6,
    "rivals": False,
}


def saved(folder: Path, name: str, **values: Any) -> Path:
    """Write a model whose weights are no longer those before training."""
    tasks = plugin_host().tasks
    task = tasks.load(name)(tasks.load(name, "config")(**values))
    torch.manual_seed(0)
    model = task.build_model()
    for way, parameter in model.named_parameters():
        if not way.startswith("backbone."):  # which has something in it already
            parameter.data.add_(0.1 * torch.randn_like(parameter))
    modelfolder.save(folder, task, model.state_dict(), {})
    return folder


def made(folder: Path, name: str, **values: Any) -> LoadedModel:
    """Return such a model, loaded."""
    return modelfolder.load(saved(folder / name, name, **values))
