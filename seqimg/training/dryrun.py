"""What a training would cost, found out with one clip: nothing is trained, nothing is written."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from seqimg.config import TaskConfig
from seqimg.data import Batch, Datasets, collate
from seqimg.data.datasets import ClipDataset
from seqimg.errors import SeqimgError
from seqimg.kernels import use_kernel
from seqimg.task import Task
from seqimg.training.order import Order

__all__ = ["DataSummary", "ModelSummary", "summarise_data", "summarise_model", "tensors_in"]

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class ModelSummary:
    """A model's size and what it costs.

    Attributes:
        parameters: Numbers in its parameters.
        trained: How many of them training changes.
        weights_bytes: Size of all weights, buffers included.
        frames: Frames of the clip it was tried with.
        height: Height of its frames.
        width: Width of its frames.
        multiply_adds: Multiply-adds of convolutions and matrix products for one frame of that size, answers
            included; what lies between them (activations, resampling) is not counted.
        backward_bytes: What training keeps for the backward pass, for one frame of that size.
        step_bytes: The same for all frames that a step holds at once.
        state_bytes: What a stream carries from frame to frame; None if the model takes no single frames.
    """

    parameters: int
    trained: int
    weights_bytes: int
    frames: int
    height: int
    width: int
    multiply_adds: int
    backward_bytes: int
    step_bytes: int
    state_bytes: int | None


@dataclass(frozen=True)
class DataSummary:
    """What there is to learn from.

    Attributes:
        clips: Clips of each part: `train`, `val`, `test`.
        sequences: Sequences that each part's clips are cut from.
        frames: Frames of the first training clip.
        height: Height of its frames.
        width: Width of its frames.
        channels: Channels of all frames.
        steps_an_epoch: Steps until every training clip was seen once.
        epochs: How often each is seen in the steps planned.
        classes: Names of the classes, if clips are labelled.
    """

    clips: Mapping[str, int]
    sequences: Mapping[str, int]
    frames: int
    height: int
    width: int
    channels: int
    steps_an_epoch: float
    epochs: float
    classes: tuple[str, ...]


def summarise_data(config: TaskConfig, data: Datasets) -> DataSummary:
    """Count what a task's data sets hold.

    Raises:
        SeqimgError: There is nothing to train on, or the first clip cannot be read.
    """
    parts: dict[str, ClipDataset] = {"train": data.train, "val": data.val, "test": data.test}
    frames, channels, height, width = _first(data).frames.shape[1:]
    an_epoch = Order(data.train, config).steps_per_epoch
    return DataSummary(
        clips={name: len(part) for name, part in parts.items()},
        sequences={name: len(set(part.owners)) for name, part in parts.items()},
        frames=frames,
        height=height,
        width=width,
        channels=channels,
        steps_an_epoch=round(an_epoch, 2),
        epochs=config.epochs or round(config.steps / an_epoch, 2),
        classes=data.classes,
    )


def summarise_model(
    task: Task[Any, Any, Any], model: nn.Module, data: Datasets, device: torch.device
) -> ModelSummary:
    """Try a model with one training clip, forward only.

    Multiply-adds are counted in the cells' own equations; memory is that of the kernel that training takes.

    Args:
        task: The task, settled on its data.
        model: Its untrained model, on `device`.
        data: Its data sets.
        device: Where to compute.

    Raises:
        SeqimgError: There is nothing to train on, or the first clip cannot be read.
    """
    batch = _first(data).to(device)
    count = batch.frames.shape[1]
    kept = _kept_for_backward(task, model, batch)
    return ModelSummary(
        parameters=sum(p.numel() for p in model.parameters()),
        trained=sum(p.numel() for p in model.parameters() if p.requires_grad),
        weights_bytes=sum(_bytes(tensor) for tensor in model.state_dict().values()),
        frames=count,
        height=batch.frames.shape[-2],
        width=batch.frames.shape[-1],
        multiply_adds=_multiply_adds(task, model, batch) // count,
        backward_bytes=kept // count,
        step_bytes=kept * -(-task.config.batch_size // task.config.accumulate),
        state_bytes=_state_bytes(model, batch.frames[0, 0]),
    )


def _first(data: Datasets) -> Batch:
    if not len(data.train):
        raise SeqimgError(
            "nothing is left to train on",
            why="the training part of every sequence is shorter than a clip",
            hint="a smaller --holdout or --validation, or shorter clips",
        )
    return collate([data.train[0]])


def _multiply_adds(task: Task[Any, Any, Any], model: nn.Module, batch: Batch) -> int:
    model.eval()
    counter = FlopCounterMode(display=False)
    # The equations themselves: what a kernel does inside, the counter cannot see.
    with torch.no_grad(), use_kernel("reference"), counter:
        task.forward(model, batch)
    total: int = counter.get_total_flops()
    return total // 2


def _kept_for_backward(task: Task[Any, Any, Any], model: nn.Module, batch: Batch) -> int:
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.state_dict().values(), batch.frames)}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    model.train()
    with (
        torch.random.fork_rng(devices=[]),
        _precision(task.config.precision, batch.frames.device),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        total = task.loss(task.forward(model, batch), batch).total
    del total  # until here the graph holds all storages, so that no address counts twice
    return sum(kept.values())


def _precision(name: str, device: torch.device) -> AbstractContextManager[object]:
    return torch.autocast(device.type, _DTYPES[name]) if name in _DTYPES else nullcontext()


def _state_bytes(model: nn.Module, frame: Tensor) -> int | None:
    model.eval()
    try:
        with torch.inference_mode():
            state = model(frame[None, None], None)[1]
    except Exception:  # noqa: BLE001 -- a plugin's model may need more than a frame; there is no figure then
        return None
    return sum(_bytes(tensor) for tensor in tensors_in(state))


def tensors_in(value: object) -> Iterator[Tensor]:
    """Yield all tensors in a nest of containers.

    Args:
        value: Tensors in tuples, lists, mappings or dataclasses; anything else is left out.

    Example:
        >>> import torch
        >>> len(list(tensors_in({"a": (torch.zeros(1), None), "b": [torch.zeros(2)]})))
        2
    """
    if isinstance(value, Tensor):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from tensors_in(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from tensors_in(item)


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
