"""`seqimg TASK run`."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from seqimg import modelfolder
from seqimg.batch.application import Application
from seqimg.batch.flow import Flow
from seqimg.batch.sources import Many, several
from seqimg.batch.table import speed_lines
from seqimg.batch.writing import about, summary_of, write_answers
from seqimg.cli.fields import reading_flags
from seqimg.cli.machine import chosen_device, device_sentence, kernel_sentence
from seqimg.cli.many import ManyOptions, check_single, run_many
from seqimg.cli.output import command, on_one_line, output
from seqimg.cli.pace import check_many, flow_of, flow_sentence, kept_on_interrupt, loaded_options
from seqimg.cli.targets import STDOUT, check_targets, pipe_pixels
from seqimg.config import Config, PaceConfig, ReadingConfig
from seqimg.errors import UsageError
from seqimg.masking import is_address, masked
from seqimg.plugins import TaskSpec
from seqimg.publish import publish_file, write_json
from seqimg.rows import ROW_FORMATS, RecordRows, rows_file
from seqimg.sequences.base import Sequence as Source
from seqimg.sequences.formats import by_suffix
from seqimg.sequences.open import is_still, open_configured
from seqimg.sequences.pictures.patterns import is_pattern, plain_name
from seqimg.sequences.pixeltypes import PICTURE_CHANNELS
from seqimg.task import Shown, Task

__all__ = ["run"]

_SINGLE = ManyOptions()
_UNASKED = PaceConfig()


def run(
    spec: TaskSpec,
    source: str,
    model: Path,
    options: Config,
    *,
    reading: ReadingConfig,
    pace: PaceConfig = _UNASKED,
    out: Path | None,
    overwrite: bool,
    device: Literal["auto", "cpu", "cuda"],
    chosen: ManyOptions = _SINGLE,
) -> None:
    """Apply a model to a sequence and write the pictures, and beside them a JSON unless `out` was given.

    Unasked, pictures go to a video, one picture to a PNG, and channels that make no picture to a `.npy` file.

    Everything is read and decided before the first byte is written; memory does not grow with the
    length of the sequence. What a live source gave before it broke off, or before Ctrl-C, is kept.
    A source that is many sequences goes to [seqimg.cli.many.run_many][].

    Raises:
        SeqimgError: The sequence, the model or the output cannot be used.
    """
    stem = _stem(source)
    if many := several(source, out or Path(f"{stem}.{spec.name}"), each=chosen.each):
        _check_folder(many, out)
        check_many(pace, source)
        run_many(
            spec, many, model, options, reading=reading, overwrite=overwrite, device=device, chosen=chosen
        )
        return
    check_single(source, chosen)
    record = None if out is not None else Path(f"{stem}.{spec.name}.json")
    ending = ".png" if is_still(source) else ".mp4"
    target = out or Path(f"{stem}.{spec.name}{ending}")
    check_targets(target, record, overwrite=overwrite)
    with open_configured(source, reading, stills=True) as sequence:
        output().say(sequence.info.sentence())
        flow = flow_of(pace, sequence.info)
        work = _work(spec, sequence, model, loaded_options(spec, options, flow), device, flow)
        if out is None and work.source.channels not in PICTURE_CHANNELS:
            target = target.with_suffix(".npy")
            check_targets(target, record, overwrite=overwrite)
            output().say(f"No video holds {work.source.channels} channels; an array does.")
        about_it = {"task": spec.name, "source": masked(source), "model": str(model), "output": str(target)}
        with kept_on_interrupt(work, flow) as interrupted:
            summary = about_it | _written(work, target, record, about_it, overwrite)
        for line in speed_lines(summary["timing"]):
            output().say(line)
        if losses := sequence.losses():
            output().warn(losses)
    if target != STDOUT:
        output().data(summary, _saved(target, summary))
    if work.broken is not None:
        raise work.broken
    if interrupted:
        raise KeyboardInterrupt
    if not work.source.live and not is_still(source):  # one picture cannot be measured
        again: list[str | Path] = ["--model", model, *reading_flags(reading)]
        output().hint(_next(work.task, masked(source), again, stem, rows="rows_written" in summary))


def _next(task: Task[Any, Any, Any], source: str, again: list[str | Path], stem: str, *, rows: bool) -> str:
    """Return the command to try next: what a sequence shows cannot be measured by itself without labels."""
    if not task.labels():
        return command("seqimg", task.name, "eval", "--data", source, *again)
    if not rows:
        return command("seqimg", task.name, "run", source, *again, "-o", f"{stem}.{task.name}.csv")
    return command("seqimg", task.name, "eval", "--data", "LABELLED", *again)


def _work(
    spec: TaskSpec,
    sequence: Source,
    model: Path,
    options: Config,
    device: Literal["auto", "cpu", "cuda"],
    flow: Flow,
) -> Application:
    """Load the model, and say where and how it computes."""
    where = chosen_device(device)
    loaded = modelfolder.load(model, task=spec.name, device=where)
    work = Application(loaded, model, sequence, options, where, flow)
    if sentence := work.resampling():
        output().say(sentence)
    if sentence := work.other_rate():
        output().say(sentence)
    if sentence := flow_sentence(flow, sequence.info):
        output().say(sentence)
    if loaded.config.pre:
        output().say(f"Each frame first goes through {', '.join(loaded.config.pre)}, as in training.")
    output().say(device_sentence(where, device))
    if sentence := kernel_sentence(loaded.model, where, streaming=True):
        output().say(sentence)
    return work


def _written(
    work: Application, target: Path, record: Path | None, about_it: Mapping[str, Any], overwrite: bool
) -> dict[str, Any]:
    """Write answers to `target`, and to `record` what there is to say of them; return that."""
    if record is None:
        return _apply(work, target, overwrite, [_told(target)])
    if not work.columns:
        summary = _apply(work, target, overwrite, [_told(target)])
        with publish_file(record, overwrite=overwrite) as temporary:
            write_json(temporary, {**about_it, **summary})
        return summary
    rows = RecordRows(work.columns, about(work))
    with rows_file(record, rows, overwrite=overwrite) as file:
        summary = _apply(work, target, overwrite, [_told(target), lambda shown: file.add(shown.rows)])
        rows.summary = {**about_it, **summary}
    return summary


def _apply(
    work: Application, target: Path, overwrite: bool, told: Sequence[Callable[[Shown], object]]
) -> dict[str, Any]:
    """Write what the model makes of the sequence to `target` and return what there is to say of it."""

    def tell(shown: Shown) -> None:
        for hearer in told:
            hearer(shown)

    with output().progress("Reading", total=work.source.frame_count) as bar:
        if target != STDOUT:
            found = write_answers(work, target, overwrite=overwrite, advance=bar.advance, tell=tell)
        else:
            with closing(work.frames(bar.advance, tell)) as frames:
                found = summary_of(work, pipe_pixels(frames, replace(work.source, fps=work.rate)))
    if notes := found["notes"]:
        output().say(f"Written with {', '.join(notes)}.")
    return {**found, "timing": work.timing.record(live=work.flow.live)}


def _told(target: Path) -> Callable[[Shown], None]:
    """Return what prints answers as they come: lines for people, rows for programs; nothing among pixels."""

    def tell(shown: Shown) -> None:
        if target == STDOUT:
            return
        if output().json:
            for row in shown.rows:
                output().data(dict(row), "")
        elif shown.line is not None:
            output().data(shown.line, on_one_line(shown.line))

    return tell


def _saved(target: Path, summary: Mapping[str, object]) -> str:
    if "rows_written" in summary:
        return f"Saved {target} ({summary['rows_written']} rows)"
    many = "" if summary["frames_written"] == 1 else f" ({summary['frames_written']} frames)"
    return f"Saved {target}{many}"


def _check_folder(many: Many, out: Path | None) -> None:
    """Refuse the name of a file where a folder is needed."""
    if out is None or out.is_dir():
        return
    if out == STDOUT or out.suffix in ROW_FORMATS or by_suffix(out.name, "writer") is not None:
        raise UsageError(
            f"-o {out} is no folder",
            why=f"{many.source} is several sequences; each has a result of its own",
            hint=f"-o results --format {out.suffix[1:]}" if out.suffix else "-o results",
        )


def _stem(source: str) -> str:
    """Return what results are called after: a file's name without its suffix, or a folder's name."""
    if source == str(STDOUT):
        return "stdin"
    if is_address(source) or source.startswith("camera:"):
        # Without what may be secret, and without what file names cannot hold everywhere.
        name = Path(masked(source).partition("?")[0]).name
        return re.sub(r"[^\w.-]+", "-", Path(name).stem).strip("-") or "video"
    path = Path(source).absolute()
    if is_pattern(source) and not path.exists():
        return plain_name(source)
    return path.name if path.is_dir() else path.stem
