"""Streams prepare their weights once: whatever changes afterwards, the next frame knows."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

from seqimg.kernels import use_kernel
from seqimg.nn import ConvRNN, State, stream_plan
from seqimg.streaming import Stream
from tests.kernels.counters import counted
from tests.nn.layers import clip, every_cell, make
from tests.tolerances import STREAMING, relative_error


def _stream(layer: ConvRNN, x: Tensor) -> tuple[Tensor, State]:
    """Run frame by frame, from a given state: a plan that is still there would be taken."""
    outputs, state = [], layer.initial_state(x)
    with torch.no_grad():
        for t in range(x.shape[1]):
            frame, state = layer(x[:, t : t + 1], state)
            outputs.append(frame)
    return torch.cat(outputs, dim=1), state


def _whole(layer: ConvRNN, x: Tensor) -> Tensor:
    outputs: Tensor = layer(x)[0]
    return outputs.detach()


def _check(layer: ConvRNN, x: Tensor) -> None:
    assert relative_error(_stream(layer, x)[0], _whole(layer, x)) < STREAMING[x.dtype]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_a_stream_prepares_once(dtype: torch.dtype) -> None:
    layer = make("conv_gru").to(dtype)
    x = clip(layer).to(dtype)
    with counted() as calls:
        _stream(layer, x)
    assert calls == {"conv_gru.step/packed": 2, "conv_gru.step/packed frame": 12}
    with counted() as calls:
        layer(x[:, :1])
    assert calls == {"conv_gru.sequence/fused": 2}, "with a gradient it is no stream"


@every_cell
def test_streams_equal_clips(cell: str) -> None:
    layer = make(cell, (3, 3, 2), residual=True)
    _check(layer, clip(layer))


def _optimiser(layer: ConvRNN) -> None:
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.3)
    layer(clip(layer))[0].square().sum().backward()
    optimiser.step()


def _in_place(layer: ConvRNN) -> None:
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(1.5)


def _load(layer: ConvRNN) -> None:
    layer.load_state_dict(make(layer.cells[0].name, seed=5).state_dict())


def _assign(layer: ConvRNN) -> None:
    layer.load_state_dict(make(layer.cells[0].name, seed=5).state_dict(), assign=True)


def _replace(layer: ConvRNN) -> None:
    level = layer.levels[0]
    level["bias_x"] = nn.Parameter(level["bias_x"].detach() + 1)  # type: ignore[index,operator]


def _behind_torchs_back(layer: ConvRNN) -> None:
    layer.train()
    for parameter in layer.parameters():
        parameter.data.mul_(1.5)
    layer.eval()


def _to_and_fro(layer: ConvRNN) -> None:
    _in_place(layer.float())
    layer.double()


class _Half(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return weight / 2


def _parametrize(layer: ConvRNN) -> None:
    parametrize.register_parametrization(layer.levels[0], "weight_h", _Half())


CHANGES: list[Callable[[ConvRNN], None]] = [
    _optimiser,
    _in_place,
    _load,
    _assign,
    _replace,
    _behind_torchs_back,
    _to_and_fro,
    _parametrize,
]


@pytest.mark.parametrize("cell", ["conv_gru", "conv_lstm"])
@pytest.mark.parametrize("change", CHANGES)
def test_changed_weights_count_from_the_next_frame(cell: str, change: Callable[[ConvRNN], None]) -> None:
    layer = make(cell)
    x = clip(layer)
    before, _ = _stream(layer, x)
    change(layer)
    _check(layer, x)
    assert relative_error(_whole(layer, x), before) > 1e-3
    if change is _parametrize:
        with torch.no_grad():
            layer.levels[0].parametrizations.weight_h.original.mul_(3)  # type: ignore[union-attr,operator]
        _check(layer, x)


def test_spectral_norm_streams() -> None:
    layer = make("conv_gru")
    spectral_norm(layer.levels[0], "weight_h")
    x = clip(layer)
    _check(layer.eval(), x)
    layer.train()(x)
    _check(layer.eval(), x)


@pytest.mark.parametrize(
    ("option", "value"), [("zoneout", 0.4), ("residual", True), ("kernel", "reference"), ("kernel", "fused")]
)
def test_changed_options_count_from_the_next_frame(option: str, value: Any) -> None:
    layer = make("conv_gru", (2, 2))
    x = clip(layer)
    _stream(layer, x)
    setattr(layer, option, value)
    with counted() as calls:
        _check(layer, x)
    if option == "kernel":
        assert {name.removesuffix(" frame").split("/")[1] for name in calls} == {value}


def test_dropout_in_training_is_not_forgotten() -> None:
    """As those do who draw several predictions from one model."""
    layer = make("conv_gru", (8, 8), dropout=0.5)
    x = clip(layer, frames=2)
    calm, _ = _stream(layer, x)
    layer.train()
    assert relative_error(_stream(layer, x)[0], calm) > 1e-2
    assert relative_error(_stream(layer.eval(), x)[0], calm) < STREAMING[torch.float64]


def test_a_kernel_asked_for_in_the_middle_takes_over() -> None:
    layer = make("conv_gru")
    x = clip(layer, frames=2)
    _stream(layer, x)
    with use_kernel("reference"), counted() as calls:
        _stream(layer, x)
    assert {name.removesuffix(" frame") for name in calls} == {"conv_gru.step/reference"}


def test_frames_of_other_sizes_and_batches_take_turns() -> None:
    layer = make("conv_gru")
    shapes = [{"size": (4, 5)}, {"size": (6, 3)}, {"size": (4, 5)}, {"batch": 1}, {"size": (1, 1)}]
    for shape in shapes:
        _check(layer, clip(layer, **shape))  # type: ignore[arg-type]


def test_two_streams_of_one_layer_do_not_mix() -> None:
    layer = make("conv_lstm")
    one, two = clip(layer), clip(layer)
    wanted = _stream(layer, one)[0], _stream(layer, two)[0]
    states: list[State | None] = [None, None]
    with torch.no_grad():
        for t in range(6):
            for stream, x in enumerate((one, two)):
                frame, states[stream] = layer(x[:, t : t + 1], states[stream])
                assert torch.equal(frame[:, 0], wanted[stream][:, t])


def test_a_copy_streams_with_weights_of_its_own() -> None:
    layer = make("conv_gru")
    x = clip(layer)
    wanted, _ = _stream(layer, x)
    other = deepcopy(layer)
    _in_place(other)
    assert relative_error(_stream(other, x)[0], wanted) > 1e-3
    assert torch.equal(_stream(layer, x)[0], wanted)


@every_cell
@pytest.mark.parametrize("written", ["outputs", "state", "frame"])
def test_writing_into_what_a_step_took_or_gave_changes_nothing_else(cell: str, written: str) -> None:
    """A ReLU in place behind the layer, say."""
    layer = make(cell)
    x = clip(layer, frames=3)
    wanted, _ = _stream(layer, x)
    state: State | None = None
    with torch.no_grad():
        for t in range(3):
            frame = x[:, t : t + 1].clone()
            outputs, after = layer(frame, state)
            assert torch.equal(outputs[:, 0], wanted[:, t])
            if written == "outputs":
                outputs.zero_()
            elif written == "frame":
                frame.zero_()
            elif state is not None:
                for before in state:
                    before.zero_()
            state = after


def test_streams_under_inference_mode_equal_those_without_gradients() -> None:
    layer = make("conv_gru")
    x = clip(layer)
    wanted, _ = _stream(layer, x)
    with torch.inference_mode():
        found, state = _stream(layer, x)
    assert torch.equal(found, wanted)
    with torch.no_grad():
        layer(x[:, :1], state)


def test_streams_of_several_sizes_keep_their_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, made = ConvRNN(2, 3).eval(), 0
    prepare = stream_plan.StreamPlan.__init__

    def noted(self: stream_plan.StreamPlan, *given: Any) -> None:
        nonlocal made
        made += 1
        prepare(self, *given)

    monkeypatch.setattr(stream_plan.StreamPlan, "__init__", noted)
    streams = [Stream(layer) for _ in range(3)]
    for _ in range(4):
        for stream, side in zip(streams, (6, 8, 10), strict=True):
            stream.step(torch.rand(2, side, 6))
    assert made == 3
    with torch.no_grad():
        next(layer.parameters()).add_(1)
    streams[0].step(torch.rand(2, 6, 6))
    assert made == 4
    assert len(stream_plan._PLANS[layer]) == 1  # those for the weights as they were are gone
