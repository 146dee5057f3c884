"""What does not fit a layer: one clear error each, of at most three lines."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from seqimg.errors import SeqimgError, UnavailableError, UsageError
from seqimg.nn import ConvGRU, ConvLSTM, ConvRNN

X = torch.zeros(2, 5, 3, 6, 4)


def refusal(call: Callable[[], Any], kind: type[SeqimgError] = SeqimgError) -> str:
    with pytest.raises(kind) as caught:
        call()
    text = str(caught.value)
    assert type(caught.value) is kind
    assert len(text.splitlines()) <= 3
    return text


@pytest.mark.parametrize(
    ("clip", "cell", "named"),
    [
        (X[0], "conv_gru", "x.unsqueeze(1) for single frames"),
        (X[0, 0], "conv_gru", "[B, T, C, H, W]"),
        (X[None], "conv_gru", "(1, 2, 5, 3, 6, 4)"),
        (X, "gru", "[B, T, C]"),
        (X[:, :, :, 0, 0], "conv_lstm", "[B, T, C, H, W]"),
        (X[:, :0], "conv_gru", "at least one frame"),
        (X[:, :, :, :0], "conv_gru", "(2, 5, 3, 0, 4)"),
        (X[:, :, :2], "conv_gru", "built for 3 input channels, the frames have 2"),
        (X.byte(), "conv_gru", "x.float() / 255"),
        (X.bool(), "conv_gru", "torch.bool"),
        (X.to(torch.complex64), "conv_gru", "torch.complex64"),
        (X.numpy(), "conv_gru", "ndarray, it has to be a tensor"),
        (None, "conv_gru", "NoneType"),
    ],
)
def test_clips(clip: Any, cell: str, named: str) -> None:
    layer = ConvRNN(3, 4, cell=cell)
    assert named in refusal(lambda: layer(clip))
    with torch.no_grad():  # streams are checked too
        assert named in refusal(lambda: layer(clip))


@pytest.mark.parametrize(
    ("state", "named"),
    [
        ((), "has 0 levels, this layer has 2"),
        ((X[:, 0, :1],), "has 1 levels"),
        (torch.zeros(2, 4, 6, 4), "these frames need"),
        ((None, None), "state of level 0 is NoneType"),
        ((torch.zeros(2, 4, 6, 4), torch.zeros(2, 5, 6, 4)), "state of level 1"),
        ((torch.zeros(2, 4, 6, 4), torch.zeros(1, 4, 6, 4)), "(1, 4, 6, 4)"),
        ((torch.zeros(2, 4, 6, 4), torch.zeros(2, 4, 4, 6)), "(2, 4, 4, 6)"),
        ((torch.zeros(2, 4, 6, 4), torch.zeros(2, 4, 6, 4).double()), "torch.float64"),
        ((torch.zeros(2, 4, 6, 4), torch.zeros(2, 4, 6, 4, device="meta")), "on meta"),
    ],
)
@pytest.mark.parametrize("frames", [5, 1])
def test_states(state: Any, named: str, frames: int) -> None:
    layer = ConvRNN(3, [4, 4])
    x = X[:, :frames]
    with torch.no_grad():
        layer(x, layer.initial_state(x))
        assert named in refusal(lambda: layer(x, state))
    text = refusal(lambda: layer(x, state))
    assert named in text


def test_a_state_of_one_direction_does_not_fit_two() -> None:
    one, two = ConvRNN(3, 4), ConvRNN(3, 4, bidirectional=True)
    assert "has 1 levels, this layer has 2" in refusal(lambda: two(X, one(X)[1]))


BIAS = torch.zeros(2, 12, 6, 4)


@pytest.mark.parametrize(
    ("controls", "named"),
    [
        ({"lengths": torch.tensor([1.0, 2.0])}, "torch.float32 (2,)"),
        ({"lengths": torch.tensor([True, True])}, "torch.bool"),
        ({"lengths": torch.tensor([1, 2, 3])}, "(3,)"),
        ({"lengths": torch.tensor(3)}, "whole numbers (2,)"),
        ({"lengths": torch.tensor([1, 6])}, "[1, 6], the clip has 5 frames"),
        ({"lengths": torch.tensor([-1, 5])}, "[-1, 5]"),
        ({"lengths": [1, 5]}, "list, it has to be a tensor"),
        ({"reset_mask": torch.zeros(5, 2)}, "(5, 2), the frames need (2, 5)"),
        ({"reset_mask": torch.zeros(2)}, "the frames need (2, 5)"),
        ({"reset_mask": [[False] * 5] * 2}, "reset_mask is list"),
        ({"gate_bias": BIAS[:1]}, "(1, 1, 12, 6, 4), it has to fit (2, 5, 12, 6, 4)"),
        ({"gate_bias": BIAS[:, :11]}, "it has to fit"),
        ({"gate_bias": BIAS[:, :, :5]}, "may also be 1"),
        ({"gate_bias": BIAS[:, None].expand(2, 4, 12, 6, 4)}, "(2, 4, 12, 6, 4)"),
        ({"gate_bias": BIAS[:, :, 0, 0]}, "(2, 12)"),
        ({"gate_bias": [BIAS, BIAS]}, "given for 2 levels, this layer has 1"),
        ({"gate_bias": [1.0]}, "gate_bias of level 0 is float"),
    ],
)
def test_controls(controls: dict[str, Any], named: str) -> None:
    layer = ConvRNN(3, 4)
    assert named in refusal(lambda: layer(X, **controls))
    if "lengths" in controls or "reset_mask" in controls:
        assert named in refusal(lambda: next(layer.truncated(X, 2, **controls)))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"dropout": 1}, "dropout=1 is no probability"),
        ({"dropout": -0.1}, "dropout=-0.1"),
        ({"dropout": float("nan")}, "dropout=nan"),
        ({"dropout": "0.1"}, "dropout='0.1'"),
        ({"zoneout": 1.5}, "zoneout=1.5"),
        ({"zoneout": None}, "zoneout=None"),
        ({"start": "lerned"}, "start='lerned'"),
        ({"norm_groups": 3}, "norm_groups=3 does not divide the 4 channels"),
        ({"norm_groups": -1}, "norm_groups=-1"),
        ({"norm_groups": True}, "norm_groups=True"),
        ({"norm_groups": 2.0}, "norm_groups=2.0"),
        ({"cell": "gru", "norm_groups": 4}, "groups of one number"),
        ({"cell": "traj_gru", "norm_groups": 1, "flow_channels": 5}, "17 channels of pre-activations"),
        ({"kernel_size": 4}, "Try: kernel_size=3"),
        ({"kernel_size": (3, 2)}, "kernel_size=(3, 2)"),
        ({"kernal_size": 5}, "Try: kernel_size=5"),
        ({"bidirectonal": True}, "Try: bidirectional=True"),
        ({"cell": "conv_lstm", "reset": "after"}, "neither ConvRNN nor cell conv_lstm has an option 'reset'"),
        ({"cell": "lstm", "kernel_size": 3}, "options of lstm: none"),
        ({"reset": "later"}, "reset='later'"),
        ({"groups": 3}, "groups=3"),
    ],
)
def test_options(options: dict[str, Any], named: str) -> None:
    assert named in refusal(lambda: ConvRNN(3, 4, **options), UsageError)


@pytest.mark.parametrize("widths", [[], (), 1.5, None, "64", [4, 0], [4.0], -1, True])
def test_widths(widths: Any) -> None:
    text = refusal(lambda: ConvRNN(3, widths), UsageError)
    assert "hidden" in text


@pytest.mark.parametrize(
    ("cell", "near"), [("conv_gur", "conv_gru"), ("ConvLSTM", None), ("convlstm", "conv_lstm")]
)
def test_unknown_cells(cell: str, near: str | None) -> None:
    text = refusal(lambda: ConvRNN(3, 4, cell=cell), UnavailableError)
    assert f"there is no cell {cell!r}" in text
    assert "known: conv_gru, " in text
    if near:
        assert f"did you mean {near}?" in text


def test_conveniences_refuse_like_the_layer_itself() -> None:
    assert "Try: kernel_size=3" in refusal(lambda: ConvGRU(3, 4, kernel_size=4), UsageError)
    assert "peepholes='yes'" in refusal(lambda: ConvLSTM(3, 4, peepholes="yes"), UsageError)  # type: ignore[arg-type]


@pytest.mark.parametrize("every", [0, -2])
def test_truncated_needs_frames(every: int) -> None:
    layer = ConvRNN(3, 4)
    assert f"every={every}" in refusal(lambda: next(layer.truncated(X, every)), UsageError)
    assert "[B, T, C, H, W]" in refusal(lambda: next(layer.truncated(X[0], 2)))
