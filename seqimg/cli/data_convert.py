"""The work of `seqimg data convert`."""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

from seqimg.cli.output import as_word, command, output
from seqimg.cli.targets import check_stdout
from seqimg.config import ReadingConfig
from seqimg.errors import UsageError
from seqimg.masking import masked
from seqimg.publish import check_writable
from seqimg.sequences import open_configured
from seqimg.sequences.base import ASSUMED_FPS, Sequence
from seqimg.sequences.convert import ChangedFrames, Conversion, Converted, convert_sequence
from seqimg.sequences.geometry import Crop, Size
from seqimg.sequences.publishing import SavedSequence
from seqimg.sequences.raw.piping import RawPipe
from seqimg.sequences.selection import Moment, Span

__all__ = ["convert"]

_STDOUT = "-"
_FINE = Fraction(1_000_000)


def convert(
    source: str,
    target: str,
    reading: ReadingConfig,
    changes: Mapping[str, str],
    *,
    every: int,
    quality: int | None,
    keep_audio: bool,
    overwrite: bool,
) -> None:
    """Convert a sequence as the command line says, and tell what was done.

    Args:
        source: What to convert.
        target: Where to.
        reading: How to read.
        changes: Values of `--start`, `--end`, `--fps`, `--crop` and `--size` that were given.
        every: Of the frames, each so many.
        quality: For formats that lose anything.
        keep_audio: Whether to copy the sound.
        overwrite: Whether what is there may be replaced.

    Raises:
        SeqimgError: The sequence, a value or the output cannot be used. Nothing is left behind.
    """
    conversion = Conversion(
        span=_span(changes, every),
        fps=_rate(changes["fps"]) if "fps" in changes else None,
        crop=Crop.parse(changes["crop"]) if "crop" in changes else None,
        size=Size.parse(changes["size"]) if "size" in changes else None,
        quality=quality,
        keep_audio=keep_audio,
    )
    if target == _STDOUT:
        check_stdout(keep_audio=conversion.keep_audio, quality=conversion.quality)
    else:
        check_writable(Path(target), overwrite=overwrite)
    with open_configured(source, reading) as sequence:
        output().say(sequence.info.sentence())
        with output().progress("Converting", total=_expected(sequence, conversion.span)) as bar:
            if target == _STDOUT:
                done = _pipe(ChangedFrames(sequence, conversion, lambda: bar.advance()))
            else:
                done = convert_sequence(
                    sequence, target, conversion, overwrite=overwrite, advance=lambda: bar.advance()
                )
        losses = sequence.losses()
    if losses:
        output().warn(losses)
    for sentence in _sentences(done, conversion):
        output().say(sentence)
    if target == _STDOUT:
        return
    output().data(
        {
            "source": masked(source),
            "output": target,
            "frames_lost": [asdict(lost) for lost in sequence.damage],
        }
        | _figures(done),
        f"Saved {target} ({_frames(done.saved.frame_count)})",
    )
    output().hint(command("seqimg", "data", "info", as_word(target)))


def _pipe(frames: ChangedFrames) -> Converted:
    """Hand raw pixels to whatever reads standard output."""
    pipe = RawPipe(sys.stdout.buffer, frames.info)
    output().say(f"Raw {pipe.pixels} on standard output: {pipe.command}")
    written = 0
    for frame in frames:
        pipe.write(frame.pixels)
        written += 1
    saved = SavedSequence(Path(_STDOUT), written, pipe.pixels, (*frames.notes, *pipe.notes))
    return Converted(saved, frames.read, frames.counts.dropped, frames.counts.repeated)


def _span(changes: Mapping[str, str], every: int) -> Span:
    start = Moment.parse(changes["start"]) if "start" in changes else None
    end = Moment.parse(changes["end"]) if "end" in changes else None
    if start is not None and end is not None:
        alike = (start.frame is None) == (end.frame is None)
        if alike and start.place(_FINE) >= end.place(_FINE):
            raise UsageError(
                f"--end {changes['end']} is not after --start {changes['start']}", why="nothing lies between"
            )
    return Span(start, end, every)


def _rate(text: str) -> Fraction:
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise UsageError(
            f"--fps {text!r} is no frame rate", why="it is a number such as 25, 29.97 or 30000/1001"
        ) from error
    if rate <= 0:
        raise UsageError(f"--fps {text} is no frame rate", why="it must be above 0")
    return rate


def _expected(sequence: Sequence, span: Span) -> int | None:
    """Return how many frames will come, as far as can be told, for the progress bar."""
    count, rate = sequence.info.frame_count, sequence.info.fps or ASSUMED_FPS
    if count is None:
        return None
    first = 0 if span.start is None else span.start.place(rate)
    last = count if span.end is None else min(count, span.end.place(rate))
    return max(1, (last - first) // span.every)


def _sentences(done: Converted, conversion: Conversion) -> list[str]:
    said = []
    if conversion.fps is not None:
        said.append(
            f"At {float(conversion.fps):.6g} frames a second, {_frames(done.dropped)} of {done.frames_read}"
            f" left out and {_frames(done.repeated)} shown again."
        )
    if done.saved.notes:
        said.append(f"Written: {', '.join(done.saved.notes)}.")
    return said


def _figures(done: Converted) -> dict[str, object]:
    return {
        "frames_read": done.frames_read,
        "frames_written": done.saved.frame_count,
        "frames_dropped": done.dropped,
        "frames_repeated": done.repeated,
        "codec": done.saved.codec,
        "notes": list(done.saved.notes),
    }


def _frames(count: int) -> str:
    return f"{count} frame" if count == 1 else f"{count} frames"
