"""The same values in other memory: layouts that callers hand to a kernel without a thought."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from seqimg.testing.calls import Call

__all__ = [
    "CLIPS",
    "LAYOUTS",
    "STATES",
    "WEIGHTS",
    "Layout",
    "channel_sliced",
    "channels_last",
    "of_clips",
    "of_maps",
    "of_states",
    "of_weights",
    "same_for_all",
    "still",
    "time_first",
    "time_sliced",
    "transposed",
]

Layout = Callable[[Tensor], Tensor]


def channels_last(tensor: Tensor) -> Tensor:
    """Put the channels of a pixel side by side; the channels are the third axis from the right."""
    return tensor.movedim(-3, -1).contiguous().movedim(-1, -3)


def time_sliced(tensor: Tensor) -> Tensor:
    """Take every second frame of a longer clip; the second axis is the time."""
    longer = tensor.new_full((tensor.shape[0], 2 * tensor.shape[1], *tensor.shape[2:]), torch.nan)
    longer[:, ::2] = tensor
    return longer[:, ::2]


def channel_sliced(tensor: Tensor) -> Tensor:
    """Take the middle channels of wider pictures."""
    *lead, channels, height, width = tensor.shape
    wider = tensor.new_full((*lead, channels + 2, height, width), torch.nan)
    wider[..., 1:-1, :, :] = tensor
    return wider[..., 1:-1, :, :]


def transposed(tensor: Tensor) -> Tensor:
    """Run down the columns first."""
    return tensor.transpose(-1, -2).contiguous().transpose(-1, -2)


def time_first(tensor: Tensor) -> Tensor:
    """Keep the frames of a batch side by side."""
    return tensor.transpose(0, 1).contiguous().transpose(0, 1)


def same_for_all(tensor: Tensor) -> Tensor:
    """Repeat the first sample without a copy."""
    return tensor[:1].expand_as(tensor)


def still(tensor: Tensor) -> Tensor:
    """Repeat the first frame without a copy."""
    return tensor[:, :1].expand_as(tensor)


CLIPS: dict[str, Layout] = {
    "channels last": channels_last,
    "time sliced": time_sliced,
    "channel sliced": channel_sliced,
    "transposed": transposed,
    "time first": time_first,
    "one sample for all": same_for_all,
    "one frame for all": still,
}
"""For clips `[B, T, C, H, W]`."""

STATES: dict[str, Layout] = {
    "channels last": channels_last,
    "channel sliced": channel_sliced,
    "transposed": transposed,
    "one state for all": same_for_all,
    "one number a channel": lambda tensor: tensor[:1, :, :1, :1].expand_as(tensor),
}
"""For states `[B, C, H, W]`."""

WEIGHTS: dict[str, Layout] = {
    "channels last": lambda weight: channels_last(weight) if weight.ndim == 4 else weight,
    "sliced": lambda weight: channel_sliced(weight) if weight.ndim == 4 else weight.repeat_interleave(2)[::2],
    "one for all": lambda weight: weight[:1].expand_as(weight),
}
"""For parameters."""


def of_clips(layout: Layout) -> Callable[[Call], Call]:
    """Lay out the frames, and the gradient of the outputs, like that."""
    return lambda call: replace(call, x=layout(call.x), d_outputs=layout(call.d_outputs))


def of_states(layout: Layout) -> Callable[[Call], Call]:
    """Lay out the first state, and the gradient of the last, like that."""
    return lambda call: replace(call, state=layout(call.state), d_last=layout(call.d_last))


def of_weights(layout: Layout) -> Callable[[Call], Call]:
    """Lay out the parameters like that."""
    return lambda call: replace(call, weights={name: layout(w) for name, w in call.weights.items()})


def of_maps(call: Call) -> Call:
    """Lay out what controls the state as callers broadcast it: expanded from as little as there is."""
    bias, update, keep = call.controls.gate_bias, call.controls.update, call.controls.keep
    frames, size = call.x.shape[1], call.x.shape[3:]
    assert bias is not None
    assert update is not None
    assert keep is not None
    controls = replace(
        call.controls,
        keep=keep[:1].expand_as(keep),
        gate_bias=bias[:1, :1].expand(len(bias), frames, -1, *size),
        update=update[:, :1, :1].expand(-1, frames, call.state.shape[1], *size),
    )
    return replace(call, controls=controls)


LAYOUTS: dict[str, Callable[[Call], Call]] = {
    **{f"frames: {name}": of_clips(layout) for name, layout in CLIPS.items()},
    **{f"state: {name}": of_states(layout) for name, layout in STATES.items()},
    **{f"weights: {name}": of_weights(layout) for name, layout in WEIGHTS.items()},
}
