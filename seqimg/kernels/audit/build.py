"""Compile a launch for a GPU that need not be there."""

from typing import Any

import torch
from torch import Tensor

from seqimg.errors import UnavailableError
from seqimg.kernels.audit.machine_code import Code, read_amd, read_nvidia
from seqimg.kernels.audit.targets import Target
from seqimg.kernels.triton_gates.launch import Launch, program

__all__ = ["build"]

_TYPES = {
    torch.float32: "*fp32",
    torch.bfloat16: "*bf16",
    torch.float16: "*fp16",
    torch.bool: "*i1",
    torch.uint8: "*u8",
}
_INT32 = 2**31
_ALIGNED = [["tt.divisibility", 16]]
_SHORT = [["tt.pointer_range", 32]]  # AMD's buffer instructions reach 2 GiB


def build(launch: Launch, target: Target, function: Any = None) -> tuple[Code, int]:
    """Compile a launch as Triton would at its first call, its tensors 16-byte aligned.

    The target is passed to the compiler, so neither a GPU nor a driver is asked for anything.

    Args:
        launch: What is launched.
        target: What it is compiled for.
        function: The Triton program, if it is not the one the launch names.

    Returns:
        The machine code's figures and the bytes of shared memory a program uses.

    Raises:
        UnavailableError: Triton is not installed, or interprets.
    """
    function = function if function is not None else program(launch.kernel)
    if not hasattr(function, "cache_key"):
        raise UnavailableError(
            "the audit cannot compile", why="TRITON_INTERPRET is set", hint="unset TRITON_INTERPRET"
        )
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    source = ASTSource(function, *_signature(launch, function.arg_names, target))
    compiled = triton.compile(
        source, target=GPUTarget(target.backend, target.arch, target.wave), options=dict(launch.options)
    )
    if target.backend == "cuda":
        return read_nvidia(compiled.asm["cubin"], target), compiled.metadata.shared
    return read_amd(compiled.asm["amdgcn"], target), compiled.metadata.shared


def _signature(
    launch: Launch, names: list[str], target: Target
) -> tuple[dict[str, str], dict[str, object], dict[tuple[int, ...], list[list[object]]]]:
    """Return the argument types, the compile-time values, and what is known about pointers."""
    types: dict[str, str] = {}
    constants: dict[str, object] = dict(launch.constants)
    attributes: dict[tuple[int, ...], list[list[object]]] = {}
    for place, name in enumerate(names):
        value = launch.arguments.get(name)
        if value is None:
            types[name] = "constexpr"
            constants.setdefault(name, None)
        elif isinstance(value, Tensor):
            types[name] = _TYPES[value.dtype]
            short = target.backend == "hip" and value.nbytes < _INT32
            attributes[(place,)] = [*_ALIGNED, *(_SHORT if short else [])]
        elif isinstance(value, int):
            types[name] = "i32" if abs(value) < _INT32 else "i64"
        else:
            types[name] = "fp32"
    return types, constants, attributes
