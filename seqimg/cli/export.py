"""`seqimg TASK export`."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch

from seqimg import modelfolder
from seqimg.cli.output import Table, command, output
from seqimg.data import Datasets
from seqimg.data.datasets import ClipDataset
from seqimg.errors import CheckFailedError, SeqimgError, UsageError
from seqimg.export.exporting import Exported, export_model, in_precision, write_graph
from seqimg.export.measuring import Measured, Spread, frames_of, measured, milliseconds
from seqimg.export.sidecar import sidecar_path
from seqimg.export.trials import in_onnx, in_torch, trial_frames
from seqimg.masking import masked
from seqimg.modelfolder import LoadedModel
from seqimg.plugins import TaskSpec
from seqimg.publish import check_writable
from seqimg.task import Task
from seqimg.training.evaluation import good_ends

__all__ = ["Wanted", "export"]

_ENDINGS = {"onnx": ".onnx", "torch": ".pt2"}
_CALIBRATION = 200  # frames
_MUCH = 0.1  # share by which a figure may be worse


@dataclass(frozen=True)
class Wanted:
    """What a graph is to be like; see the flags of the command."""

    kind: Literal["onnx", "torch"]
    precision: Literal["fp32", "fp16", "int8"]
    size: tuple[int, int] | None
    batch: int | None
    clips: int
    accept_worse: bool


def export(
    spec: TaskSpec,
    model: Path,
    out: Path | None,
    wanted: Wanted,
    *,
    data: list[str],
    settled: Mapping[str, object],
    overwrite: bool,
) -> None:
    """Export a model's step, measure it, and write graph and JSON.

    Args:
        spec: The task.
        model: The model's folder.
        out: The graph's file; None for one named after the task, here.
        wanted: What the graph is to be like.
        data: What to measure on; nothing for what the model was trained on.
        settled: Values of the configuration that decide what it computes.
        overwrite: Whether what is there is replaced.

    Raises:
        UsageError: What is asked for does not go together.
        CheckFailedError: The graph answers much worse than the model.
        SeqimgError: It cannot be exported or written.
    """
    target = _target(spec, out, wanted)
    for path in (target, sidecar_path(target)):
        check_writable(path, overwrite=overwrite)
    loaded = modelfolder.load(model, task=spec.name)
    task = loaded.task.with_config(**settled)
    with _opened(task, data, needed=wanted.precision == "int8") or nullcontext() as datasets:
        with output().progress("Exporting"):
            found = export_model(loaded, wanted.kind, size=wanted.size, batch=wanted.batch, task=task)
        for note in found.notes:
            output().say(note)
        clips = None if datasets is None else _clips(datasets, wanted, found)
        found, rows = _measured(loaded, task, found, clips, wanted)
    _judge(task, rows, wanted)
    record = write_graph(
        replace(found, more={"model": masked(str(model)), "measured": [asdict(row) for row in rows]}),
        target,
        overwrite=overwrite,
    )
    said = {"graph": str(target), "description": str(sidecar_path(target)), "error": found.error}
    shown = {key: record[key] for key in ("file", "frames", "outputs", "state", "notes", "measured")}
    output().data({**said, **shown}, _table(rows))
    output().say(f"Saved {target}, and {sidecar_path(target)} which says how to run it.")
    if wanted.kind == "onnx" and found.step.channels == task.config.channels:
        output().hint(command("seqimg", "export", "check", target, "VIDEO", "--model", model))


def _target(spec: TaskSpec, out: Path | None, wanted: Wanted) -> Path:
    ending = _ENDINGS[wanted.kind]
    if wanted.kind == "torch" and wanted.precision != "fp32":
        raise UsageError(
            f"--precision {wanted.precision} does not go with --format torch",
            why="only ONNX graphs are converted",
        )
    if out is not None and out.suffix.lower() != ending:
        raise UsageError(
            f"cannot write {out}",
            why=f"--format {wanted.kind} writes {ending} files",
            hint=f"-o {out.stem}{ending}",
        )
    return out or Path(f"{spec.name}{ending}")


def _opened(task: Task[Any, Any, Any], data: list[str], *, needed: bool) -> Datasets | None:
    """Open the data to measure on: those named, or those the model was trained on."""
    if not (data or task.config.data):
        if needed:
            raise UsageError("int8 needs data to see the size of numbers from", hint="--data VIDEO")
        return None
    try:
        with output().progress("Reading"):
            found = (task.with_config(data=tuple(data)) if data else task).datasets()
    except SeqimgError as error:
        if data or needed:
            raise
        output().say(f"Nothing to measure figures on: {error.message}. Name other data with --data.")
        return None
    if found.channels != task.config.channels:
        found.close()
        raise SeqimgError(
            "the model cannot read these sequences",
            why=f"it was trained on frames of {task.config.channels} channels, these have {found.channels}",
        )
    return found


def _clips(datasets: Datasets, wanted: Wanted, found: Exported) -> Spread | None:
    """Return the clips to measure on, None if there are none that the graph takes."""
    if found.step.channels != datasets.channels:
        if wanted.precision == "int8":
            raise SeqimgError(
                "int8 needs data to see the size of numbers from", why="the graph's frames are no pictures"
            )
        output().say("No figures: the graph's frames are no pictures.")
        return None
    chosen = next((part for part in (datasets.val, datasets.test, datasets.train) if len(part)), None)
    if chosen is None:
        return None
    clips = Spread(chosen, wanted.clips)
    sides = found.about.frames.shape[3:]
    height, width = clips[0].frames.shape[-2:]
    if all(isinstance(side, int) for side in sides) and (height, width) != sides:
        text = f"the data's frames have {width}×{height} pixels, the graph takes {sides[1]}×{sides[0]}"
        fitting = f"--size {width}x{height}"
        if wanted.precision == "int8":
            raise SeqimgError(text, why="int8 needs to see how large numbers become", hint=fitting)
        output().say(f"No figures: {text}. {fitting} would fit them.")
        return None
    return clips


def _measured(
    loaded: LoadedModel, task: Task[Any, Any, Any], found: Exported, clips: Spread | None, wanted: Wanted
) -> tuple[Exported, list[Measured]]:
    if wanted.precision == "int8" and clips is None:
        raise SeqimgError("int8 needs data to see the size of numbers from", hint="--data VIDEO")
    frames = trial_frames(found, clips, task)
    ways: list[tuple[str, Exported]] = [("ONNX fp32", found)] if wanted.kind == "onnx" else []
    if wanted.precision != "fp32" and clips is not None:
        with output().progress("Converting"):
            found = in_precision(found, wanted.precision, lambda: frames_of(clips, _CALIBRATION))
    elif wanted.precision != "fp32":
        found = in_precision(found, wanted.precision, lambda: iter(()))
    if wanted.precision != "fp32":
        ways.append((f"ONNX {wanted.precision}", found))
    # One frame at a time is what a graph of one batch size may not take.
    data: ClipDataset | None = clips if wanted.batch in (None, 1) else None
    size = sum(p.numel() * p.element_size() for p in loaded.model.state_dict().values())
    with output().progress("Measuring", total=1 + len(ways)) as bar:
        time = milliseconds(in_torch(task, loaded.model, frames))
        rows = [measured("torch fp32", task, loaded.model, time, data, size)]
        bar.advance()
        for way, one in ways:
            graph = one.session()
            time = milliseconds(in_onnx(graph, frames))
            rows.append(measured(way, task, graph.as_model(), time, data, len(one.graph.SerializeToString())))
            bar.advance()
    height, width = frames[0].shape[-2:]
    output().say(
        f"Timed with {torch.get_num_threads()} threads on frames of {width}×{height} pixels"
        + (f"; figures of {len(data)} clips." if data is not None else "; no figures without data.")
    )
    return found, rows


def _judge(task: Task[Any, Any, Any], rows: list[Measured], wanted: Wanted) -> None:
    """Warn of a conversion that is slower, and refuse one that answers much worse."""
    if wanted.precision == "fp32":
        return
    before, after = rows[-2:]
    if after.milliseconds > before.milliseconds:
        output().warn(
            f"{after.way} is slower than {before.way} on this machine: "
            f"{after.milliseconds:.3g} against {before.milliseconds:.3g} ms a frame"
        )
    name = task.leading_metric
    if name not in before.metrics:
        output().warn(f"nobody knows how much worse {after.way} answers: there were no data to measure on")
        return
    old, new = before.metrics[name], after.metrics[name]
    worse = new - old if good_ends(task)[name] == "lower" else old - new
    if worse > _MUCH * abs(old):
        text = f"{after.way} answers much worse: {name} {new:.4g}, in fp32 {old:.4g}"
        if not wanted.accept_worse:
            raise CheckFailedError(
                text, why="nothing was written", hint="--accept-worse to have it nevertheless"
            )
        output().warn(text)


def _table(rows: list[Measured]) -> Table:
    metrics = list(rows[0].metrics)[:3]
    lines = [
        [
            row.way,
            *(f"{row.metrics[name]:.5g}" for name in metrics),
            f"{row.milliseconds:.3g}",
            "" if row.bytes is None else f"{row.bytes / 1e6:.3g}",
        ]
        for row in rows
    ]
    return Table(["computed by", *metrics, "ms a frame", "MB"], lines)
