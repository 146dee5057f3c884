"""Which format a source on the disk is of, and what is wrong with one that is of none."""

import errno
import os
from itertools import islice
from pathlib import Path

from seqimg.errors import UsageError, did_you_mean
from seqimg.masking import masked
from seqimg.sequences.base import IMAGE_SUFFIXES, SequenceError
from seqimg.sequences.formats import by_suffix, for_folder, schemes, suffixes
from seqimg.sequences.pictures.patterns import is_pattern
from seqimg.sequences.raw.layout import RAW_HINT
from seqimg.sequences.sniff import sniff, sniff_folder

__all__ = ["format_of"]


def format_of(source: str) -> str:
    """Return the name of the format that reads a path or a pattern of paths.

    A path that exists is never taken for a pattern. Content decides where suffixes are shared: an
    animated `.png` is no still one.

    Raises:
        SequenceError: There is nothing there, or nothing that can be read.
        UsageError: It is an address of a kind that is not read.
    """
    if "://" in source:
        raise UsageError(
            f"cannot read {masked(source)}",
            why=f"addresses that are read begin with {', '.join(schemes()) or 'nothing'}",
            hint="download it first",
        )
    path = Path(source)
    try:
        if not path.exists():
            if is_pattern(source):
                return "frames"
            raise _missing(path)
        if path.is_dir():
            folder = for_folder("reader")
            return sniff_folder(path) or (folder.name if folder else "frames")
        spec = by_suffix(path.name, "reader")
        if not path.is_file() and (spec is None or spec.name != "raw"):  # raw pixels come through pipes too
            hint = RAW_HINT if spec is None and path.is_fifo() else None
            raise SequenceError(f"cannot read {path}", why="it is neither a file nor a folder", hint=hint)
        found = spec.name if spec is not None else sniff(path)
    except OSError as error:
        raise SequenceError(f"cannot read {path}", why=error.strerror) from error
    if found is None:
        raise _unknown(path)
    return found


def _missing(path: Path) -> SequenceError:
    if path.is_symlink():
        leads = os.readlink(path)
        why = f"{leads} does not exist"
        try:
            path.stat()
        except OSError as error:
            if error.errno == errno.ELOOP:
                why = f"it leads in a circle, by {leads}"
        return SequenceError(
            f"{path} is a link that leads nowhere", why=why, hint="check where it should lead"
        )
    near = None
    if path.parent.is_dir() and os.access(path.parent, os.R_OK):
        near = did_you_mean(path.name, (item.name for item in islice(path.parent.iterdir(), 10_000)))
    return SequenceError(
        f"{path} does not exist",
        why=f"did you mean {path.with_name(near)}?" if near else None,
        hint=None if near else "check the path",
    )


def _unknown(path: Path) -> SequenceError:
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return SequenceError(
            f"{path} is one picture, no sequence", hint=f"{path.parent}, the folder it is in"
        )
    if path.stat().st_size == 0:
        return SequenceError(f"cannot read {path}", why="the file is empty")
    known = suffixes("reader")
    near = did_you_mean(path.suffix.lower(), known)
    return SequenceError(
        f"cannot tell what {path} is",
        why=f"readable are folders of pictures and {', '.join(known)}",
        hint=f"rename it to {path.with_suffix(near).name}, if that is what it is" if near else None,
    )
