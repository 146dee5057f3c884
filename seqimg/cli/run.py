"""`seqimg TASK run`."""

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Literal

from seqimg import modelfolder
from seqimg.batch.application import Application
from seqimg.batch.sources import Many, several
from seqimg.cli.fields import reading_flags
from seqimg.cli.machine import chosen_device, device_sentence, kernel_sentence
from seqimg.cli.many import ManyOptions, check_single, run_many
from seqimg.cli.output import command, output
from seqimg.config import Config, ReadingConfig
from seqimg.errors import UsageError
from seqimg.masking import is_address, masked
from seqimg.plugins import TaskSpec
from seqimg.publish import check_writable, publish_file, write_json
from seqimg.sequences import open_configured, save_sequence
from seqimg.sequences.base import Sequence, SequenceInfo
from seqimg.sequences.formats import by_suffix
from seqimg.sequences.pictures.patterns import is_pattern, plain_name
from seqimg.sequences.pixeltypes import Pixels
from seqimg.sequences.publishing import SavedSequence
from seqimg.sequences.raw.piping import RawPipe

__all__ = ["run"]

_STDOUT = Path("-")
_SINGLE = ManyOptions()


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
    chosen: ManyOptions = _SINGLE,
) -> None:
    """Apply a model to a sequence and write the pictures, and beside them a JSON unless `out` was given.

    Everything is read and decided before the first byte is written; memory does not grow with the
    length of the sequence. A source that is many sequences goes to [seqimg.cli.many.run_many][].

    Raises:
        SeqimgError: The sequence, the model or the output cannot be used.
    """
    stem = _stem(source)
    if many := several(source, out or Path(f"{stem}.{spec.name}"), each=chosen.each):
        _check_folder(many, out)
        run_many(
            spec, many, model, options, reading=reading, overwrite=overwrite, device=device, chosen=chosen
        )
        return
    check_single(source, chosen)
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
        again: list[str | Path] = ["--model", model, "--data", masked(source), *reading_flags(reading)]
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
    work = Application(loaded, model, sequence, options, where)
    output().say(device_sentence(where, device))
    if sentence := kernel_sentence(loaded.model, where, streaming=True):
        output().say(sentence)
    with output().progress("Reading", total=info.frame_count) as bar:
        frames = work.frames(bar.advance)
        if target == _STDOUT:
            saved = _pipe(frames, replace(info, fps=work.rate))
        else:
            saved = save_sequence(
                frames, target, fps=work.rate, value_range=info.value_range, overwrite=overwrite
            )
    if saved.notes:
        output().say(f"Written with {', '.join(saved.notes)}.")
    return work.summary(saved)


def _check_folder(many: Many, out: Path | None) -> None:
    """Refuse the name of a file where a folder is needed."""
    if out is None or out.is_dir():
        return
    if out == _STDOUT or by_suffix(out.name, "writer") is not None:
        raise UsageError(
            f"-o {out} is no folder",
            why=f"{many.source} is several sequences; each has a result of its own",
            hint=f"-o results --format {out.suffix[1:]}" if out.suffix else "-o results",
        )


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
    for frame in chain([first], frames):
        pipe.write(frame)
        count += 1
    return SavedSequence(_STDOUT, count, pipe.pixels, pipe.notes)
