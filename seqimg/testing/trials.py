"""What a task may learn from, and what a format can hold, found by trying."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from seqimg.data.layouts import read
from seqimg.errors import SeqimgError, UsageError
from seqimg.plugins import TaskSpec
from seqimg.plugins.manager import plugin_host
from seqimg.sequences import open_sequence, open_writer
from seqimg.testing.checking import SkipTest, require
from seqimg.testing.command_line import run_command
from seqimg.testing.sequences import moving_square
from seqimg.testing.training import few

__all__ = ["Source", "copied", "kinds_held_by", "looks_like", "source_for"]

Source = Callable[[Path], Sequence[str]]
"""Writes sequences into an empty folder and names them as `--data` takes them."""

_KINDS = ((1, "uint8"), (3, "uint8"), (1, "uint16"), (3, "uint16"), (1, "float32"))


def source_for(spec: TaskSpec, data: Sequence[str]) -> Source:
    """Return what a task can learn from: `data`, or the first of some small data sets if that is empty.

    Raises:
        SkipTest: None of the small data sets suits it.
        BrokenContractError: It cannot learn from `data`.
    """
    sources: list[Source] = [lambda folder: list(data)] if data else [_squares, _labelled, _boxed]
    reasons = []
    for source in sources:
        reason = _unsuitable(spec, source)
        if reason is None:
            return source
        reasons.append(reason)
    require(not data, f"it cannot learn from {', '.join(data)}: {reasons[0]}")
    raise SkipTest(
        f"none of the small data sets suits it ({reasons[0]}): seqimg plugins check NAME --data PATH"
    )


def kinds_held_by(suffix: str) -> tuple[tuple[int, str], ...]:
    """Return the channels and dtypes that a format's writer takes, and its reader gives back.

    Raises:
        SkipTest: Its files do not say what they hold.
    """
    held = []
    for channels, dtype in _KINDS:
        with TemporaryDirectory() as folder, suppress(SeqimgError):
            path = Path(folder) / f"a{suffix}"
            frames = moving_square(2, (24, 32), channels, dtype)
            with open_writer(path, fps=25) as writer:
                for frame in frames:
                    writer.write(frame)
            try:
                with open_sequence(path) as sequence:
                    found = sequence.info
            except UsageError as error:
                raise SkipTest(f"its files cannot be read without options: {error.message}") from error
            if (found.channels, found.dtype) == (channels, dtype):
                held.append((channels, dtype))
    return tuple(held)


def looks_like(layout: str, place: str) -> bool:
    """Return whether a data set can be read as a layout."""
    with suppress(SeqimgError):
        return bool(read(place, layout).items)
    return False


def copied(place: str, folder: Path) -> Path:
    """Return a copy of a data set in a folder, to be damaged."""
    source, target = Path(place), folder / Path(place).name
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)
    return target


def _unsuitable(spec: TaskSpec, source: Callable[[Path], Sequence[str]]) -> str | None:
    """Return why a task cannot learn from what a source makes, None if it can."""
    tasks = plugin_host().tasks
    with TemporaryDirectory() as folder:
        config = tasks.load(spec.name, "config")(
            data=tuple(source(Path(folder))), crop=16, size=64, batch_size=2
        )
        task = tasks.load(spec.name)(config)
        try:
            with task.datasets() as found:
                ready = task.settled(found)
                ready.expected(few(found.train, 2).batch())
        except SeqimgError as error:
            return error.message
    return None


def _squares(folder: Path) -> Sequence[str]:
    np.save(folder / "square.npy", moving_square(40))
    return [str(folder / "square.npy")]


def _labelled(folder: Path) -> Sequence[str]:
    for number in range(12):
        place = folder / "classes" / ("dark", "light")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        clip = moving_square(20, seed=number)
        np.save(place / f"{number}.npy", clip if number % 2 else clip // 2)
    return [str(folder / "classes")]


def _boxed(folder: Path) -> Sequence[str]:
    made = run_command(
        "data", "make", "tracks", "boxes", "--count=6", "--length=20", "--size=48", folder=folder
    )
    require(made.code == 0, made.err)
    return [str(folder / "boxes")]
