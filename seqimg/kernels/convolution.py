"""Convolutions as the fused kernels want them: channels last, weights packed once, results added in place."""

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from seqimg.cells.gating import LEAKY_SLOPE
from seqimg.kernels.arithmetic import activate

__all__ = [
    "SameConv",
    "channels_last",
    "new_frames",
    "packs",
    "transposed",
    "weight_and_bias_gradient",
    "weight_gradient",
]

_ONE_DNN_DTYPES = (torch.float32, torch.bfloat16)
_ONE_DNN_ACTIVATIONS: dict[str, tuple[str, list[float]]] = {
    "linear": ("none", []),
    "sigmoid": ("sigmoid", []),
    "tanh": ("tanh", []),
    "relu": ("relu", []),
    "leaky": ("leaky_relu", [LEAKY_SLOPE]),
}
"""What they are called where they are part of a convolution, and their parameters."""


class SameConv:
    """A convolution of stride 1 that keeps the size of channels-last pictures.

    On a CPU with oneDNN the weights are brought into its blocked form once, and results can be
    added to a tensor without a pass of their own; elsewhere the same is done with plain torch.

    Args:
        weight: `[O, I, kh, kw]`, odd sizes.
        dilation: Vertical and horizontal.
        pictures: `[N, I, H, W]`, the shape that most calls will have.
    """

    def __init__(self, weight: Tensor, dilation: Sequence[int], pictures: Sequence[int]) -> None:
        self.dilation = list(dilation)
        self.padding = _same(weight.shape, dilation)
        self.weight = weight.contiguous(memory_format=torch.channels_last)
        self._packed: Tensor | None = None
        if packs(weight.device.type, weight.dtype):
            self._packed = torch.ops.mkldnn._reorder_convolution_weight(
                self.weight, self.padding, [1, 1], self.dilation, 1, list(pictures)
            )

    def __call__(self, pictures: Tensor, bias: Tensor | None = None, activation: str = "linear") -> Tensor:
        """Return the activated convolution of `pictures` `[N, I, H, W]`, freshly allocated."""
        if self._packed is not None and _is_channels_last(pictures):
            name, scalars = _ONE_DNN_ACTIVATIONS[activation]
            bias = None if bias is None else bias.contiguous()  # oneDNN reads it without a look at its stride
            result: Tensor = torch.ops.mkldnn._convolution_pointwise.default(
                _beyond_doubt(pictures), self._packed, bias, self.padding, [1, 1], self.dilation, 1, name, scalars, ""
            )  # fmt: skip
            return result
        plain = conv2d(pictures, self.weight, bias, padding=self.padding, dilation=self.dilation)
        activate(plain, activation)
        return plain

    def add_to(self, total: Tensor, pictures: Tensor) -> None:
        """Add the convolution of `pictures` `[N, I, H, W]` to `total` `[N, O, H, W]`, in place."""
        if self._packed is not None and _is_channels_last(pictures) and _is_channels_last(total):
            torch.ops.mkldnn._convolution_pointwise_.binary(
                _beyond_doubt(total), _beyond_doubt(pictures), self._packed,
                None, self.padding, [1, 1], self.dilation, 1, "add", 1.0, None, [], None
            )  # fmt: skip
        else:
            total.add_(conv2d(pictures, self.weight, padding=self.padding, dilation=self.dilation))


def transposed(weight: Tensor) -> Tensor:
    """Return the weights `[I, O, kh, kw]` whose convolution is the gradient of `weight`'s for its input."""
    return weight.flip(2, 3).transpose(0, 1)


def weight_gradient(gradient: Tensor, pictures: Tensor, weight: Tensor, dilation: Sequence[int]) -> Tensor:
    """Return the gradient of a convolution's weight.

    Args:
        gradient: That of its results, `[N, O, H, W]`.
        pictures: What was convolved, `[N, I, H, W]`.
        weight: `[O, I, kh, kw]`; only shape and dtype matter.
        dilation: Vertical and horizontal.
    """
    return _gradients(gradient, pictures, weight, dilation, bias=False)[0]


def weight_and_bias_gradient(
    gradient: Tensor, pictures: Tensor, weight: Tensor, dilation: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Return the gradients of a convolution's weight and bias; arguments as of `weight_gradient`."""
    if weight.dtype == torch.bfloat16:
        return _gradients(gradient, pictures, weight, dilation, bias=True)
    # In fp32 the sum inside oneDNN takes longer than one of its own.
    return weight_gradient(gradient, pictures, weight, dilation), gradient.sum((0, 2, 3))


def new_frames(frames: int, like: Tensor, channels: int, dtype: torch.dtype | None = None) -> Tensor:
    """Return uninitialised frames `[frames, B, channels, H, W]`, channels last, for `like [B, …, H, W]`."""
    batch, _, height, width = like.shape
    return like.new_empty(frames, batch, height, width, channels, dtype=dtype).permute(0, 1, 4, 2, 3)


def channels_last(pictures: Tensor) -> Tensor:
    """Return `pictures` `[N, C, H, W]` with the channels of a pixel side by side."""
    return _beyond_doubt(pictures.contiguous(memory_format=torch.channels_last))


def _gradients(
    gradient: Tensor, pictures: Tensor, weight: Tensor, dilation: Sequence[int], *, bias: bool
) -> tuple[Tensor, Tensor]:
    outputs, padding = weight.shape[0], _same(weight.shape, dilation)
    wanted = [False, True, bias]
    # Its values are not looked at, but another layout than that of the pictures would be brought into it.
    shape = torch.empty_like(weight, memory_format=torch.channels_last)
    _, of_weight, of_bias = torch.ops.aten.convolution_backward(
        gradient, pictures, shape, [outputs], [1, 1], padding, list(dilation), False, [0, 0], 1, wanted
    )
    return of_weight, of_bias


def _same(shape: Sequence[int], dilation: Sequence[int]) -> list[int]:
    return [(size - 1) // 2 * step for size, step in zip(shape[2:], dilation, strict=True)]


def _is_channels_last(pictures: Tensor) -> bool:
    return pictures.is_contiguous(memory_format=torch.channels_last)


def _beyond_doubt(pictures: Tensor) -> Tensor:
    """Return channels-last pictures with strides that nothing else has.

    Where there is one channel or one pixel, both layouts are the same memory, and strides alone tell which
    is meant. Convolutions that guess wrong are up to eight times as slow, and the in-place form of
    oneDNN's then works on a copy, and loses it.
    """
    if not pictures.is_contiguous():
        return pictures
    _, channels, height, width = pictures.shape
    strides = (channels * height * width, 1, channels * width, channels)
    return pictures.as_strided(pictures.shape, strides)


def packs(device: str, dtype: torch.dtype) -> bool:
    """Whether convolutions there have packed weights and activations of their own."""
    usable = device == "cpu" and dtype in _ONE_DNN_DTYPES and _has_one_dnn(dtype)
    return usable and bool(torch.backends.mkldnn.enabled)


@cache
def _has_one_dnn(dtype: torch.dtype) -> bool:
    if not torch.backends.mkldnn.is_available():
        return False
    names = ("_convolution_pointwise", "_convolution_pointwise_", "_reorder_convolution_weight")
    if not all(hasattr(torch.ops.mkldnn, name) for name in names):
        return False
    return dtype != torch.bfloat16 or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
