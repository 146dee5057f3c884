"""`seqimg TASK run`."""

import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Literal

from torch import Tensor

from seqimg import modelfolder
from seqimg.cli.fields import reading_flags
from seqimg.cli.machine import chosen_device, device_sentence, kernel_sentence
from seqimg.cli.output import Bar, command, output
from seqimg.config import Config, ReadingConfig
from seqimg.data import to_frame, to_tensor
from seqimg.errors import SeqimgError, UsageError
from seqimg.plugins import TaskSpec
from seqimg.publish import check_writable, publish_file, write_json
from seqimg.sequences import open_configured, save_sequence
from seqimg.sequences.base import ASSUMED_FPS, Sequence, SequenceInfo
from seqimg.sequences.live.masking import is_address, masked
from seqimg.sequences.pictures.patterns import is_pattern, plain_name
from seqimg.sequences.pixeltypes import Pixels
from seqimg.sequences.publishing import SavedSequence
from seqimg.sequences.raw.piping import RawPipe
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
        if path == _STDOUT:
            _check_stdout()
        elif path is not None:
            check_writable(path, overwrite=overwrite)
    with open_configured(source, reading) as sequence:
        output().say(sequence.info.sentence())
        summary: dict[str, object] = {
            "task": spec.name,
            "source": masked(source),
            "model": str(model),
            "output": str(target),
        }
        summary |= _apply(spec, sequence, model, options, device, target, overwrite)
        if losses := sequence.losses():
            output().warn(losses)
    if record is not None:
        with publish_file(record, overwrite=overwrite) as temporary:
            write_json(temporary, summary)
    if target != _STDOUT:
        output().data(summary, f"Saved {target} ({summary['frames_written']} frames)")
    if not sequence.info.live:
        again = ["--model", model, "--data", masked(source), *reading_flags(reading)]
        output().hint(command("seqimg", spec.name, "eval", *again))


def _apply(
    spec: TaskSpec,
    sequence: Sequence,
    model: Path,
    options: Config,
    device: Literal["auto", "cpu", "cuda"],
    target: Path,
    overwrite: bool,
) -> dict[str, object]:
    """Write what the model makes of the sequence to `target` and return what there is to say of it."""
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
        frames = (
            to_frame(picture, info.dtype, info.value_range, info.fill_value)
            for picture in chain([first], pictures)
        )
        if target == _STDOUT:
            saved = _pipe(frames, replace(info, fps=rate))
        else:
            saved = save_sequence(frames, target, fps=rate, value_range=info.value_range, overwrite=overwrite)
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
    if source == str(_STDOUT):
        return "stdin"
    if is_address(source) or source.startswith("camera:"):
        # Without what may be secret, and without what file names cannot hold everywhere.
        name = Path(masked(source).partition("?")[0]).name
        return re.sub(r"[^\w.-]+", "-", Path(name).stem).strip("-") or "video"
    path = Path(source).absolute()
    if is_pattern(source) and not path.exists():
        return plain_name(source)
    return path.name if path.is_dir() else path.stem


def _check_stdout() -> None:
    if output().json or sys.stdout.isatty():
        why = "--json prints there" if output().json else "it is a terminal"
        raise UsageError("cannot write pixels to standard output", why=why, hint="-o out.mp4")


def _pipe(frames: Iterator[Pixels], info: SequenceInfo) -> SavedSequence:
    """Write raw pixels to standard output as they come, and say how to receive them."""
    first = next(frames)
    height, width, channels = first.shape
    pipe = RawPipe(sys.stdout.buffer, replace(info, height=height, width=width, channels=channels))
    output().say(f"Writing raw pixels to standard output; to be read with {pipe.command}.")
    count = 0
    for count, frame in enumerate(chain([first], frames), 1):  # noqa: B007 -- it is what was counted
        pipe.write(frame)
    return SavedSequence(_STDOUT, count, pipe.pixels, pipe.notes)


def _tensors(sequence: Sequence, bar: Bar) -> Iterator[Tensor]:
    info = sequence.info
    for frame in sequence:
        yield to_tensor(frame, info.value_range, info.missing(frame) if info.may_miss else None)
        bar.advance()


def _check_channels(sequence: Sequence, channels: int, model: Path) -> None:
    if sequence.info.channels != channels:
        raise SeqimgError(
            f"the model in {model} cannot read {sequence.info.path}",
            why=f"it was trained on frames of {channels} channels, these have {sequence.info.channels}",
        )
