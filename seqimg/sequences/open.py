"""`open_sequence`: find the reader, say what is wrong with a path."""

import inspect
import os
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any, get_args

from seqimg.config import ReadingConfig
from seqimg.errors import UsageError, did_you_mean
from seqimg.plugins.manager import plugin_host
from seqimg.sequences.base import IMAGE_SUFFIXES, Fit, Gaps, OnError, Sequence, SequenceError
from seqimg.sequences.formats import by_scheme, by_suffix, for_folder, schemes, suffixes
from seqimg.sequences.sniff import sniff

__all__ = ["open_configured", "open_sequence"]


def open_sequence(
    source: str | os.PathLike[str],
    *,
    on_error: OnError = "error",
    gaps: Gaps = "error",
    axes: str | None = None,
    array: str | None = None,
    value_range: tuple[float, float] | None = None,
    fill_value: float | None = None,
    fit: Fit = "error",
    raw: str | None = None,
    isolate: bool = False,
) -> Sequence:
    """Open a video file, a GIF, a folder of pictures or an array stack, to be read frame by frame.

    Args:
        source: A local path. A folder is read as frames, a file by its suffix or else its first bytes.
        on_error: What to do about damage: `"error"`, `"skip"` what is damaged, or `"truncate"` before it.
        gaps: For folders, what to do about missing numbers: `"error"`, `"skip"` them, or `"hold"` the
            frame before.
        axes: For array stacks, what each axis is, for example `"THWC"`; told from the shape if possible.
        array: For files of several arrays, which one.
        value_range: For array stacks and folders, the values that mean black and white.
        fill_value: For array stacks and folders, a value that stands for a missing one; NaN always does.
        fit: For folders of pictures of several sizes, how to give all that of the first: `"error"`,
            `"resize"`, `"crop"` or `"pad"` about the middle.
        raw: For raw pixels, what they are: `"640x480@30:rgb24"`.
        isolate: Whether to decode in a process of its own, so that a file that crashes the decoder
            costs no more than this sequence ([seqimg.sequences.isolation][]).

    Returns:
        The sequence; `info.sentence()` says what was understood.

    Raises:
        SequenceError: The source is missing, empty, damaged or of no known format.
        UsageError: An option is wrong, or means nothing for this format.

    Example:
        >>> import numpy as np
        >>> path = Path(tmp) / "stack.npy"
        >>> np.save(path, np.zeros((5, 48, 64), np.uint16))
        >>> with open_sequence(path) as sequence:
        ...     sequence.info.frame_count, sequence.info.dtype
        (5, 'uint16')
    """
    _check_choice("on_error", on_error, get_args(OnError))
    _check_choice("gaps", gaps, get_args(Gaps))
    _check_choice("fit", fit, get_args(Fit))
    text = os.fspath(source)
    spec = by_scheme(text)
    place: str | Path = text if spec else Path(source)
    name = spec.name if spec else _format_of(Path(source), text)
    reader: Callable[..., Sequence] = plugin_host().formats.load(name, "reader")
    chosen: dict[str, Any] = {
        "on_error": on_error,
        "gaps": gaps,
        "axes": axes,
        "array": array,
        "value_range": value_range,
        "fill_value": fill_value,
        "fit": fit,
        "raw": raw,
    }
    # Only what was asked for is handed on: a format need not know every option.
    asked = {option: value for option, value in chosen.items() if value not in ("error", None)}
    _check_understood(reader, asked, text, name)
    if isolate and plugin_host().formats.get(name).isolate:
        return _isolated(name, place, asked)
    return reader(place, **asked)


def open_configured(source: str | os.PathLike[str], reading: ReadingConfig) -> Sequence:
    """Open a sequence as a configuration says, isolated where the system can; errors are those of `open_sequence`."""
    low_high = reading.value_range
    return open_sequence(
        source,
        on_error=reading.on_error,
        gaps=reading.gaps,
        axes=reading.axes or None,
        array=reading.array or None,
        value_range=(low_high[0], low_high[1]) if low_high else None,
        fill_value=reading.fill_value,
        fit=reading.fit,
        raw=reading.raw or None,
        isolate=os.name == "posix",
    )


def _isolated(name: str, place: str | Path, options: dict[str, Any]) -> Sequence:
    from seqimg.sequences.isolation import IsolatedSequence, Request

    return IsolatedSequence(Request(name, place, options))


def _format_of(path: Path, source: str) -> str:
    """Return the name of the format that reads `path`."""
    if "://" in source:
        raise UsageError(
            f"cannot read {source}",
            why=f"addresses that are read begin with {', '.join(schemes()) or 'nothing'}",
            hint="download it first",
        )
    if not path.exists():
        raise _missing(path)
    if not (path.is_dir() or path.is_file()):
        raise SequenceError(f"cannot read {path}", why="it is neither a file nor a folder")
    spec = for_folder("reader") if path.is_dir() else by_suffix(path.name, "reader")
    if spec is not None:
        return spec.name
    try:
        content = sniff(path)
    except OSError as error:
        raise SequenceError(f"cannot read {path}", why=error.strerror) from error
    if content is None:
        raise _unknown(path)
    return content


def _missing(path: Path) -> SequenceError:
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


def _check_choice(option: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        near = did_you_mean(value, choices)
        raise UsageError(
            f"{option} {value!r} is not a choice" + (f"; did you mean {near!r}?" if near else ""),
            why=f"choices: {', '.join(choices)}",
        )


def _check_understood(reader: Callable[..., Sequence], asked: Iterable[str], source: str, name: str) -> None:
    """Refuse options that the reader has no parameter for, rather than leave them without effect."""
    parameters = inspect.signature(reader).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    known = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    for option in asked:
        if option not in known:
            raise UsageError(
                f"{option} means nothing for {source}",
                why=f"options for the format {name}: {', '.join(known) or 'none'}",
            )
