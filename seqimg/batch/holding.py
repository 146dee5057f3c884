"""A folder held by one command at a time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seqimg.errors import SeqimgError

__all__ = ["held"]


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder; the system lets go of it when this process ends, however it does.

    Raises:
        SeqimgError: Another command holds it.
    """
    handle = os.open(folder, os.O_RDONLY) if os.name == "posix" else -1
    try:
        if handle >= 0:
            import fcntl

            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise SeqimgError(
                    f"another command is writing to {folder}",
                    why="two would do the same work",
                    hint="-o elsewhere",
                ) from error
            except OSError:
                pass  # some network file systems know no such locks
        yield
    finally:
        if handle >= 0:
            os.close(handle)
