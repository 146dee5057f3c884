"""One frame after another without a gradient: everything that can be decided once is decided once."""

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from seqimg.kernels import asked_for, offers
from seqimg.kernels.step import Step

if TYPE_CHECKING:
    from seqimg.nn.conv_rnn import ConvRNN

__all__ = ["StreamPlan", "forget_plan", "is_stream_call", "known_plan", "new_plan"]

_Key = tuple[object, ...]
_PLANS: "WeakKeyDictionary[ConvRNN, dict[_Key, StreamPlan]]" = WeakKeyDictionary()
"""The plans each layer used last; not in the layers themselves, which people copy."""

_MOST = 4  # sizes of frames that streams over one layer may have before plans are made again and again


class StreamPlan:
    """A layer's steps, prepared for frames and states of one shape and for the weights as they are.

    Args:
        layer: A layer of one direction.
        x: A frame `[B, 1, C, H, W]`.
        state: The state before it.
    """

    def __init__(self, layer: "ConvRNN", x: Tensor, state: tuple[Tensor, ...]) -> None:
        self.residual = layer.residual
        self.cells = layer.cells
        self.steps: list[Step] = []
        frame = x[:, 0]
        for level, before in zip(layer.each_level(), state, strict=True):
            self.steps.append(level.prepared_step(frame, before, layer.kernel))
            frame = level.cell.output(before)

    def __call__(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Run one frame."""
        frame, after = x[:, 0], []
        for step, cell, before in zip(self.steps, self.cells, state, strict=True):
            last = step(frame, before)
            after.append(last)
            output = cell.output(last)
            frame = output + frame if self.residual and output.shape == frame.shape else output
        if frame.untyped_storage().data_ptr() == last.untyped_storage().data_ptr():
            frame = frame.clone()  # callers may write into outputs: the state has to stay as it is
        return frame.unsqueeze(1), tuple(after)


def _key(layer: "ConvRNN", x: Tensor, state: tuple[Tensor, ...]) -> tuple[_Key, _Key]:
    """Return what a plan was made for: the layer as it is now, and the frame with the state."""
    # Of the layer as it is now, for a parameter may be another object than it was; `parameters()` is slow.
    levels = (level._parameters.values() for level in layer.each_level())
    now = [parameter for level in levels for parameter in level if parameter is not None]
    weights = tuple((p.data_ptr(), -1 if p.is_inference() else p._version) for p in now)
    states = tuple((s.shape, s.dtype, s.device) if isinstance(s, Tensor) else None for s in state)
    options = layer.residual, layer.zoneout, layer.training and layer.dropout, asked_for(layer.kernel)
    return (weights, options), (x.shape, x.dtype, x.device, states)


def is_stream_call(x: Tensor) -> bool:
    """Whether a call may be a step of a stream: one frame, nothing to differentiate, nothing to trace."""
    return (
        isinstance(x, Tensor)
        and x.ndim > 1
        and x.shape[1] == 1
        and not torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and not torch.is_autocast_enabled(x.device.type)
    )


def known_plan(layer: "ConvRNN", x: Tensor, state: tuple[Tensor, ...] | None) -> StreamPlan | None:
    """Return a plan that the layer has used lately, if one serves this frame and state."""
    found = _PLANS.get(layer)
    return None if found is None or state is None else found.get(_key(layer, x, state))


def new_plan(layer: "ConvRNN", x: Tensor, state: tuple[Tensor, ...]) -> StreamPlan | None:
    """Make and keep a plan for a frame and a state that fit the layer, or return None if it cannot stream."""
    levels = list(layer.each_level())
    if layer.zoneout or layer.backward_levels is not None or (layer.dropout and layer.training):
        return None
    if any(level.norm_groups or level._modules for level in levels):
        return None  # parametrised weights are computed, and their sources nobody watches
    if not all(offers(f"{level.cell.family}.step", layer.kernel) for level in levels):
        return None
    if any(p.is_inference() for p in layer.levels.parameters()):
        return None  # such weights keep no count of their changes
    key, plan = _key(layer, x, state), StreamPlan(layer, x, state)
    others = [(of, other) for of, other in _PLANS.get(layer, {}).items() if of[0] == key[0] and of != key]
    _PLANS[layer] = {**dict(others[-(_MOST - 1) :]), key: plan}
    return plan


def forget_plan(layer: "ConvRNN") -> None:
    """Make a new plan next time, whatever the weights seem to be."""
    _PLANS.pop(layer, None)
