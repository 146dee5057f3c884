"""`seqimg TASK eval`."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from seqimg import modelfolder
from seqimg.cli.fields import measuring, reading_flags
from seqimg.cli.machine import chosen_device, device_sentence, kernel_sentence, kernels_of
from seqimg.cli.output import command, output
from seqimg.cli.tables import figures_table
from seqimg.config import ReadingConfig, check_flags
from seqimg.data import Datasets, Part
from seqimg.data.splits import overlapping
from seqimg.errors import SeqimgError, UsageError
from seqimg.masking import masked
from seqimg.plugins import TaskSpec
from seqimg.publish import check_writable, publish_file, write_json
from seqimg.task import Task
from seqimg.training import processes
from seqimg.training.evaluation import Evaluation
from seqimg.training.evaluation import evaluate as measure
from seqimg.training.evaluation_page import write_evaluation_page
from seqimg.training.surroundings import environment

__all__ = ["evaluate"]

_PAGES = (".html", ".htm")


def evaluate(
    spec: TaskSpec,
    model: Path,
    data: list[str],
    *,
    part: Part,
    layout: str | None,
    short: str | None,
    reading: ReadingConfig,
    measures: Mapping[str, object],
    out: Path | None,
    overwrite: bool,
    batch_size: int,
    device: Literal["auto", "cpu", "cuda"],
) -> None:
    """Measure a model on sequences, beside the task's baselines.

    `measures` are values of the task's configuration that say how it is measured, where not as in training.

    Raises:
        UsageError: No sequence is named.
        SeqimgError: A sequence or the model cannot be used, or the part holds no clip.
    """
    if not data:
        raise UsageError(
            "no sequence to evaluate on was named",
            hint=command("seqimg", spec.name, "eval", "--model", model, "VIDEO"),
        )
    if out is not None:
        check_writable(out, overwrite=overwrite)
    where = chosen_device(device)
    processes.join(device)
    if not processes.is_main():
        output().quiet = True
    loaded = modelfolder.load(model, task=spec.name, device=where)
    kept = loaded.task.config
    cut = {
        "layout": layout or (kept.layout if set(data) <= set(kept.data) else "auto"),
        "short": short or kept.short,
    }
    given = check_flags(type(kept), measures).model_dump(include=set(measures))
    task = _asked(loaded.task, {"data": tuple(data), **cut, **reading.model_dump(), **given})
    protocol = task.config.model_dump(mode="json", include=set(measuring(type(kept)).model_fields))
    with output().progress("Reading"):
        datasets = task.datasets(part)
    with datasets:
        for line in (*datasets.readings, *_said(protocol)):
            output().say(line)
        output().say(device_sentence(where, device))
        if sentence := kernel_sentence(loaded.model, where):
            output().say(sentence)
        _check(datasets, task, model, part)
        _warn_of_known(data, kept.data, part, whole=datasets.whole)
        first = datasets.test[0].source.path
        with output().progress("Evaluating", total=len(datasets.test)) as bar:
            found = measure(task, loaded.model, datasets.test, batch_size=batch_size, advance=bar.advance)
        if out is not None and out.suffix.lower() in _PAGES and processes.is_main():
            with output().progress("Drawing"):
                changed = {"data", *cut, *reading.model_fields_set, *given}
                _write_page(
                    out, loaded, task, datasets, found, part, changed, batch_size, overwrite=overwrite
                )
    if not processes.is_main():
        return
    result = {"task": spec.name, "model": str(model), "part": part, **protocol, **found.as_json()}
    _tell(found, result, out, overwrite=overwrite)
    source = first if Path(first).exists() else "VIDEO"
    output().hint(command("seqimg", spec.name, "run", "--model", model, source, *reading_flags(reading)))


def _asked(task: Task[Any, Any, Any], changes: Mapping[str, Any]) -> Task[Any, Any, Any]:
    """Return the task as it is to be measured."""
    try:
        return task.with_config(**changes)
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(
            "this model cannot be measured like that", why=f"as it was trained, {why}"
        ) from error


def _tell(found: Evaluation, result: Mapping[str, Any], out: Path | None, *, overwrite: bool) -> None:
    for warning in found.warnings:
        output().warn(warning)
    if out is not None and out.suffix.lower() not in _PAGES:
        with publish_file(out, overwrite=overwrite) as temporary:
            write_json(temporary, result)
    output().data(result, figures_table(found))
    if out is not None:
        output().say(f"Saved {out}")


def _write_page(
    out: Path,
    loaded: modelfolder.LoadedModel,
    task: Task[Any, Any, Any],
    data: Datasets,
    found: Evaluation,
    part: Part,
    changed: Collection[str],
    batch_size: int,
    *,
    overwrite: bool,
) -> None:
    device = next(loaded.model.parameters()).device
    kernels = {name: kernel for name, (kernel, _) in kernels_of(loaded.model, device).items()}
    config = task.config.model_dump(mode="json")
    write_evaluation_page(
        out,
        task,
        loaded.model,
        data,
        found,
        title=f"seqimg {task.name}: {out.stem}",
        part=part,
        training=loaded.training,
        config={
            name: (value, "this command" if name in changed else "model") for name, value in config.items()
        },
        environment={**environment(), "device": device.type, "kernels": kernels},
        batch_size=batch_size,
        overwrite=overwrite,
    )


def _said(protocol: Mapping[str, Any]) -> list[str]:
    """Say how it is measured, of a task that can be measured in several ways."""

    def shown(value: object) -> str:
        return (",".join(map(str, value)) or "none") if isinstance(value, list) else str(value)

    values = ", ".join(f"{name} {shown(value)}" for name, value in protocol.items())
    return [f"Measuring with {values}."] if values else []


def _warn_of_known(data: list[str], known: Sequence[str], part: Part, *, whole: bool) -> None:
    """Say if what is measured may be what the model has learnt from.

    A part of the same data is the same part. Where whole sequences make the parts, those of other data that
    hold some of them are others.
    """
    same = [path for path in data if masked(path) in known]
    if same and part in ("all", "train"):
        output().warn(f"the model was trained on {', '.join(same)}; --part test is what it has not seen")
        return
    shared = overlapping(data, known)
    others = shared if whole else [path for path in shared if path not in same]
    if others and set(map(masked, data)) != set(known):
        output().warn(
            f"the model was trained on {', '.join(known)}, split otherwise:"
            f" what is measured of {', '.join(others)} may be what it has learnt from"
        )


def _check(datasets: Datasets, task: Task[Any, Any, Any], model: Path, part: Part) -> None:
    if not task.reads(datasets.channels):
        raise SeqimgError(
            f"the model in {model} cannot read these sequences",
            why=f"it was trained on frames of {task.config.channels} channels, these have {datasets.channels}",
        )
    if not len(datasets.test):
        raise SeqimgError(f"the part {part!r} of these sequences is shorter than a clip", hint="--part all")
