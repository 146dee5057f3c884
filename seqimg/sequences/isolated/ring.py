"""Frames from one process to another through shared memory that nothing is left of."""

import mmap
import os
import sys
import tempfile
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from seqimg.errors import SeqimgError

__all__ = ["Ring", "create_ring_file", "slots_for"]

_ROOM = 2**25  # bytes of a ring, if frames are small enough
_MOST_SLOTS = 16
_HUGE = 2**28  # frames from here on have one slot


def slots_for(frame_bytes: int) -> int:
    """Return how many frames a ring should hold.

    Example:
        >>> slots_for(1920 * 1080 * 3), slots_for(100), slots_for(2**30)
        (5, 16, 1)
    """
    return 1 if frame_bytes >= _HUGE else min(_MOST_SLOTS, max(2, _ROOM // frame_bytes))


def create_ring_file() -> int:
    """Return the descriptor of a file in memory, without a name: it is gone when no process has it.

    Where the system has no such files, it is a temporary file whose name is removed at once.
    """
    if sys.platform == "linux" and hasattr(os, "memfd_create"):
        import fcntl

        descriptor = os.memfd_create("seqimg-frames", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        # A process that shrinks the file could end the other one by SIGBUS.
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        return descriptor
    descriptor, name = tempfile.mkstemp(prefix="seqimg-frames-")
    os.unlink(name)
    return descriptor


class Ring:
    """Slots of one size in a shared file, used in turn.

    Args:
        descriptor: The file, as `create_ring_file` made it.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._bytes: NDArray[np.uint8] | None = None
        self._slots = self._slot_bytes = 0

    @property
    def size(self) -> int:
        """Bytes of the whole file so far."""
        return os.fstat(self._descriptor).st_size

    def reserve(self, slot_bytes: int, slots: int) -> None:
        """Make the file large enough, with its memory set aside, so that it cannot be missing later.

        Raises:
            SeqimgError: There is not so much memory.
        """
        needed = slot_bytes * slots
        if needed <= self.size:
            return
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self._descriptor, 0, needed)
            else:
                os.ftruncate(self._descriptor, needed)
        except OSError as error:
            raise SeqimgError(
                f"no room for {slots} frames of {slot_bytes / 1e6:,.1f} MB between two processes",
                why=error.strerror,
                hint="smaller frames",
            ) from error

    def divide(self, slot_bytes: int, slots: int) -> None:
        """Cut the file into slots; what they held is void."""
        if self._bytes is None or self._bytes.size < slot_bytes * slots:
            # An older map is given back when its last view is.
            self._bytes = np.frombuffer(mmap.mmap(self._descriptor, self.size), np.uint8)
        self._slots, self._slot_bytes = slots, slot_bytes

    def slot(self, number: int) -> NDArray[np.uint8]:
        """Return the bytes of the slot for the frame of this number in the pass, counted from 0."""
        assert self._bytes is not None
        start = number % self._slots * self._slot_bytes
        return self._bytes[start : start + self._slot_bytes]

    def close(self) -> None:
        """Give the map and the descriptor back."""
        self._bytes = None
        with suppress(OSError):
            os.close(self._descriptor)
