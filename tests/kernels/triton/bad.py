"""Programs for the audit to find fault with, and one without fault."""

# mypy: ignore-errors

import triton
import triton.language as tl

__all__ = ["honest", "scattered", "wasteful"]


@triton.jit
def honest(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i, mask=i < n // 16 * 16) + 1, mask=i < n // 16 * 16)


@triton.jit
def scattered(x, y, n, BLOCK: tl.constexpr):
    """Reads in an order that no load can be wide in."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + (i * 5) % n) + 1)


@triton.jit
def wasteful(x, y, n, BLOCK: tl.constexpr):
    """Reads what it is to write."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i) + tl.load(y + i))
