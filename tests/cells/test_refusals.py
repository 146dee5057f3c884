"""Impossible options: one clear error each, naming the cell, the option and the value."""

import pytest

from seqimg.errors import UsageError
from seqimg.plugins.manager import plugin_host

CONVOLUTIONAL = ["conv_gru", "conv_gru_lite", "depthwise_conv_gru", "min_conv_gru", "conv_lstm", "traj_gru"]
EVERY = [*CONVOLUTIONAL, "sep_conv_gru", "gru", "lstm"]


def _refusal(name: str, options: dict[str, object]) -> str:
    cell = plugin_host().cells.load(name)
    with pytest.raises(UsageError) as caught:
        cell(**{"input_channels": 4, "hidden_channels": 6} | options)
    assert caught.value.why
    assert caught.value.message.startswith(name)
    assert str(caught.value).count("\n") <= 2
    return str(caught.value)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"hidden_channels": 0}, "0 hidden"),
        ({"hidden_channels": 1.5}, "1.5 hidden"),
        ({"hidden_channels": True}, "True hidden"),
        ({"input_channels": -1}, "-1 input"),
        ({"input_channels": "3"}, "3 input"),
    ],
)
def test_channels(name: str, options: dict[str, object], named: str) -> None:
    assert named in _refusal(name, options)


@pytest.mark.parametrize("name", [*CONVOLUTIONAL, "sep_conv_gru"])
@pytest.mark.parametrize("size", [4, 0, -3, 2.0, "3", True, None])
def test_kernel_sizes(name: str, size: object) -> None:
    assert f"kernel_size={size!r}" in _refusal(name, {"kernel_size": size})


@pytest.mark.parametrize("name", CONVOLUTIONAL)
@pytest.mark.parametrize("size", [(3, 2), (3,), (3, 3, 3), (3, 1.0)])
def test_pairs_of_kernel_sizes(name: str, size: object) -> None:
    assert f"kernel_size={size!r}" in _refusal(name, {"kernel_size": size})


def test_an_even_kernel_gets_the_nearest_odd_one() -> None:
    assert "Try: kernel_size=3" in _refusal("conv_gru", {"kernel_size": 4})
    assert "Try: input_kernel_size=(1, 5)" in _refusal("conv_lstm", {"input_kernel_size": (2, 5)})


@pytest.mark.parametrize("name", ["conv_gru", "conv_lstm"])
@pytest.mark.parametrize("option", ["dilation", "input_dilation"])
@pytest.mark.parametrize("value", [0, (1, 0), 1.5])
def test_dilations(name: str, option: str, value: object) -> None:
    assert f"{option}={value!r}" in _refusal(name, {option: value})


@pytest.mark.parametrize(
    ("name", "options", "named"),
    [
        ("conv_gru", {"groups": 4}, "it has to divide 4 input and 6 hidden channels"),
        ("conv_gru", {"groups": 3}, "groups=3"),
        ("conv_gru", {"groups": 0}, "groups=0"),
        ("conv_gru", {"groups": 1.0}, "groups=1.0"),
        ("conv_gru", {"reset": "middle"}, "'middle'"),
        ("conv_gru", {"reset": "befor"}, "Try: reset='before'"),
        ("conv_gru", {"activation": "relu6"}, "Try: activation='relu'"),
        ("conv_gru", {"activation": "linear"}, "tanh, relu, leaky"),
        ("conv_gru", {"activation": ["tanh"]}, "['tanh']"),
        ("depthwise_conv_gru", {"reset": "never"}, "'never'"),
        ("gru", {"reset": "never"}, "'never'"),
        ("min_conv_gru", {"activation": "sine"}, "tanh, relu, leaky, linear"),
        ("traj_gru", {"activation": "linear"}, "'linear'"),
        ("traj_gru", {"links": 0}, "links=0"),
        ("traj_gru", {"flow_channels": "8"}, "flow_channels='8'"),
        ("sep_conv_gru", {"kernel_size": (1, 5)}, "kernel_size=(1, 5)"),
        ("conv_lstm", {"peepholes": "yes"}, "peepholes='yes'"),
    ],
)
def test_options(name: str, options: dict[str, object], named: str) -> None:
    assert named in _refusal(name, options)
