"""What the audit holds against a program, and the row it becomes."""

from collections.abc import Mapping
from dataclasses import dataclass

from seqimg.kernels.audit.machine_code import Code
from seqimg.kernels.audit.targets import Target
from seqimg.kernels.triton_gates.launch import Launch

__all__ = ["Row", "judge"]

_WIDE = 16  # bytes
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Row:
    """One program, compiled for one GPU.

    Attributes:
        kernel: Name of the wrapper that launches it.
        configuration: Data type, operands and size.
        target: The GPU.
        registers: Of a lane.
        spilled: Bytes of a lane that did not fit into registers.
        shared: Bytes of shared memory of a program.
        shared_limit: Bytes it may have.
        matrix: Number of matrix instructions; None where none are asked for.
        moved: Bytes of global memory that a state element costs in a step; None for matrix programs,
            which read their neighbourhood through the cache.
        ideal: The least that it could be.
        narrow: What of `moved` is not 16 bytes wide; None where nothing is aligned.
        mix: Number of instructions of each kind.
        failures: What is wrong, in words.
    """

    kernel: str
    configuration: str
    target: str
    registers: int
    spilled: int
    shared: int
    shared_limit: int
    matrix: int | None
    moved: float | None
    ideal: float
    narrow: float | None
    mix: Mapping[str, int]
    failures: tuple[str, ...]


def judge(kernel: str, configuration: str, launch: Launch, target: Target, code: Code, shared: int) -> Row:
    """Compare what was compiled with what was meant."""
    lanes = target.wave * launch.options["num_warps"]
    per_element = lanes / launch.elements_a_program
    convolution = launch.traffic.flops > 0
    looped = [access for access in code.accesses if access.looped]
    # A scan's loop is its step; what is around it moves the ends, and one step that was peeled or fetched ahead.
    step = looped if launch.steps > 1 else code.accesses
    moved = sum(access.width for access in step) * per_element
    around = sum(access.width for access in code.accesses) * per_element - moved
    narrow = sum(access.width for access in step if access.width < _WIDE) * per_element
    traffic = launch.traffic
    ideal = traffic.streamed + traffic.cached
    failures = []
    if code.spilled:
        failures.append(f"spills {code.spilled} bytes")
    if shared > target.shared:
        failures.append(f"uses {shared} bytes of shared memory of {target.shared}")
    if launch.matrix and not code.matrix:
        failures.append("multiplies matrices without matrix instructions")
    if not convolution:
        if launch.steps > 1 and not looped:
            failures.append("has no loop over its steps")
        if moved > ideal + _ROUNDING:
            failures.append(f"moves {moved:g} bytes an element and step, ideal is {ideal:g}")
        if around > ideal + traffic.once + _ROUNDING:
            failures.append(
                f"moves {around:g} bytes an element beside its steps, ideal is {ideal + traffic.once:g}"
            )
        if launch.aligned and narrow > traffic.narrow + _ROUNDING:
            failures.append(f"{narrow:g} bytes an element are not {_WIDE} bytes wide")
    return Row(
        kernel=kernel,
        configuration=configuration,
        target=target.name,
        registers=code.registers,
        spilled=code.spilled,
        shared=shared,
        shared_limit=target.shared,
        matrix=code.matrix if launch.matrix else None,
        moved=None if convolution else moved,
        ideal=ideal,
        narrow=narrow if launch.aligned and not convolution else None,
        mix=code.mix,
        failures=tuple(failures),
    )
