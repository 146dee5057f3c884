"""The convolutions that kernels are made of, where memory layouts are in doubt: one channel, one pixel, one picture."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from seqimg.kernels.convolution import (
    SameConv,
    channels_last,
    new_frames,
    transposed,
    weight_and_bias_gradient,
)
from tests.tolerances import STREAMING, relative_error

SHAPES = [(2, 3, 5, 4), (2, 1, 5, 4), (3, 4, 1, 1), (1, 1, 1, 1), (1, 3, 1, 6), (2, 2, 7, 1)]
DTYPES = [torch.float64, torch.float32, torch.bfloat16]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def _layouts(values: Tensor) -> dict[str, Tensor]:
    """The same pictures with each kind of strides; where there is one channel or pixel these differ in name only."""
    batch, channels, height, width = values.shape
    wider = values.new_zeros(batch, channels + 2, height, width)
    wider[:, 1:-1] = values
    return {
        "channels first": values.contiguous().clone(),
        "channels last": channels_last(values).clone(),
        "sliced": wider[:, 1:-1],
        "rows last": values.transpose(2, 3).clone(memory_format=torch.contiguous_format).transpose(2, 3),
    }


@every_shape
def test_channels_last_leaves_no_doubt(shape: tuple[int, int, int, int]) -> None:
    _, channels, height, width = shape
    wanted = (channels * height * width, 1, channels * width, channels)
    values = torch.randn(shape)
    for given in _layouts(values).values():
        found = channels_last(given)
        assert torch.equal(found, values)
        assert found.stride() == wanted
    assert new_frames(3, values, channels)[0].stride() == wanted


@every_shape
@every_dtype
@pytest.mark.parametrize("outputs", [1, 5])
def test_results_whatever_the_layout(
    shape: tuple[int, int, int, int], dtype: torch.dtype, outputs: int
) -> None:
    torch.manual_seed(0)
    x, weight, bias = torch.randn(shape), torch.randn(outputs, shape[1], 3, 3), torch.randn(outputs)
    x, weight, bias = (t.to(dtype) for t in (x, weight, bias))
    conv = SameConv(weight, (2, 1), shape)
    wanted = conv2d(x.double(), weight.double(), bias.double(), padding=(2, 1), dilation=(2, 1))
    for name, given in _layouts(x).items():
        found = conv(given, bias)
        assert found.dtype == dtype
        assert relative_error(found, wanted) < STREAMING[dtype], name
        strided = torch.stack([bias, bias], dim=1)[:, 0]
        assert torch.equal(conv(given, strided), found), name
        for activation in ("sigmoid", "tanh", "relu", "leaky"):
            activated = {"leaky": lambda v: torch.where(v > 0, v, 0.2 * v)}.get(
                activation, getattr(torch, activation, None)
            )
            assert activated is not None
            assert relative_error(conv(given, bias, activation), activated(wanted)) < STREAMING[dtype], (
                activation
            )


@every_shape
@every_dtype
@pytest.mark.parametrize("outputs", [1, 5])
def test_sums_arrive_whatever_the_layouts(
    shape: tuple[int, int, int, int], dtype: torch.dtype, outputs: int
) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(shape).to(dtype), torch.randn(outputs, shape[1], 3, 3).to(dtype)
    total = torch.randn(shape[0], outputs, *shape[2:]).to(dtype)
    conv = SameConv(weight, (1, 1), shape)
    wanted = total.double() + conv2d(x.double(), weight.double(), padding=1)
    for of_x, given in _layouts(x).items():
        for of_total, into in _layouts(total).items():
            conv.add_to(into, given)
            assert relative_error(into, wanted) < STREAMING[dtype], (of_x, of_total)
        assert torch.equal(given, x)


@every_shape
@every_dtype
@pytest.mark.parametrize("outputs", [1, 5])
def test_gradients_are_torchs(shape: tuple[int, int, int, int], dtype: torch.dtype, outputs: int) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(shape).to(dtype), torch.randn(outputs, shape[1], 3, 3).to(dtype)
    gradient = torch.randn(shape[0], outputs, *shape[2:]).to(dtype)
    leaves = [t.double().requires_grad_() for t in (x, weight, torch.zeros(outputs))]
    result = conv2d(leaves[0], leaves[1], leaves[2], padding=1)
    of_x, of_weight, of_bias = torch.autograd.grad(result, leaves, gradient.double())
    for given in _layouts(x).values():
        found, bias = weight_and_bias_gradient(channels_last(gradient), channels_last(given), weight, (1, 1))
        assert relative_error(found, of_weight) < STREAMING[dtype]
        assert relative_error(bias, of_bias) < STREAMING[dtype]
    back = SameConv(transposed(weight), (1, 1), gradient.shape)
    assert relative_error(back(channels_last(gradient)), of_x) < STREAMING[dtype]
