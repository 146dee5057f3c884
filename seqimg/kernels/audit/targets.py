"""The GPUs that machine code is made for, and what they can do."""

import re
from dataclasses import dataclass

__all__ = ["TARGETS", "Target"]


@dataclass(frozen=True)
class Target:
    """A GPU architecture.

    Attributes:
        name: As compilers call it.
        backend: Triton's name of the maker's toolchain.
        arch: Triton's name of the architecture.
        wave: Lanes of a warp.
        shared: Bytes of shared memory that one program may have.
        matrix: Matches the opcodes of its matrix instructions.
    """

    name: str
    backend: str
    arch: int | str
    wave: int
    shared: int
    matrix: "re.Pattern[str]"


# HFMA2.MMA is a plain multiply-add in spite of its name.
_NVIDIA = re.compile(r"(HMMA|HGMMA|IMMA|IGMMA|DMMA|UTC\w*MMA)\b")
_AMD = re.compile(r"v_mfma_")

TARGETS = {
    target.name: target
    for target in (
        Target("sm_80", "cuda", 80, 32, 163 * 1024, _NVIDIA),
        Target("sm_86", "cuda", 86, 32, 99 * 1024, _NVIDIA),
        Target("sm_90", "cuda", 90, 32, 227 * 1024, _NVIDIA),
        Target("sm_100", "cuda", 100, 32, 227 * 1024, _NVIDIA),
        Target("gfx942", "hip", "gfx942", 64, 64 * 1024, _AMD),
    )
}
"""A100; consumer Ampere; H100 and H200; B200; MI300."""
