"""Where results go: files that may be written, and standard output, which takes raw pixels."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path

from seqimg.cli.output import output
from seqimg.errors import UsageError
from seqimg.publish import check_writable
from seqimg.sequences.base import SequenceInfo
from seqimg.sequences.pixeltypes import Pixels
from seqimg.sequences.publishing import SavedSequence
from seqimg.sequences.raw.piping import RawPipe

__all__ = ["STDOUT", "check_stdout", "check_targets", "pipe_pixels"]

STDOUT = Path("-")
"""What standard output is called on a command line."""


def check_targets(*targets: Path | None, overwrite: bool) -> None:
    """Refuse, before any work, what cannot be written.

    Raises:
        SeqimgError: Something is in the way, or standard output cannot take pixels.
    """
    for path in targets:
        if path == STDOUT:
            check_stdout()
        elif path is not None:
            check_writable(path, overwrite=overwrite)


def check_stdout(**without: object) -> None:
    """Refuse to write pixels where they would be seen as letters, and options that mean nothing for raw pixels.

    Args:
        without: Values of such options, by name.

    Raises:
        UsageError: It is a terminal, `--json` prints there, or one of the options is given.
    """
    if output().json or sys.stdout.isatty():
        why = "--json prints there" if output().json else "it is a terminal"
        raise UsageError("cannot write pixels to standard output", why=why, hint="-o out.mp4")
    for name, value in without.items():
        if value:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} means nothing for raw pixels on standard output")


def pipe_pixels(frames: Iterator[Pixels], info: SequenceInfo, *, endless: bool = False) -> SavedSequence:
    """Write raw pixels to standard output as they come, and say how to receive them.

    Args:
        frames: At least one, `[H, W, C]`.
        info: What is known of them; their size is taken from the first.
        endless: Whether it is the reader who decides when they end.
    """
    first = next(frames)
    height, width, channels = first.shape
    pipe = RawPipe(sys.stdout.buffer, replace(info, height=height, width=width, channels=channels))
    output().say(f"Writing raw pixels to standard output; to be read with {pipe.command}.")
    count = 0
    with suppress(*([BrokenPipeError] if endless else [])):
        for frame in chain([first], frames):
            pipe.write(frame)
            count += 1
    return SavedSequence(STDOUT, count, pipe.pixels, pipe.notes)
