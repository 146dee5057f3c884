"""From a wrapper's call to one launch: checks, block sizes, the device, and a record for the audit.

A wrapper states what it is about to launch as a [seqimg.kernels.triton_gates.launch.Launch][]. Inside
[seqimg.kernels.triton_gates.launch.record][] launches are collected instead of run: that is how the
audit compiles exactly what a GPU would be given, from tensors on the `meta` device.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from math import gcd
from typing import Any, Literal

import torch
from torch import Tensor

from seqimg.errors import UnavailableError

__all__ = [
    "Activation",
    "Launch",
    "Traffic",
    "interpreting",
    "launch",
    "pointwise",
    "program",
    "record",
    "wave",
]

Activation = Literal["tanh", "relu", "leaky", "linear"]

_PROGRAMS = "seqimg.kernels.triton_gates.jit"
# Elements of a lane: 16 bytes of a 16-bit type or twice 16 of fp32, but fewer where each brings its own
# address and its own place among the rows, which would not fit into registers.
_LANE, _LANE_NARROW = 8, 4
# State elements up to which a program has that many warps. Small pictures need many small programs
# to reach all of a GPU; large ones have enough of them anyway. Not tuned, so nothing depends on the batch.
_WARPS = ((1 << 18, 1), (None, 4))


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a launch has to move, in bytes per state element: each operand once, nothing twice.

    Attributes:
        streamed: To and from memory, in each step.
        once: To and from memory once a launch: the states at the ends of a scan.
        cached: Operands that many elements share, in each step: factors of a sample, vectors of channels.
        narrow: What of these two cannot come 16 bytes at a time.
        flops: Floating point operations of the convolution.
    """

    streamed: float
    once: float = 0
    cached: float = 0
    narrow: float = 0
    flops: float = 0


@dataclass(frozen=True)
class Launch:
    """One launch, complete: all that is needed to run, compile or estimate it.

    Attributes:
        kernel: `"module.function"` below `seqimg.kernels.triton_gates.jit`.
        arguments: Run-time arguments by name; None where an optional operand is absent.
        constants: Compile-time arguments by name.
        programs: Size of the grid.
        options: `num_warps` and, for the convolution, `num_stages`.
        elements: State elements, N · C.
        traffic: The least that has to be moved.
        steps: Frames that the launch computes.
        elements_a_program: State elements that one program computes in a step.
        aligned: Whether every access can be 16 bytes wide.
        matrix: Whether it must use matrix instructions.
    """

    kernel: str
    arguments: Mapping[str, "Tensor | int | float | None"]
    constants: Mapping[str, "int | str | bool"]
    programs: int
    options: Mapping[str, int]
    elements: int
    traffic: Traffic
    elements_a_program: int
    steps: int = 1
    aligned: bool = True
    matrix: bool = False


_RECORD: ContextVar[list[Launch] | None] = ContextVar("seqimg_triton_record", default=None)
_WAVE: ContextVar[int] = ContextVar("seqimg_triton_wave", default=64 if torch.version.hip else 32)


@contextmanager
def record(lanes: int = 32) -> Iterator[list[Launch]]:
    """Collect launches instead of running them; works without a GPU and without Triton.

    Args:
        lanes: Lanes of a warp on the GPU that is meant: 32 on NVIDIA's, 64 on AMD's.
    """
    launches: list[Launch] = []
    token, lanes_token = _RECORD.set(launches), _WAVE.set(lanes)
    try:
        yield launches
    finally:
        _RECORD.reset(token)
        _WAVE.reset(lanes_token)


@cache
def program(kernel: str) -> Any:
    """Return the Triton program called `"module.function"`.

    Raises:
        UnavailableError: Triton is not installed.
    """
    module, _, function = kernel.rpartition(".")
    try:
        return getattr(import_module(f"{_PROGRAMS}.{module}"), function)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "triton":
            raise
        raise UnavailableError(
            "the Triton kernels cannot run", why="triton is not installed", hint="pip install triton (Linux)"
        ) from error


def interpreting() -> bool:
    """Return whether Triton interprets its programs on the CPU instead of compiling them."""
    return os.environ.get("TRITON_INTERPRET", "").lower() in ("1", "true", "yes", "on", "y")


def wave() -> int:
    """Return the lanes of a warp on the GPU that is meant."""
    return _WAVE.get()


def launch(what: Launch) -> None:
    """Run a launch on its tensors' device, in the current stream, or record it.

    Raises:
        UnavailableError: Triton is not installed, or the tensors are not on a GPU.
    """
    collected = _RECORD.get()
    if collected is not None:
        collected.append(what)
        return
    tensor = next(value for value in what.arguments.values() if isinstance(value, Tensor))
    kernel = program(what.kernel)
    with _on(tensor):
        kernel[(what.programs,)](**what.arguments, **what.constants, **what.options)


def _on(tensor: Tensor) -> "torch.cuda.device | nullcontext[None]":
    if tensor.is_cuda:
        # Triton launches on the current device, wherever the tensors are.
        here = tensor.device.index == torch.cuda.current_device()
        return nullcontext() if here else torch.cuda.device(tensor.device)
    if not interpreting():
        raise UnavailableError(
            f"the Triton kernels cannot run on {tensor.device.type}",
            why="they are compiled for GPUs",
            hint="kernel='fused', or TRITON_INTERPRET=1 to interpret them for a test",
        )
    return nullcontext()


def pointwise(
    kernel: str,
    arguments: Mapping[str, "Tensor | int | float | None"],
    like: Tensor,
    shape: tuple[int, int],
    traffic: Traffic,
    *,
    factors: int = 0,
    steps: int = 1,
    **constants: "int | str | bool",
) -> None:
    """Launch a program that walks the state elements `[N, C]`, each once.

    Args:
        kernel: `"module.function"`.
        arguments: All but the number of vectors.
        like: An operand of the data type.
        shape: (N, C).
        traffic: The least to be moved, without factors.
        factors: How many operands `[B]` there are: each lane reads one value of each for every vector.
        steps: Frames computed.
        **constants: Compile-time arguments beside C, VEC and BLOCK.
    """
    n, channels = shape
    widest = 16 // like.element_size()
    vector = gcd(channels, widest)
    warps = next(warps for limit, warps in _WARPS if limit is None or n * channels <= limit)
    block = (_LANE if vector >= 4 else _LANE_NARROW) * wave() * warps
    if n == 0:
        return
    shared = 4 * factors / vector
    masks = _mask_bytes(arguments["update"], channels) if constants.get("EACH") else 0
    launch(
        Launch(
            kernel,
            {**arguments, "n_vectors": n * (channels // vector)},
            {"C": channels, "VEC": vector, "BLOCK": block, **constants},
            programs=-(-n * channels // block),
            options={"num_warps": warps},
            elements=n * channels,
            traffic=replace(traffic, cached=traffic.cached + shared, narrow=shared + masks),
            elements_a_program=block,
            steps=steps,
            aligned=vector == widest,
        )
    )


def _mask_bytes(update: object, channels: int) -> float:
    """Return the bytes a state element of an update mask `[…, N, k·C]`: at one byte a value VEC are no 16."""
    if not isinstance(update, Tensor) or update.element_size() > 1:
        return 0
    return update.shape[-1] / channels
