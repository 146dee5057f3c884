"""`seqimg TASK run`."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Literal

from torch import Tensor

from seqimg import modelfolder
from seqimg.cli.machine import chosen_device, device_sentence, kernel_sentence
from seqimg.cli.output import Bar, command, output
from seqimg.config import Config, ReadingConfig
from seqimg.data import to_frame, to_tensor
from seqimg.errors import SeqimgError, UsageError
from seqimg.plugins import TaskSpec
from seqimg.publish import check_writable, publish_file, write_json
from seqimg.sequences import open_configured, save_sequence
from seqimg.sequences.base import ASSUMED_FPS, Sequence
from seqimg.streaming import Stream

__all__ = ["run"]

_STDOUT = Path("-")


def run(
    spec: TaskSpec,
    source: str,
    model: Path,
    options: Config,
    *,
    reading: ReadingConfig,
    out: Path | None,
    overwrite: bool,
    device: Literal["auto", "cpu", "cuda"],
) -> None:
    """Apply a model to a sequence and write the pictures, and beside them a JSON unless `out` was given.

    Everything is read and decided before the first byte is written; memory does not grow with the
    length of the sequence.

    Raises:
        SeqimgError: The sequence, the model or the output cannot be used.
    """
    stem = _stem(source)
    record = None if out is not None else Path(f"{stem}.{spec.name}.json")
    target = out or Path(f"{stem}.{spec.name}.mp4")
    for path in (target, record):
        if path not in (None, _STDOUT):
            check_writable(path, overwrite=overwrite)
    with _destination(target) as place, open_configured(source, reading) as sequence:
        output().say(sequence.info.sentence())
        summary: dict[str, object] = {
            "task": spec.name,
            "source": source,
            "model": str(model),
            "output": str(target),
        }
        summary |= _apply(spec, sequence, model, options, device, place, overwrite)
        if losses := sequence.losses():
            output().warn(losses)
    if record is not None:
        with publish_file(record, overwrite=overwrite) as temporary:
            write_json(temporary, summary)
    if target != _STDOUT:
        output().data(summary, f"Saved {target} ({summary['frames_written']} frames)")
    output().hint(command("seqimg", spec.name, "eval", "--model", model, "--data", source))


def _apply(
    spec: TaskSpec,
    sequence: Sequence,
    model: Path,
    options: Config,
    device: Literal["auto", "cpu", "cuda"],
    place: Path,
    overwrite: bool,
) -> dict[str, object]:
    """Write what the model makes of the sequence to `place` and return what there is to say of it."""
    where, info = chosen_device(device), sequence.info
    loaded = modelfolder.load(model, task=spec.name, device=where)
    _check_channels(sequence, loaded.task.config.channels, model)
    output().say(device_sentence(where, device))
    if sentence := kernel_sentence(loaded.model, where, streaming=True):
        output().say(sentence)
    stream = Stream(loaded.model, where)
    rate = info.fps or Fraction(ASSUMED_FPS)
    with output().progress("Reading", total=info.frame_count) as bar:
        pictures = loaded.task.pictures(stream, _tensors(sequence, bar), options)
        # Only with the first picture in hand is it certain that there is something to write.
        first = next(pictures, None)
        if first is None:
            raise SeqimgError(
                f"{info.path} gave no pictures", why="the task answered nothing for these frames"
            )
        frames = (to_frame(picture, info.dtype, info.value_range) for picture in chain([first], pictures))
        saved = save_sequence(frames, place, fps=rate, value_range=info.value_range, overwrite=overwrite)
    if saved.notes:
        output().say(f"Written with {', '.join(saved.notes)}.")
    return {
        "options": options.model_dump(mode="json"),
        "frames_read": stream.frames_seen,
        "frames_left_out": [asdict(damage) for damage in sequence.damage],
        "frames_written": saved.frame_count,
        "fps": float(rate),
        "codec": saved.codec,
        "notes": list(saved.notes),
    }


def _stem(source: str) -> str:
    """Return what results are called after: a file's name without its suffix, or a folder's name."""
    path = Path(source).absolute()
    return path.name if path.is_dir() else path.stem


@contextmanager
def _destination(target: Path) -> Iterator[Path]:
    """Yield where to write: the target, or a temporary video that goes to standard output in the end."""
    if target != _STDOUT:
        yield target
        return
    if output().json or sys.stdout.isatty():
        why = "--json prints there" if output().json else "it is a terminal"
        raise UsageError("cannot write a video to standard output", why=why, hint="-o out.mp4")
    with tempfile.TemporaryDirectory(prefix="seqimg-") as folder:
        place = Path(folder) / "video.mp4"
        yield place
        with place.open("rb") as video:
            shutil.copyfileobj(video, sys.stdout.buffer)


def _tensors(sequence: Sequence, bar: Bar) -> Iterator[Tensor]:
    value_range = sequence.info.value_range
    for frame in sequence:
        yield to_tensor(frame, value_range)
        bar.advance()


def _check_channels(sequence: Sequence, channels: int, model: Path) -> None:
    if sequence.info.channels != channels:
        raise SeqimgError(
            f"the model in {model} cannot read {sequence.info.path}",
            why=f"it was trained on frames of {channels} channels, these have {sequence.info.channels}",
        )
