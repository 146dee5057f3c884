"""`seqimg TASK train --dry-run`: what training would do, without doing it."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from seqimg.cli.machine import chosen_device, device_sentence, kernel_sentence
from seqimg.cli.output import on_one_line, output
from seqimg.config import Resolved, TaskConfig
from seqimg.plugins import TaskSpec
from seqimg.plugins.manager import plugin_host
from seqimg.task import Task
from seqimg.training.dryrun import DataSummary, ModelSummary, summarise_data, summarise_model

__all__ = ["dry_run"]

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def dry_run(spec: TaskSpec, resolved: Resolved[TaskConfig]) -> None:
    """Print configuration, model, data and kernel of a training, and stop before anything is written.

    Frames are read when they are needed: nothing is decoded beforehand.

    Raises:
        SeqimgError: What would stop the training before its first step.
    """
    config = resolved.config
    device = chosen_device(config.device)
    task: Task[Any, Any, Any] = plugin_host().tasks.load(spec.name)(config)
    with output().progress("Reading"):
        data = task.with_config(cache="none").datasets()
    with data:
        for reading in data.readings:
            output().say(reading)
        ready = task.settled(data)
        network = ready.build_model().to(device)
        about_data = summarise_data(config, data)
        about_model = summarise_model(ready, network, data, device)
    computing = device_sentence(device, config.device)
    kernel = (
        kernel_sentence(network, device, config.precision) or "No recurrent layer of seqimg is in the model."
    )
    values = {
        name: {"value": value, "source": resolved.sources[name]}
        for name, value in config.model_dump(mode="json").items()
    }
    found = {
        "task": spec.name,
        "config": values,
        "model": asdict(about_model),
        "data": {**asdict(about_data), "readings": list(data.readings)},
        "device": computing,
        "kernel": kernel,
    }
    lines = [
        "Configuration",
        *_columns((name, _shown(pair["value"]), pair["source"]) for name, pair in values.items()),
        "Model",
        *_columns(_model_rows(about_model)),
        "Data",
        *_columns(_data_rows(about_data)),
        "Machine",
        f"  {computing}",
        f"  {kernel}",
    ]
    output().data(found, "\n".join(on_one_line(line) for line in lines))
    output().say("Nothing was trained or written.")


def _model_rows(found: ModelSummary) -> list[tuple[str, str]]:
    size = f"of {found.width}×{found.height}"
    frozen = found.parameters - found.trained
    rows = [
        ("parameters", f"{found.parameters:,}" + (f", {frozen:,} of them frozen" if frozen else "")),
        ("weights", _size(found.weights_bytes)),
        ("multiply-adds", f"{found.multiply_adds / 1e6:,.4g} million a frame {size}"),
        (
            "training",
            f"{_size(found.backward_bytes)} a frame {size}, {_size(found.step_bytes)} a step, beside the weights",
        ),
    ]
    if found.state_bytes is not None:
        rows.append(("streaming", f"{_size(found.state_bytes)} of state, however long the sequence"))
    return rows


def _data_rows(found: DataSummary) -> list[tuple[str, str]]:
    rows = [
        (name, f"{_counted(clips, 'clip')} of {_counted(found.sequences[name], 'sequence')}")
        for name, clips in found.clips.items()
    ]
    rows.append(("clip", f"{found.frames} frames, {found.width}×{found.height}, {found.channels} channels"))
    rows.append(("epoch", f"{found.steps_an_epoch:,g} steps; {found.epochs:g} epochs are planned"))
    if found.classes:
        rows.append(("classes", f"{len(found.classes)}: {', '.join(found.classes[:8])}"))
    return rows


def _columns(rows: Iterable[tuple[str, ...]]) -> list[str]:
    listed = list(rows)
    widths = [max(map(len, column)) for column in zip(*listed, strict=True)]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in listed
    ]


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "none"
    return "not set" if value is None else str(value) or '""'


def _size(count: float) -> str:
    for unit in _UNITS:
        if count < 1000 or unit == _UNITS[-1]:
            break
        count /= 1000
    return f"{count:.3g} {unit}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"
