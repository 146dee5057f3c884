"""The sections of a report: figures, curves, time, data, and how to do it again."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import Any, Literal

from seqimg.panels import Column, Curve, Panel, Table, Value
from seqimg.training.comparing import smooth
from seqimg.training.findings import Findings
from seqimg.training.records import Record, Series

__all__ = [
    "column",
    "counted",
    "curves_panel",
    "figures_panel",
    "loss_curve",
    "reproduce",
    "share",
    "shown",
    "time_facts",
    "time_panel",
]

_OF_WEIGHT = ("data", "seed", "steps", "device", "precision")


def figures_panel(findings: Findings) -> Panel:
    """Set the model's figures beside those of the baselines, over all clips and of each sequence."""
    metrics = tuple(findings.overall["model"])
    tables = [
        Table(
            title=counted(findings.clips, findings.what),
            columns=tuple(column(metric, findings.better) for metric in metrics),
            rows={who: tuple(values[m] for m in metrics) for who, values in findings.overall.items()},
            note=findings.metrics_note,
        )
    ]
    if len(findings.sequences) > 1:
        answers = tuple(findings.overall)
        tables.append(
            Table(
                title=f"{findings.metric} of each sequence",
                columns=tuple(
                    replace(column(findings.metric, findings.better), name=name) for name in answers
                ),
                rows={
                    path: tuple(figures[name][findings.metric] for name in answers)
                    for path, figures in findings.sequences.items()
                },
                compare="columns",
            )
        )
    return Panel(title="Figures", tables=tuple(tables))


def column(metric: str, better: Mapping[str, Literal["lower", "higher"]]) -> Column:
    """Return the column of a metric, knowing which end of which is the good one."""
    return Column(name=metric, better=better.get(metric))


def loss_curve(series: Mapping[str, Series]) -> Curve:
    """Draw training losses over steps, smoothed."""
    return Curve(
        name="Training loss, smoothed",
        x_label="step",
        y_label="loss",
        series={name: smooth(values) for name, values in series.items()},
        log_y=True,
    )


def curves_panel(record: Record, findings: Findings | None) -> Panel:
    """Draw loss and validation over steps, the chosen step marked."""
    curves = [loss_curve({"training": record.loss})]
    chosen = record.best_step if findings is None else findings.best_step
    for metric, series in record.validation.items():
        if len(series.points) > 1:
            curves.append(
                Curve(
                    name=f"Validation {metric}",
                    x_label="step",
                    y_label=metric,
                    series={
                        metric: ([step for step, _ in series.points], [value for _, value in series.points])
                    },
                    marks={f"chosen: step {chosen:,}": chosen} if chosen else {},
                    log_y=True,
                )
            )
    return Panel(title="Curves", curves=tuple(curves))


def time_panel(record: Record, findings: Findings | None) -> Panel:
    """Say how long training took and what it needed."""
    return Panel(title="Time and memory", facts=time_facts(record, findings))


def time_facts(record: Record, findings: Findings | None) -> dict[str, str]:
    """Say how long training took, how fast it was, and how much memory it needed."""
    facts = {}
    if findings is not None:
        each = findings.seconds / max(findings.steps, 1) * 1000
        facts["training"] = (
            f"{_duration(findings.seconds)} for {findings.steps:,} steps, {each:.3g} ms a step with validations"
        )
    facts["speed"] = f"{record.frames_per_second:,.4g} frames/s"
    facts["waiting for data"] = f"{record.data_share:.1%} of the time".replace("%", " %")
    if findings is not None:
        facts |= {f"most memory, {where}": _bytes(size) for where, size in findings.memory.items()}
    return facts


def reproduce(record: Record, findings: Findings | None) -> Panel:
    """Say what is needed to do it again: command, seed, versions, machine, and each value with its origin."""
    known = dict(record.environment)
    words = known.pop("command", None)
    facts = {}
    if isinstance(words, list):
        facts["command"] = shlex.join(map(str, words))
    if "seed" in record.config:
        facts["seed"] = str(record.config["seed"][0])
    if findings is not None and findings.fingerprint:
        facts["fingerprint of the weights"] = findings.fingerprint
    facts |= {name: shown(value) for name, value in known.items() if value is not None}
    given = {name: pair for name, pair in record.config.items() if pair[1] != "default" or name in _OF_WEIGHT}
    rest = {name: pair for name, pair in record.config.items() if name not in given}
    tables = [_config_table("Configuration", given)] if given else []
    if rest:
        tables.append(_config_table(f"{len(rest)} more values, all defaults", rest, folded=True))
    return Panel(title="How to reproduce", facts=facts, tables=tuple(tables))


def shown(value: Any) -> str:
    """Write a value of a configuration or an environment for people.

    Example:
        >>> shown([48, 64]), shown({"torch": "2.13"}), shown(None), shown("")
        ('48, 64', 'torch 2.13', 'none', 'empty')
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {shown(item)}" for name, item in value.items()) or "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(shown, value)) or "none"
    if isinstance(value, str):
        return value or "empty"
    return "none" if value is None else json.dumps(value)


def counted(count: int, what: str) -> str:
    """Say how many there are.

    Example:
        >>> counted(1, "validation clips"), counted(1200, "clips")
        ('1 validation clip', '1,200 clips')
    """
    return f"{count:,} {what.removesuffix('s') if count == 1 else what}"


def share(own: float, other: float, *, higher: bool = False) -> str:
    """Say how much lower or higher a figure is than another, loudly if that is not how it should be.

    Example:
        >>> share(3.0, 4.0), share(5.0, 4.0), share(4.0, 4.0)
        ('25 % below', '25 % ABOVE', 'as good as')
        >>> share(0.9, 0.25, higher=True), share(0.2, 0.25, higher=True)
        ('0.65 above', '0.05 BELOW')
    """
    if own == other:
        return "as good as"
    if higher:  # of figures that end at 1 a share would say little
        return f"{abs(own - other):.2g} {'above' if own > other else 'BELOW'}"
    size = f"{abs(1 - own / other):.0%}".replace("%", " %") if other else "far"
    return f"{size} {'below' if own < other else 'ABOVE'}"


def _config_table(title: str, values: Mapping[str, tuple[object, str]], *, folded: bool = False) -> Table:
    rows: dict[str, tuple[Value, ...]] = {
        name: (shown(value), source or "not known") for name, (value, source) in values.items()
    }
    return Table(title=title, columns=(Column(name="value"), Column(name="from")), rows=rows, folded=folded)


def _duration(seconds: float) -> str:
    if not isfinite(seconds) or seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _bytes(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
