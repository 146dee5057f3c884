"""Sequences at addresses that fsspec knows, such as `s3://`; needs the extra `cloud`."""

import shutil
import tempfile
import weakref
from collections.abc import Generator
from collections.abc import Sequence as Several
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from seqimg.errors import SeqimgError, UnavailableError, UsageError
from seqimg.masking import masked
from seqimg.sequences.base import IMAGE_SUFFIXES, Sequence, SequenceError
from seqimg.sequences.extras import needed
from seqimg.sequences.info import TimedFrame
from seqimg.sequences.isolated.reader import can_isolate
from seqimg.sequences.limits import MAX_FETCH, MAX_FRAMES, check_limit
from seqimg.sequences.open import open_sequence

__all__ = ["FetchedSequence"]

_PIECE = 2**22
_PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs", "sftp": "paramiko"}


class FetchedSequence(Sequence):
    """A file, or a folder of pictures, fetched to a temporary folder and read from there.

    At most 16 GiB are fetched, and no more than the disk has room for. The copy is removed when the
    sequence is closed, forgotten, or the program ends. What comes from elsewhere is always decoded in a
    process of its own ([seqimg.sequences.isolated.reader][]).

    Args:
        address: The address; names and passwords in it are never shown. Those that lead through another
            (`simplecache::s3://…`) are refused.
        options: Those of the format that it turns out to be.

    Raises:
        UnavailableError: fsspec, or its package for such addresses, is missing.
        UsageError: The address leads through another.
        SequenceError: There is nothing there, it is too large, or cannot be read.
    """

    def __init__(self, address: str, **options: Any) -> None:
        shown = masked(address)
        if "::" in address:
            raise UsageError(f"cannot read {shown}", why="addresses that lead through others are not read")
        folder = Path(tempfile.mkdtemp(prefix="seqimg-"))
        self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._place, self._shown = "", shown
        try:
            place, size = _fetched(address, shown, folder)
            self._place = str(place)
            self._inner = open_sequence(place, isolate=can_isolate(), **options)
        except SeqimgError as error:
            self._remove()
            raise self._renamed(error) from error
        except BaseException:
            self._remove()
            raise
        notes = (*self._inner.info.notes, f"fetched, {size / 1e6:,.1f} MB")
        super().__init__(replace(self._inner.info, path=shown, notes=notes))

    def close(self) -> None:
        """End every pass and remove the copy."""
        super().close()
        self._inner.close()
        self._remove()

    def _read(self) -> Generator[TimedFrame, None, None]:
        return self._pass(self._inner._read())

    def _from(self, start: int) -> Generator[TimedFrame, None, None]:
        return self._pass(self._inner._from(start))

    def _pick(self, indices: Several[int]) -> Generator[TimedFrame, None, None]:
        return self._pass(self._inner._pick(indices))

    def _pass(self, frames: Generator[TimedFrame, None, None]) -> Generator[TimedFrame, None, None]:
        self._inner.damage = self.damage
        try:
            yield from frames
        except SeqimgError as error:
            raise self._renamed(error) from error
        finally:
            frames.close()

    def _renamed(self, error: SeqimgError) -> SeqimgError:
        """Return an error about the copy as one about the address."""
        if not self._place:
            return error
        texts = (
            text and text.replace(self._place, self._shown) for text in (error.message, error.why, error.hint)
        )
        message, why, hint = texts
        return type(error)(message or "", why=why, hint=hint)


def _fetched(address: str, shown: str, folder: Path) -> tuple[Path, int]:
    """Copy what is at an address to a folder; return the copy and its size in bytes."""
    fsspec = needed("fsspec", "cloud", f"{address.partition(':')[0]} addresses")
    try:
        system, path = fsspec.core.url_to_fs(address)
        if system.isdir(path):
            return _fetched_folder(system, path, shown, folder)
        name = PurePosixPath(path).name or "sequence"
        return folder / name, _copied(system, path, shown, folder / name, MAX_FETCH)
    except SequenceError:
        raise
    except ImportError as error:
        scheme = address.partition(":")[0].lower()
        package = _PACKAGES.get(scheme)
        raise UnavailableError(
            f"cannot read {shown}",
            why=f"fsspec has no package for {scheme} addresses here",
            hint=f"pip install {package}" if package else None,
        ) from error
    except FileNotFoundError as error:
        raise SequenceError(f"{shown} does not exist", hint="check the address") from error
    # Every service has exceptions of its own, and their texts may hold the address with all that is in it.
    except Exception as error:  # noqa: BLE001
        known = isinstance(error, OSError) and error.strerror
        why = str(known or type(error).__name__).splitlines()[0]
        raise SequenceError(f"cannot read {shown}", why=why) from None


def _fetched_folder(system: Any, path: str, shown: str, folder: Path) -> tuple[Path, int]:
    """Copy the pictures that stand directly in a folder."""
    target, total = folder / "frames", 0
    target.mkdir()
    found = [item for item in system.ls(path, detail=True) if item["type"] == "file"]
    pictures = [item for item in found if PurePosixPath(item["name"]).suffix.lower() in IMAGE_SUFFIXES]
    check_limit(shown, "pictures", len(pictures), MAX_FRAMES)
    if not pictures:
        raise SequenceError(f"{shown} holds no pictures", why=f"it has {len(found)} other files")
    for item in pictures:
        name = PurePosixPath(item["name"]).name
        total += _copied(system, item["name"], shown, target / name, MAX_FETCH - total)
    return target, total


def _copied(system: Any, path: str, shown: str, target: Path, allowed: int) -> int:
    """Copy one file; return its size in bytes."""
    allowed = min(allowed, shutil.disk_usage(target.parent).free)
    stated = system.info(path).get("size")
    check_limit(shown, "bytes", stated or 0, allowed)
    size = 0
    with system.open(path, "rb") as source, target.open("wb") as copy:
        # What is stated may be wrong: what comes is counted.
        while piece := source.read(_PIECE):
            size += len(piece)
            check_limit(shown, "bytes", size, allowed)
            copy.write(piece)
    return size
