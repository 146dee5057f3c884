"""Memory that is freed stays in the process, so that the next tensor of that size costs no page faults."""

import ctypes
import platform
from functools import cache

__all__ = ["keep_freed_memory", "release_freed_memory"]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # from glibc's malloc.h
_MOST = 2**31 - 1
_MOST_BEFORE_2_35 = 32 * 2**20  # older versions refuse thresholds beyond half a heap


@cache
def keep_freed_memory() -> bool:
    """Ask glibc to reuse the memory of freed tensors in place of handing it back to the kernel.

    By default glibc maps every block above its threshold afresh, 32 MiB at the very most, and unmaps it when
    it is freed. A frame's activations are of that size, so each step of a loop has the kernel clear the same
    pages again: up to 40 % of the time of a large convolution whose result is freshly allocated. With both
    thresholds out of the way such blocks come from the heap, warm. The price is that memory once used stays
    with the process until it ends.

    For programs, not for libraries: it changes the whole process, and is called once at the start.

    Returns:
        Whether it was done: False where the C library is not glibc (musl, macOS, Windows).

    Example:
        >>> keep_freed_memory() == (platform.libc_ver()[0] == "glibc")
        True
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    mapped = mallopt(_M_MMAP_THRESHOLD, _MOST) or mallopt(_M_MMAP_THRESHOLD, _MOST_BEFORE_2_35)
    return bool(mapped and mallopt(_M_TRIM_THRESHOLD, _MOST))


def release_freed_memory() -> None:
    """Hand the memory of freed tensors back to the kernel, once and whatever was asked for before.

    After this the process holds what it uses and no more: the state from which growth can be measured.
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
