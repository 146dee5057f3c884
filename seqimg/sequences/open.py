"""`open_sequence`: find the reader, say what is wrong with a path."""

import glob
import inspect
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from seqimg.config import ReadingConfig
from seqimg.errors import UnavailableError, UsageError, did_you_mean
from seqimg.masking import masked
from seqimg.plugins.manager import plugin_host
from seqimg.sequences.base import IMAGE_SUFFIXES, Fit, Gaps, OnError, Sequence
from seqimg.sequences.discovery import is_film
from seqimg.sequences.finding import format_of
from seqimg.sequences.formats import by_scheme, unlike_files
from seqimg.sequences.isolated.request import Request, can_isolate

__all__ = ["is_still", "open_configured", "open_sequence"]


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
    """Open a video, an animation, pictures or an array stack, to be read frame by frame.

    Args:
        source: A path: a folder is read as frames, a file by its suffix or else its first bytes. A pattern:
            `frame_%04d.png` for numbered pictures, `shots/*.png` for all whose names fit. A `.txt` or
            `.lst` file that names one picture a line. `-` for raw pixels from standard input, `camera:0`,
            or an address.
        on_error: What to do about damage: `"error"`, `"skip"` what is damaged, or `"truncate"` before it.
        gaps: For numbered pictures, what to do about missing numbers: `"error"`, `"skip"` them, or `"hold"` the
            frame before.
        axes: For array stacks, what each axis is, for example `"THWC"`; told from the shape if possible.
        array: For files of several arrays, which one.
        value_range: For arrays and pictures, the values that mean black and white.
        fill_value: For arrays and pictures, a value that stands for a missing one; NaN always does.
        fit: For pictures of several sizes, how to give all that of the first: `"error"`,
            `"resize"`, `"crop"` or `"pad"` about the middle.
        raw: For raw pixels, what they are: `"640x480@30:rgb24"`.
        isolate: Whether to decode in a process of its own, so that a file that crashes the decoder
            costs no more than this sequence ([seqimg.sequences.isolated.reader][]).

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
    spec = unlike_files(text, raw=raw is not None) or by_scheme(text)
    place: str | Path = text if spec else Path(source)
    name = spec.name if spec else format_of(text)
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
    _check_understood(reader, asked, masked(text), name)
    if isolate and plugin_host().formats.get(name).isolate:
        return _isolated(name, place, asked)
    return reader(place, **asked)


def is_still(source: str) -> bool:
    """Tell whether a source is one picture, which alone is no sequence.

    Args:
        source: What `open_sequence` takes.

    Example:
        >>> is_still("frames/"), is_still("clip.mp4")
        (False, False)
    """
    path = Path(source)
    return path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() and not is_film(path)


def open_configured(
    source: str | os.PathLike[str], reading: ReadingConfig, *, stills: bool = False
) -> Sequence:
    """Open a sequence as a configuration says, isolated where the system can; errors are those of `open_sequence`.

    Args:
        source: As `open_sequence` takes it.
        reading: How to read it.
        stills: Whether one picture is taken for a sequence of one frame.

    Example:
        >>> import numpy as np
        >>> from seqimg.config import ReadingConfig
        >>> np.save(Path(tmp) / "a.npy", np.zeros((9, 8, 8), np.uint8))
        >>> with open_configured(Path(tmp) / "a.npy", ReadingConfig(axes="THW")) as sequence:
        ...     sequence.info.frame_count
        9
    """
    low_high, text = reading.value_range, os.fspath(source)
    still = stills and is_still(text)
    sequence = open_sequence(
        # A picture is opened as a pattern that fits its name alone.
        f"{glob.escape(text[:-1])}[{text[-1]}]" if still else source,
        on_error=reading.on_error,
        gaps=reading.gaps,
        axes=reading.axes or None,
        array=reading.array or None,
        value_range=(low_high[0], low_high[1]) if low_high else None,
        fill_value=reading.fill_value,
        fit=reading.fit,
        raw=reading.raw or None,
        isolate=can_isolate(),
    )
    if still:
        sequence.info = replace(sequence.info, path=text)
    return sequence if can_isolate() else _said_once(sequence)


def _said_once(sequence: Sequence) -> Sequence:
    """Note at the first sequence that none is isolated here."""
    global _is_said
    if not _is_said:
        notes = (*sequence.info.notes, "read without isolation, which this system does not have")
        sequence.info, _is_said = replace(sequence.info, notes=notes), True
    return sequence


_is_said = False


def _isolated(name: str, place: str | Path, options: dict[str, Any]) -> Sequence:
    from seqimg.sequences.isolated.reader import IsolatedSequence

    if not can_isolate():
        raise UnavailableError("sequences cannot be isolated here", why="that needs a POSIX system")
    return IsolatedSequence(Request(name, place, options))


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
