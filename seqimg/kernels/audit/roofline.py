"""What the launches of a cell could cost on a GPU: an estimate from bytes and operations, not a measurement.

Each launch is charged the longer of its bytes at the memory's speed and its operations at the matrix
units' speed, both derated by the fractions below, plus a fixed gap between launches as in a CUDA graph.
Caches are ignored: what one launch leaves in L2 for the next makes small pictures faster than this.
Convolutions of cuDNN and of `triton_conv` are charged alike, which flatters `triton_conv`: public
evidence has Triton's mostly slower.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from seqimg.errors import UsageError
from seqimg.kernels.audit.cases import CALLS, Operands, Size, meta
from seqimg.kernels.triton_gates.launch import record

__all__ = ["DEVICES", "SHAPES", "Device", "Estimate", "estimate"]

_GAP = 2e-6  # seconds a launch
_OF_BANDWIDTH = 0.8
_OF_PEAK = 0.6
_DATA = 2  # bytes: bf16
_TAPS = 9

SHAPES = ((4, 10, 64, 64, 64), (8, 10, 64, 32, 32), (16, 10, 64, 16, 16), (8, 10, 64, 128, 128))
"""B, T, C, H, W; the input has C channels, too."""


@dataclass(frozen=True)
class Device:
    """A GPU by its data sheet.

    Attributes:
        name: As it is sold.
        bandwidth: Bytes a second.
        operations: Dense bf16 operations a second.
    """

    name: str
    bandwidth: float
    operations: float


DEVICES = (Device("A100 SXM 80 GB", 2.039e12, 312e12), Device("H100 SXM", 3.35e12, 989e12))


@dataclass(frozen=True)
class Estimate:
    """The estimated cost of one pass over a clip.

    Attributes:
        cell: The cell.
        kernel: `triton` or `triton_conv`.
        direction: `forward` or `backward`.
        shape: B, T, C, H, W.
        device: The GPU.
        launches: How many there are.
        megabytes: What they move, 10⁶ bytes.
        gigaflops: What they compute, 10⁹ operations.
        microseconds: All of it.
        limit: The convolutions alone, microseconds.
    """

    cell: str
    kernel: str
    direction: str
    shape: tuple[int, ...]
    device: str
    launches: int
    megabytes: float
    gigaflops: float
    microseconds: float
    limit: float


@dataclass(frozen=True)
class _Work:
    bytes: float
    flops: float
    times: int = 1


_Plan = Callable[[Size], list[_Work]]


def estimate(
    shapes: Sequence[tuple[int, ...]] = SHAPES, devices: Sequence[Device] = DEVICES
) -> list[Estimate]:
    """Estimate every cell that has Triton kernels, in bf16 with 3×3 kernels.

    Args:
        shapes: B, T, C, H, W of clips.
        devices: GPUs.

    Raises:
        UsageError: A shape is not five positive numbers.

    Example:
        >>> rows = estimate([(8, 10, 64, 32, 32)])
        >>> {row.launches for row in rows if row.cell == "min_conv_gru" and row.direction == "forward"}
        {2}
    """
    for shape in shapes:
        if len(shape) != 5 or min(shape) < 1:
            raise UsageError(
                f"{','.join(map(str, shape))} is no shape", why="B,T,C,H,W are five positive whole numbers"
            )
    return [
        _row(cell, kernel, direction, shape, device, plan)
        for shape in shapes
        for device in devices
        for (cell, kernel, direction), plan in _PLANS.items()
    ]


def _row(
    cell: str, kernel: str, direction: str, shape: tuple[int, ...], device: Device, plan: _Plan
) -> Estimate:
    b, t, c, h, w = shape
    size = Size(b, h, w, c, t)
    works = plan(size)
    convolutions = _PLANS[cell, "triton", direction](size)
    return Estimate(
        cell=cell,
        kernel=kernel,
        direction=direction,
        shape=shape,
        device=device.name,
        launches=sum(work.times for work in works),
        megabytes=round(sum(work.bytes * work.times for work in works) / 1e6, 3),
        gigaflops=round(sum(work.flops * work.times for work in works) / 1e9, 3),
        microseconds=round(_seconds(works, device) * 1e6, 1),
        limit=round(_seconds([work for work in convolutions if work.flops], device) * 1e6, 1),
    )


def _seconds(works: Sequence[_Work], device: Device) -> float:
    return sum(
        work.times
        * (
            _GAP
            + max(
                work.bytes / (device.bandwidth * _OF_BANDWIDTH), work.flops / (device.operations * _OF_PEAK)
            )
        )
        for work in works
    )


def _convolution(size: Size, inputs: int, outputs: int, frames: int, times: int = 1) -> _Work:
    """A 3×3 convolution of `inputs · C` to `outputs · C` channels over that many frames at once."""
    n, c = frames * size.samples * size.height * size.width, size.channels
    weights = _TAPS * inputs * outputs * c * c
    return _Work(_DATA * (n * c * (inputs + outputs) + weights), 2 * n * weights, times)


def _launch(size: Size, call: str, times: int) -> _Work:
    with record() as launches:
        CALLS[call](Operands(meta, size, torch.bfloat16, "full"))
    (launch,) = launches
    traffic = launch.traffic
    moved = launch.elements * (launch.steps * traffic.streamed + traffic.once)
    return _Work(moved, launch.elements * traffic.flops, times)


def _per_frame(gates: int, *steps: "str | tuple[int, int]", backward: bool = False) -> _Plan:
    """Plan a clip: the projection of all frames, then the steps of each: launches or (inputs, outputs)."""

    def plan(size: Size) -> list[_Work]:
        t = size.frames
        works = [
            _launch(size, step, t) if isinstance(step, str) else _convolution(size, *step, 1, t)
            for step in steps
        ]
        # Backward: the gradients of the input, of its weight, and of the state's weight, all frames at once.
        whole = 3 if backward else 1
        return [_convolution(size, 1, gates, t, whole), *works]

    return plan


def _minimal(backward: bool) -> _Plan:
    def plan(size: Size) -> list[_Work]:
        call = "linear_scan_backward" if backward else "linear_scan"
        return [_convolution(size, 1, 2, size.frames, 2 if backward else 1), _launch(size, call, 1)]

    return plan


_PLANS: dict[tuple[str, str, str], _Plan] = {
    ("conv_gru", "triton", "forward"): _per_frame(3, (1, 2), "reset", (1, 1), "blend"),
    ("conv_gru", "triton", "backward"): _per_frame(
        3, "blend_backward", (1, 1), "reset_backward", (2, 1), backward=True
    ),
    ("conv_gru", "triton_conv", "forward"): _per_frame(3, "conv_reset", "conv_blend"),
    ("conv_gru", "triton_conv", "backward"): _per_frame(
        3, "blend_backward", "conv_reset_backward", "conv_gates_backward", backward=True
    ),
    ("conv_gru, reset after", "triton", "forward"): _per_frame(3, (1, 3), "after"),
    ("conv_gru, reset after", "triton", "backward"): _per_frame(3, "after_backward", (3, 1), backward=True),
    ("conv_lstm", "triton", "forward"): _per_frame(4, (1, 4), "lstm"),
    ("conv_lstm", "triton", "backward"): _per_frame(4, "lstm_backward", (4, 1), backward=True),
    ("min_conv_gru", "triton", "forward"): _minimal(backward=False),
    ("min_conv_gru", "triton", "backward"): _minimal(backward=True),
}
