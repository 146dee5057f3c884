"""Writing files and folders that are either whole or absent.

Everything seqimg publishes is written to a hidden temporary sibling, flushed to the disk and
renamed into place; a crash leaves at most a temporary, never half a result under the final name.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from seqimg.errors import SeqimgError

__all__ = [
    "check_writable",
    "explained",
    "publish_file",
    "publish_folder",
    "remove",
    "sync",
    "write_json",
    "write_synced",
]

_PIECE = 1 << 24  # bytes handed to the system at once


def check_writable(path: Path, *, overwrite: bool = False) -> None:
    """Refuse, before any work is done, a target that cannot be written.

    Args:
        path: What is going to be written.
        overwrite: Whether what is there is replaced.

    Raises:
        SeqimgError: The target exists and `overwrite` is off or it is a device, or its folder cannot be
            written.

    Example:
        >>> check_writable(Path(tmp) / "new.csv")
        >>> check_writable(Path(tmp) / "no" / "such" / "folder" / "new.csv")  # folders are made later
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise SeqimgError(
            f"{path} is neither a file nor a folder", why="nothing else is written to or replaced"
        )
    if path.exists() and not overwrite:
        raise SeqimgError(
            f"{path} exists already",
            why="nothing is overwritten unasked",
            hint="add --overwrite, or choose another name",
        )
    with explained(path):
        probe, name = tempfile.mkstemp(prefix=".seqimg-", dir=_existing_parent(path.absolute().parent))
        os.close(probe)
        os.unlink(name)


@contextmanager
def publish_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary path with `path`'s suffix; on success sync it and rename it to `path`.

    Args:
        path: The file to write.
        overwrite: Whether what is there is replaced.

    Raises:
        SeqimgError: The target cannot be written, or the disk is full. Nothing is left behind.

    Example:
        >>> with publish_file(Path(tmp) / "a.txt") as temporary:
        ...     _ = temporary.write_text("whole")
        >>> (Path(tmp) / "a.txt").read_text()
        'whole'
    """
    check_writable(path, overwrite=overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".seqimg-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        with explained(path):
            yield temporary
            sync(temporary)
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
            sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def publish_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary folder; on success sync all in it and rename it to `path`.

    An existing folder is moved aside first and removed only after the new one is in place.

    Args:
        path: The folder to write.
        overwrite: Whether what is there is replaced.

    Raises:
        SeqimgError: The target cannot be written, or the disk is full. Nothing is left behind.

    Example:
        >>> with publish_folder(Path(tmp) / "model") as temporary:
        ...     _ = (temporary / "config.json").write_text("{}")
        >>> [path.name for path in (Path(tmp) / "model").iterdir()]
        ['config.json']
    """
    check_writable(path, overwrite=overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".seqimg-", dir=path.parent))
    aside = temporary.with_name(temporary.name + ".old")
    try:
        with explained(path):
            yield temporary
            for item in sorted(temporary.rglob("*"), reverse=True):
                sync(item)
            sync(temporary)
            os.chmod(temporary, 0o777 & ~_umask())
            if path.exists():
                os.replace(path, aside)
            os.replace(temporary, path)
            sync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if aside.exists() and not path.exists():
            os.replace(aside, path)
        remove(aside)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented, sorted JSON; NaN and infinities are refused.

    Args:
        path: The file, which is replaced.
        value: What JSON can say: dicts, lists, strings, numbers.

    Raises:
        ValueError: The value holds NaN or infinity.

    Example:
        >>> write_json(Path(tmp) / "a.json", {"steps": 100})
        >>> (Path(tmp) / "a.json").read_text().split()
        ['{', '"steps":', '100', '}']
    """
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    # Bytes in file names that are no text become JSON's escapes.
    path.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and wait until the disk has it.

    Args:
        path: The file, which must not exist.
        content: What it holds.

    Raises:
        OSError: It cannot be written.

    Example:
        >>> write_synced(Path(tmp) / "a.bin", b"123")
        >>> (Path(tmp) / "a.bin").read_bytes()
        b'123'
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(handle, left[:_PIECE]) :]
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def explained(path: Path, needed: int | None = None) -> Iterator[None]:
    """Turn what the system says in the block into an error that names the path and the room there.

    Args:
        path: What is being written.
        needed: Bytes it takes, if that is known.

    Raises:
        SeqimgError: The system refused.

    Example:
        >>> with explained(Path(tmp) / "note.txt"):
        ...     _ = (Path(tmp) / "note.txt").write_text("room enough")
    """
    try:
        yield
    except BrokenPipeError:
        raise  # whoever read standard output has gone: no fault of this path
    except OSError as error:
        free = shutil.disk_usage(_existing_parent(path)).free / 1e6
        reason = error.strerror or str(error)
        room = f"{free:,.0f} MB free there"
        if needed is not None:
            room = f"{needed / 1e6:,.1f} MB needed, {free:,.1f} MB free there"
        raise SeqimgError(
            f"cannot write {path}", why=f"{reason} ({room})", hint="choose another place"
        ) from error


def sync(path: Path) -> None:
    """Wait until the disk has a file or folder.

    Args:
        path: The file or folder.

    Raises:
        OSError: It cannot.

    Example:
        >>> sync(Path(tmp))
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove(path: Path) -> None:
    """Remove a file or a folder with all in it, if it is there and can be removed.

    Args:
        path: What is to go.

    Example:
        >>> (Path(tmp) / "old").mkdir()
        >>> remove(Path(tmp) / "old")
        >>> (Path(tmp) / "old").exists()
        False
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _existing_parent(path: Path) -> Path:
    return next(parent for parent in [path, *path.absolute().parents] if parent.exists())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
