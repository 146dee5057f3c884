"""Where a model's time, arithmetic and memory go when it is given one frame after another."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from seqimg.cheaper.holding import peak_bytes
from seqimg.errors import SeqimgError
from seqimg.kernels import use_kernel
from seqimg.nn import ConvRNN
from seqimg.plugins.reports import reason_of
from seqimg.task import Task
from seqimg.training.dryrun import tensors_in

__all__ = ["Part", "Profile", "profile"]

_WARM_UP, _TIMED = 3, 20  # frames
REST = "between"
"""What of a step is in none of the parts."""


@dataclass(frozen=True)
class Part:
    """One part of a model.

    Attributes:
        name: What the model calls it; [REST][seqimg.cheaper.profiling.REST] for what is in no part.
        recurrent: Whether it is recurrent cells and nothing else.
        parameters: Numbers in its parameters.
        multiply_adds: Of convolutions and matrix products for one frame, in the cells' own equations.
        milliseconds: Time of one frame: the lower quartile of twenty.
    """

    name: str
    recurrent: bool
    parameters: int
    multiply_adds: int
    milliseconds: float


@dataclass(frozen=True)
class Profile:
    """What one frame costs.

    Attributes:
        height: Height of the frames, in pixels.
        width: Width of the frames, in pixels.
        parameters: Numbers in all parameters.
        unused: How many of them no frame needs, as those of networks that are only compared with.
        multiply_adds: For one frame.
        milliseconds: Time of one frame: the lower quartile of twenty.
        state_bytes: What is carried from frame to frame.
        activation_bytes: What is held at once within a frame, at the most, beside weights and state.
        cell_time: Share of the time that recurrent cells take, 0 to 1.
        cell_multiply_adds: Share of the multiply-adds, 0 to 1.
        parts: The parts, in the order of the model.
    """

    height: int
    width: int
    parameters: int
    unused: int
    multiply_adds: int
    milliseconds: float
    state_bytes: int
    activation_bytes: int
    cell_time: float
    cell_multiply_adds: float
    parts: tuple[Part, ...]


Meter = Callable[[], float]


@torch.no_grad()
def profile(
    task: Task[Any, Any, Any], model: nn.Module, size: tuple[int, int], device: torch.device | str = "cpu"
) -> Profile:
    """Give a model frames of noise, one after another, and measure.

    Args:
        task: Its task.
        model: The model, on `device`.
        size: Height and width of the frames.
        device: Where to compute.

    Raises:
        SeqimgError: The model cannot take such frames.

    Example:
        >>> from seqimg.plugins.manager import plugin_host
        >>> tasks = plugin_host().tasks
        >>> task = tasks.load("predict")(tasks.load("predict", "config")(channels=1, widths=(4,)))
        >>> found = profile(task, task.build_model(), (16, 16))
        >>> [part.name for part in found.parts if part.recurrent]
        ['encoders']
        >>> found.state_bytes > 0
        True
    """
    module, where = task.step_module(model).eval(), torch.device(device)
    frame = torch.rand(1, 1, task.config.channels, *size).to(where)
    try:
        state = module(frame, None)[1]
    except SeqimgError:
        raise
    except Exception as error:
        raise SeqimgError(
            f"the model takes no frames of {size[1]}×{size[0]} pixels", why=reason_of(error)
        ) from error
    root = _root(module)
    called = _called(root, lambda: module(frame, state))
    groups = dict(_groups(root, called))
    cells = [part for part in root.modules() if isinstance(part, ConvRNN) and part in called]
    counted, counted_cells = _multiply_adds(groups, cells, lambda: module(frame, state))
    times, cell_times = _times(groups, cells, lambda: module(frame, state), where)
    parts = [
        Part(
            name,
            all(isinstance(member, ConvRNN) for member in members),
            sum(p.numel() for member in members for p in member.parameters()),
            round(counted[name]),
            times[name],
        )
        for name, members in groups.items()
    ]
    total, time = counted[""], times[""]
    rest = Part(
        REST,
        False,
        0,
        round(total - sum(part.multiply_adds for part in parts)),
        max(0.0, time - sum(part.milliseconds for part in parts)),
    )
    used = {id(p) for one in called for p in one.parameters(recurse=False)}
    return Profile(
        *size,
        parameters=sum(p.numel() for p in model.parameters()),
        unused=sum(p.numel() for p in model.parameters() if id(p) not in used and not _of_cell(p, cells)),
        multiply_adds=round(total),
        milliseconds=time,
        state_bytes=sum(t.numel() * t.element_size() for t in tensors_in(state)),
        activation_bytes=peak_bytes(lambda: module(frame, state)),
        cell_time=min(1.0, cell_times / time) if time else 0.0,
        cell_multiply_adds=counted_cells / total if total else 0.0,
        parts=(*parts, rest),
    )


def _root(module: nn.Module) -> nn.Module:
    """Return the module whose children are parts: wrappers with one child are none."""
    children = list(module.children())
    while len(children) == 1 and not isinstance(module, ConvRNN | nn.Sequential):
        (module,) = children
        children = list(module.children())
    return module


def _called(root: nn.Module, run: Callable[[], object]) -> set[nn.Module]:
    found: set[nn.Module] = set()
    with ExitStack() as hooks:
        for module in root.modules():
            handle = module.register_forward_pre_hook(lambda one, _: found.add(one))
            hooks.callback(handle.remove)
        run()
    return found


def _groups(
    module: nn.Module, called: set[nn.Module], way: str = ""
) -> Iterator[tuple[str, list[nn.Module]]]:
    """Yield the topmost modules that are called, those of a list together."""
    for name, child in module.named_children():
        label = f"{way}{name}"
        if child in called:
            yield label, [child]
        elif isinstance(child, nn.ModuleList | nn.ModuleDict):
            members = [member for member in child.children() if member in called]
            if members:
                yield label, members
        else:
            yield from _groups(child, called, f"{label}.")


def _of_cell(parameter: nn.Parameter, cells: list[ConvRNN]) -> bool:
    """Whether a layer computes with it itself, without calling the module that holds it."""
    return any(parameter is one for layer in cells for one in layer.parameters())


def _multiply_adds(
    groups: Mapping[str, list[nn.Module]], cells: list[ConvRNN], run: Callable[[], object]
) -> tuple[dict[str, float], float]:
    counter = FlopCounterMode(display=False)
    # The equations themselves: what a kernel does inside, the counter cannot see.
    with (
        use_kernel("reference"),
        counter,
        _metered(groups, cells, lambda: counter.get_total_flops() / 2) as found,
    ):
        run()
    found[""] = [counter.get_total_flops() / 2]
    summed = {name: sum(values) for name, values in found.items()}
    return summed, summed.pop("cells")


def _times(
    groups: Mapping[str, list[nn.Module]],
    cells: list[ConvRNN],
    run: Callable[[], object],
    device: torch.device,
) -> tuple[dict[str, float], float]:
    def now() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return perf_counter() * 1000

    measured: dict[str, list[list[float]]] = {}
    with torch.inference_mode():
        for number in range(_WARM_UP + _TIMED):
            with _metered(groups, cells, now) as found:
                begun = now()
                run()
                found[""] = [now() - begun]
            if number >= _WARM_UP:
                for name, values in found.items():
                    measured.setdefault(name, []).append(values)
    times = {name: sum(map(_quick, zip(*frames, strict=True))) for name, frames in measured.items()}
    return times, times.pop("cells")


def _quick(times: Sequence[float]) -> float:
    """Return the lower quartile: what else the machine does makes some calls longer, and none shorter."""
    return sorted(times)[len(times) // 4]


@contextmanager
def _metered(
    groups: Mapping[str, list[nn.Module]], cells: list[ConvRNN], meter: Meter
) -> Iterator[dict[str, list[float]]]:
    """Note by how much a meter moves while parts are at work, and while cells are."""
    found: dict[str, list[float]] = {**{name: [] for name in groups}, "cells": []}
    members = [(name, module) for name, modules in groups.items() for module in modules]
    with ExitStack() as hooks:
        for name, module in [*members, *(("cells", cell) for cell in cells)]:
            begun: list[float] = []

            def before(*_: Any, begun: list[float] = begun) -> None:
                begun.append(meter())

            def after(*_: Any, name: str = name, begun: list[float] = begun) -> None:
                found[name].append(meter() - begun.pop())

            hooks.callback(module.register_forward_pre_hook(before).remove)
            hooks.callback(module.register_forward_hook(after).remove)
        yield found
