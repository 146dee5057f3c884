"""`seqimg TASK run`."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Literal

from torch import Tensor

from seqimg import modelfolder
from seqimg.cli.machine import chosen_device, device_sentence
from seqimg.cli.output import Bar, output
from seqimg.config import Config
from seqimg.data import to_frame, to_tensor
from seqimg.errors import SeqimgError
from seqimg.plugins import TaskSpec
from seqimg.publish import check_writable, publish_file, write_json
from seqimg.sequences import open_sequence, save_sequence
from seqimg.sequences.base import ASSUMED_FPS, Sequence
from seqimg.streaming import Stream

__all__ = ["run"]


def run(
    spec: TaskSpec,
    source: str,
    model: Path,
    options: Config,
    *,
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
    stem = Path(source.rstrip("/")).stem
    target = out or Path(f"{stem}.{spec.name}.mp4")
    record = None if out is not None else Path(f"{stem}.{spec.name}.json")
    for path in [target, *([record] if record else [])]:
        check_writable(path, overwrite=overwrite)
    where = chosen_device(device)
    with open_sequence(source) as sequence:
        output().say(sequence.info.sentence())
        loaded = modelfolder.load(model, task=spec.name, device=where)
        _check_channels(sequence, loaded.task.config.channels, model)
        output().say(device_sentence(where, device))
        stream = Stream(loaded.model, where)
        with output().progress("Reading", total=sequence.info.frame_count) as bar:
            pictures = loaded.task.pictures(stream, _tensors(sequence, bar), options)
            first = list(_take(pictures))
            if not first:
                raise SeqimgError(
                    f"{source} gave no pictures", why="the task answered nothing for these frames"
                )
            info, rate = sequence.info, sequence.info.fps or Fraction(ASSUMED_FPS)
            frames = (to_frame(picture, info.dtype, info.value_range) for picture in chain(first, pictures))
            saved = save_sequence(frames, target, fps=rate, value_range=info.value_range, overwrite=overwrite)
    summary = {
        "task": spec.name,
        "source": source,
        "model": str(model),
        "options": options.model_dump(mode="json"),
        "frames_read": stream.frames_seen,
        "frames_written": saved.frame_count,
        "fps": float(rate),
        "output": str(saved.path),
        "notes": list(saved.notes),
    }
    if record is not None:
        with publish_file(record, overwrite=overwrite) as temporary:
            write_json(temporary, summary)
    for note in saved.notes:
        output().say(note)
    output().data(summary, f"Saved {saved.path} ({saved.frame_count} frames)")
    output().hint(f"seqimg {spec.name} eval --model {model} --data {source}")


def _tensors(sequence: Sequence, bar: Bar) -> Iterator[Tensor]:
    value_range = sequence.info.value_range
    for frame in sequence:
        yield to_tensor(frame, value_range)
        bar.advance()


def _take(pictures: Iterator[Tensor]) -> Iterator[Tensor]:
    """Yield the first picture, if there is one: only then is it certain that there is something to write."""
    for picture in pictures:
        yield picture
        return


def _check_channels(sequence: Sequence, channels: int, model: Path) -> None:
    if sequence.info.channels != channels:
        raise SeqimgError(
            f"{sequence.info.path} has {sequence.info.channels} channels, the model in {model} takes {channels}",
            why="it was trained on frames of another kind",
        )
