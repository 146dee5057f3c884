"""Model folders: `config.json` + `model.safetensors`, all that is needed to use or share a trained model.

`config.json` holds:

| key | value |
|---|---|
| `format` | number of this layout, 1 |
| `task`, `config` | the task's name and its whole configuration |
| `seqimg` | version that wrote it |
| `weights` | name, size in bytes and SHA-256 of the weights file |
| `training` | how it came about: steps, figures, data, machine |
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from seqimg import __version__
from seqimg.config import TaskConfig
from seqimg.errors import SeqimgError
from seqimg.plugins.manager import plugin_host
from seqimg.publish import publish_folder, write_json
from seqimg.task import Task

__all__ = ["LoadedModel", "load", "save"]

FORMAT = 1
_CONFIG, _WEIGHTS = "config.json", "model.safetensors"
_MAX_CONFIG_BYTES = 10_000_000


@dataclass(frozen=True)
class LoadedModel:
    """A trained model, ready to use.

    Attributes:
        task: Its task, with the configuration it was trained with.
        model: The network, in evaluation mode.
        training: What was recorded of its training.
    """

    task: Task[Any, Any, Any]
    model: nn.Module
    training: Mapping[str, Any]


def save(
    path: Path, task: Task[Any, Any, Any], weights: Mapping[str, Tensor], training: Mapping[str, object]
) -> None:
    """Write a model folder, whole or not at all.

    Args:
        path: The folder, which must not exist yet.
        task: The task with its configuration.
        weights: The model's state dict.
        training: Plain values to keep with it.

    Raises:
        SeqimgError: The folder exists, cannot be written, or a weight is not finite.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise SeqimgError(
                f"the weights in {name} are not finite", why="such a model is of no use and is not saved"
            )
    content = save_tensors(tensors)
    record = {
        "format": FORMAT,
        "task": task.name,
        "config": task.config.model_dump(mode="json"),
        "seqimg": __version__,
        "weights": {"file": _WEIGHTS, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()},
        "training": dict(training),
    }
    with publish_folder(path) as folder:
        (folder / _WEIGHTS).write_bytes(content)
        write_json(folder / _CONFIG, record)


def load(path: str | Path, *, task: str | None = None, device: str | torch.device = "cpu") -> LoadedModel:
    """Load a model folder. Nothing in it is executed or unpickled.

    Args:
        path: The folder.
        task: Name of the task it has to be for, or None for any.
        device: Where to put the model.

    Raises:
        SeqimgError: No such folder, a file in it is missing or damaged, or it is for another task.
        UnavailableError: The plugin that brings its task is not installed.

    Example:
        >>> load("no/such/folder")
        Traceback (most recent call last):
        ...
        seqimg.errors.SeqimgError: no/such/folder is not a model folder
        it does not exist
    """
    folder = Path(path)
    record = _read_record(folder)
    if task is not None and record["task"] != task:
        raise SeqimgError(
            f"{folder} holds a model for {record['task']!r}, not for {task!r}",
            hint=f"seqimg {record['task']} --help",
        )
    task_class: type[Task[Any, Any, Any]] = plugin_host().tasks.load(record["task"])
    ready = task_class(_config(task_class, record["config"], folder))
    model = ready.build_model()
    _fill(model, _read_weights(folder, record["weights"]), folder)
    return LoadedModel(ready, model.to(device).eval(), record.get("training", {}))


def _read_record(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        why = "it is a file" if folder.exists() else "it does not exist"
        raise SeqimgError(f"{folder} is not a model folder", why=why)
    path = folder / _CONFIG
    try:
        if path.stat().st_size > _MAX_CONFIG_BYTES:
            raise SeqimgError(
                f"{path} is too large to be a configuration", why=f"over {_MAX_CONFIG_BYTES:,} bytes"
            )
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        inside = folder / "model"
        hint = f"--model {inside}" if (inside / _CONFIG).exists() else None
        raise SeqimgError(f"{folder} is not a model folder", why=f"it has no {_CONFIG}", hint=hint) from error
    except (OSError, ValueError, RecursionError) as error:
        raise SeqimgError(f"cannot read {path}", why=str(error).splitlines()[0]) from error
    wanted = {"format": int, "task": str, "config": dict, "weights": dict}
    if not isinstance(record, dict) or any(
        not isinstance(record.get(key), kind) for key, kind in wanted.items()
    ):
        raise SeqimgError(f"{path} is not a model's configuration", why=f"it needs {', '.join(wanted)}")
    if record["format"] > FORMAT:
        raise SeqimgError(
            f"{folder} is in format {record['format']}, this seqimg reads up to {FORMAT}",
            hint=f"pip install -U seqimg (it was written by seqimg {record.get('seqimg')})",
        )
    return record


def _config(task_class: type[Task[Any, Any, Any]], values: Mapping[str, object], folder: Path) -> TaskConfig:
    try:
        config: TaskConfig = task_class.Config(**values)
    except ValidationError as error:
        first = error.errors()[0]
        raise SeqimgError(
            f"{folder / _CONFIG} does not fit the task {task_class.name!r}",
            why=f"{'.'.join(map(str, first['loc']))}: {first['msg']}",
            hint="the version of the plugin that wrote it",
        ) from error
    return config


def _read_weights(folder: Path, expected: Mapping[str, Any]) -> dict[str, Tensor]:
    path = folder / _WEIGHTS
    try:
        size = path.stat().st_size
        if size != expected.get("bytes"):
            why = f"it has {size} bytes, {_CONFIG} says {expected.get('bytes', 'nothing')}"
            raise SeqimgError(f"{path} is damaged", why=why)
        content = path.read_bytes()
    except OSError as error:
        raise SeqimgError(f"cannot read {path}", why=error.strerror) from error
    if hashlib.sha256(content).hexdigest() != expected.get("sha256"):
        raise SeqimgError(
            f"{path} is damaged or of another model", why=f"its digest is not the one in {_CONFIG}"
        )
    try:
        return load_tensors(content)
    except SafetensorError as error:
        raise SeqimgError(f"{path} is damaged", why=str(error)) from error


def _fill(model: nn.Module, weights: Mapping[str, Tensor], folder: Path) -> None:
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if wanted != found:
        wrong = sorted(set(wanted.items()) ^ set(found.items()))[0][0]
        raise SeqimgError(
            f"the weights in {folder} do not fit its configuration",
            why=f"{wrong} is {found.get(wrong, 'missing')}, the model has {wanted.get(wrong, 'no such weight')}",
        )
    model.load_state_dict(dict(weights))
