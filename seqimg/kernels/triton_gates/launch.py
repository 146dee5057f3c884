"""From a wrapper's call to one launch: checks, block sizes, the device, and a record for the audit.

A wrapper states what it is about to launch as a [seqimg.kernels.triton_gates.launch.Launch][]. Inside
[seqimg.kernels.triton_gates.launch.record][] launches are collected instead of run: that is how the
audit compiles exactly what a GPU would be given, from tensors on the `meta` device.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cache, lru_cache
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
_WIDE = 16  # bytes, the most a lane moves at a time
# Elements of a lane: 16 bytes of a 16-bit type or twice 16 of fp32, but fewer where each brings its own
# address and its own place among the rows, which would not fit into registers.
_LANE, _LANE_NARROW = 8, 2
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


def launch(what: Launch, like: Tensor) -> None:
    """Run a launch on the device of `like`, in the current stream, or record it.

    Raises:
        UnavailableError: Triton is not installed, or the tensors are not on a GPU.
    """
    collected = _RECORD.get()
    if collected is None:
        _run(what.kernel, what.programs, like, what.arguments, what.constants, what.options)
    else:
        collected.append(what)


def _run(
    kernel: str,
    programs: int,
    like: Tensor,
    arguments: Mapping[str, object],
    constants: Mapping[str, object],
    options: Mapping[str, int],
) -> None:
    function = program(kernel)[(programs,)]
    if like.is_cuda and like.device.index != torch.cuda.current_device():
        # Triton launches on the current device, wherever the tensors are.
        with torch.cuda.device(like.device):
            function(**arguments, **constants, **options)
        return
    if not like.is_cuda and not interpreting():
        raise UnavailableError(
            f"the Triton kernels cannot run on {like.device.type}",
            why="they are compiled for GPUs",
            hint="kernel='fused', or TRITON_INTERPRET=1 to interpret them for a test",
        )
    function(**arguments, **constants, **options)


def pointwise(
    kernel: str,
    arguments: "dict[str, Tensor | int | float | None]",
    like: Tensor,
    shape: tuple[int, int],
    traffic: Callable[[], Traffic],
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
        traffic: Returns the least to be moved, without factors; called when the launch is recorded.
        factors: How many operands `[B]` there are: each lane reads one value of each for every vector.
        steps: Frames computed.
        **constants: Compile-time arguments beside C, VEC and BLOCK.
    """
    n, channels = shape
    if n == 0:
        return
    size = like.element_size()
    vector, block, warps = _tiles(n * channels, channels, size, wave())
    programs = -(-n * channels // block)
    arguments["n_vectors"] = n * (channels // vector)
    constants |= {"C": channels, "VEC": vector, "BLOCK": block}
    collected = _RECORD.get()
    if collected is None:
        _run(kernel, programs, like, arguments, constants, {"num_warps": warps})
        return
    shared = 4 * factors / vector
    masks = _mask_bytes(arguments["update"], channels) if constants.get("EACH") else 0
    least = traffic()
    collected.append(
        Launch(
            kernel,
            arguments,
            constants,
            programs=programs,
            options={"num_warps": warps},
            elements=n * channels,
            traffic=replace(least, cached=least.cached + shared, narrow=shared + masks),
            elements_a_program=block,
            steps=steps,
            aligned=vector * size == _WIDE,
        )
    )


@lru_cache(maxsize=1024)
def _tiles(elements: int, channels: int, size: int, lanes: int) -> tuple[int, int, int]:
    """Return the elements of a vector, those of a program, and its warps."""
    vector = gcd(channels, _WIDE // size)
    warps = next(warps for limit, warps in _WARPS if limit is None or elements <= limit)
    return vector, (_LANE if vector >= 4 else _LANE_NARROW) * lanes * warps, warps


def _mask_bytes(update: object, channels: int) -> float:
    """Return the bytes a state element of an update mask `[…, N, k·C]`: at one byte a value VEC are no 16."""
    if not isinstance(update, Tensor) or update.element_size() > 1:
        return 0
    return update.shape[-1] / channels
