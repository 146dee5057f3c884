"""Indices of video files kept on the disk; whatever goes wrong there, there is just none."""

import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FileState", "index_folder", "load_index", "store_index"]

_MAX_ENTRIES = 4096
_MAX_BYTES = 2**28  # of one entry, unpacked
_UNREADABLE = (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class FileState:
    """What makes a file another one.

    Attributes:
        path: Its absolute path.
        size: Its size in bytes.
        mtime_ns: When it was changed last, in nanoseconds.
    """

    path: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> "FileState | None":
        """Return the state of a file, or None if there is none."""
        try:
            status = path.stat()
            return cls(str(path.absolute()), status.st_size, status.st_mtime_ns)
        except OSError:
            return None

    @property
    def entry(self) -> Path:
        """Where the index of the file is kept; a new state takes the place of the one before."""
        name = hashlib.sha256(self.path.encode("utf-8", "surrogateescape")).hexdigest()
        return index_folder() / f"{name[:40]}.index"


def index_folder() -> Path:
    """Return the folder of all indices, which need not exist."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The standard asks to ignore what is not absolute.
    return (Path(base) if os.path.isabs(base) else Path("~/.cache").expanduser()) / "seqimg" / "index"


def load_index(state: FileState) -> tuple[dict[str, Any], dict[str, NDArray[np.int64]]] | None:
    """Return what was stored for a file in this state, or None."""
    try:
        entry = state.entry
        with zipfile.ZipFile(entry) as archive:
            if sum(item.file_size for item in archive.infolist()) > _MAX_BYTES:
                return None
            meta = json.loads(archive.read("meta.json"))
            if not isinstance(meta, dict) or meta.get("file") != asdict(state):
                return None
            arrays = {
                name: np.frombuffer(archive.read(f"{name}.i64"), "<i8").astype(np.int64, copy=False)
                for name in meta["arrays"]
            }
        # What was used last is pruned last.
        with suppress(OSError):
            os.utime(entry)
        return meta, arrays
    except (*_UNREADABLE, TypeError, AttributeError):
        return None


def store_index(state: FileState, meta: dict[str, Any], arrays: dict[str, NDArray[np.int64]]) -> None:
    """Keep an index, whole or not at all."""
    with suppress(*_UNREADABLE):
        entry = state.entry
        entry.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(prefix=".index-", dir=entry.parent)
        try:
            with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(
                    "meta.json", json.dumps({**meta, "file": asdict(state), "arrays": list(arrays)})
                )
                for key, values in arrays.items():
                    archive.writestr(f"{key}.i64", values.astype("<i8").tobytes())
            os.replace(name, entry)
        finally:
            Path(name).unlink(missing_ok=True)
        _prune(entry.parent)


def _prune(folder: Path) -> None:
    """Remove the entries used longest ago if there are too many, and temporaries left by a crash."""
    entries = [(item.stat().st_mtime_ns, item.path) for item in os.scandir(folder)]
    if len(entries) > _MAX_ENTRIES:
        for _, path in sorted(entries)[: len(entries) - _MAX_ENTRIES * 3 // 4]:
            with suppress(OSError):
                os.unlink(path)
