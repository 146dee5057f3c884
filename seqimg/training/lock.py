"""One run, one process that writes: a lock on the run folder that ends with its owner."""

import os
from pathlib import Path
from types import ModuleType

from seqimg.errors import SeqimgError

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # not everywhere
    fcntl = None

__all__ = ["FolderLock"]

_held: set[int] = set()


class FolderLock:
    """Holds a folder until it is closed or the process ends, however that comes about.

    Where the system or the disk has no locks, it holds nothing.

    Args:
        folder: The folder; a file `.lock` in it says who holds it.

    Raises:
        SeqimgError: Another process holds it, or it cannot be written.

    Example:
        >>> lock = FolderLock(Path(tmp))
        >>> try:
        ...     FolderLock(Path(tmp))
        ... except SeqimgError as error:
        ...     print(error.hint)
        wait for it, or end it
        >>> lock.close()
    """

    def __init__(self, folder: Path) -> None:
        path = folder / ".lock"
        try:
            self._handle: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise SeqimgError(f"cannot write {path}", why=error.strerror, hint="-o another/folder") from error
        _held.add(self._handle)
        try:
            if fcntl is not None:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(self._handle, 20).decode(errors="replace").strip()
            self.close()
            raise SeqimgError(
                f"{folder} is in use", why=f"process {owner} writes it", hint="wait for it, or end it"
            ) from error
        except OSError:
            return  # a disk without locks
        os.truncate(self._handle, 0)
        os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Let the folder go."""
        if self._handle is not None:
            _held.discard(self._handle)
            os.close(self._handle)
            self._handle = None


def _let_go() -> None:
    # A lock belongs to all that inherit it: processes that prepare clips must not hold it for a dead owner.
    while _held:
        os.close(_held.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
