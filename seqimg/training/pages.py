"""The report of a run, put together from what its folder holds. Needs no torch."""

import json
import shlex
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, Protocol

from seqimg.errors import SeqimgError
from seqimg.panels import Column, Curve, Panel, Picture, Table, Value
from seqimg.training.findings import Case, Findings, read_findings, read_sample
from seqimg.training.records import Record, Series
from seqimg.training.report import Reel, Report

__all__ = ["Measured", "loss_curve", "read_run_report", "reproduce", "run_report", "time_facts", "verdict"]

_SMOOTHING = 0.9  # of the loss curve, an exponential mean
_IDLE = 0.1  # share of the time that training may wait for data before it is worth a warning
_OF_WEIGHT = ("data", "seed", "steps", "device", "precision")


class Measured(Protocol):
    """Figures of a model and its baselines."""

    @property
    def metric(self) -> str:
        """The leading metric; lower is better."""

    @property
    def clips(self) -> int:
        """Clips measured."""

    @property
    def overall(self) -> Mapping[str, Mapping[str, float]]:
        """For the model and each baseline, its metrics."""


def verdict(measured: Measured, what: str) -> str:
    """Say in a sentence how the model does beside each baseline, by the leading metric.

    Example:
        >>> from seqimg.training.evaluation import Evaluation
        >>> figures = {"model": {"mse": 0.004}, "copy_last": {"mse": 0.01}}
        >>> verdict(Evaluation("mse", 96, figures, {"a": figures}), "held-out clips")
        'mse 0.004 on 96 held-out clips: 60 % below copy_last (0.01).'
    """
    metric = measured.metric
    own = measured.overall["model"][metric]
    beside = [
        f"{share(own, figures[metric])} {name} ({figures[metric]:.4g})"
        for name, figures in measured.overall.items()
        if name != "model"
    ]
    figure = f"{metric} {own:.4g} on {measured.clips:,} {what}"
    return f"{figure}: {', '.join(beside)}." if beside else f"{figure}; there is no baseline to compare with."


def share(own: float, other: float) -> str:
    """Say how much lower or higher a figure is than another.

    Example:
        >>> share(3.0, 4.0), share(5.0, 4.0), share(4.0, 4.0)
        ('25 % below', '25 % ABOVE', 'as good as')
    """
    if own == other:
        return "as good as"
    size = f"{abs(1 - own / other):.0%}".replace("%", " %") if other else "far"
    return f"{size} {'below' if own < other else 'ABOVE'}"


def read_run_report(record: Record) -> Report:
    """Put together the report of a run from its folder, whatever of it is there.

    Raises:
        SeqimgError: `report.json` is damaged.
    """
    return run_report(record, read_findings(record.folder))


def run_report(record: Record, findings: Findings | None) -> Report:
    """Put together a run's report.

    Args:
        record: What training wrote.
        findings: What was found at its end; None if it did not end.
    """
    warnings = _warnings(record, findings)
    after = (_curves_panel(record, findings), _time_panel(record, findings))
    if findings is None:
        title = f"seqimg {record.task}: {record.folder}".replace("  ", " ")
        return Report(
            title=title, verdict=_unfinished(record), panels=(*after, reproduce(record)), warnings=warnings
        )
    reels, missing = _reels(record.folder, findings)
    caption = "The middle frame of clips evenly spread, as the model sees them."
    samples, problem = _picture(record.folder, findings.samples, "training clips", caption)
    own = [panel for panel in findings.panels if not panel.beside_figures]
    return Report(
        title=findings.title,
        verdict=verdict(findings, findings.what),
        note=_what_it_is_worth(findings),
        figures=(_figures(findings), *(panel for panel in findings.panels if panel.beside_figures)),
        reels=reels,
        cases_note=_cases_note(findings),
        panels=(*_caseless(findings), *after, *own, _data_panel(findings, samples), reproduce(record)),
        warnings=(*warnings, *missing, *problem),
    )


def _unfinished(record: Record) -> str:
    if not record.steps:
        return "This run has not done a step yet: there is nothing to report."
    stands = f"This run is not finished, step {record.steps:,} of {record.planned:,}"
    if not record.best:
        return f"{stands}: it has not been validated yet."
    best = f"validation {record.leading} {record.best[record.leading]:.4g} at step {record.best_step:,}"
    return f"{stands}: {best}; no baseline has been measured yet."


def _what_it_is_worth(findings: Findings) -> str:
    if findings.chosen_on_these:
        return "The weights were chosen by these clips. The test part has not been touched: seqimg eval measures on it."
    return ""


def _warnings(record: Record, findings: Findings | None) -> tuple[str, ...]:
    found = list(record.problems)
    wanted = record.config.get("steps", (0, ""))[0]
    if findings is not None:
        found += findings.warnings
        own = findings.overall["model"][findings.metric]
        for name, figures in findings.overall.items():
            if figures[findings.metric] < own:
                found.append(
                    f"{name} is better than the model: {findings.metric} {figures[findings.metric]:.4g}"
                )
        if isinstance(wanted, int) and findings.steps < wanted:
            found.append(f"training ended after {findings.steps:,} of the {wanted:,} steps asked for")
    series = record.validation.get(record.leading)
    if (
        series is not None
        and series.last is not None
        and len(series.points) > 2
        and series.last[0] == record.best_step
    ):
        found.append("the last validation was the best: a longer training may well do better")
    if record.data_share > _IDLE:
        percent = f"{record.data_share:.0%}".replace("%", " %")
        found.append(f"training waited for data {percent} of the time: try more --workers")
    return tuple(found)


def _figures(findings: Findings) -> Panel:
    metrics = tuple(findings.overall["model"])
    tables = [
        Table(
            title=f"{findings.clips:,} {findings.what}",
            columns=tuple(Column(name=metric, better="lower") for metric in metrics),
            rows={who: tuple(values[m] for m in metrics) for who, values in findings.overall.items()},
            note=findings.metrics_note,
        )
    ]
    if len(findings.sequences) > 1:
        answers = tuple(findings.overall)
        tables.append(
            Table(
                title=f"{findings.metric} of each sequence",
                columns=tuple(Column(name=name, better="lower") for name in answers),
                rows={
                    path: tuple(figures[name][findings.metric] for name in answers)
                    for path, figures in findings.sequences.items()
                },
                compare="columns",
            )
        )
    return Panel(title="Figures", tables=tuple(tables))


def _reels(folder: Path, findings: Findings) -> tuple[tuple[Reel, ...], list[str]]:
    reels, missing = [], []
    for case in findings.cases:
        if case.sheet is None:
            continue
        picture, problem = _picture(folder, case.sheet.file, case.rank)
        missing += problem
        if picture is not None:
            note = _case_note(case, findings.metric)
            reels.append(Reel(rank=case.rank, name=case.name, note=note, sheet=case.sheet, picture=picture))
    return tuple(reels), missing


def _picture(folder: Path, name: str, title: str, caption: str = "") -> tuple[Picture | None, list[str]]:
    """Read a picture of the samples; also return what is wrong with it."""
    try:
        return Picture(title=title, caption=caption, data=read_sample(folder, name)), []
    except (SeqimgError, ValueError) as error:
        return None, [f"the picture of {title} is missing: {error}".replace("\n", ": ")]


def _case_note(case: Case, metric: str) -> str:
    parts = [f"{metric} {case.score:.4g}"]
    if case.sheet is not None:
        sheet = case.sheet
        parts.append(
            f"input frames {sheet.context[0]} to {sheet.context[-1]}, then {sheet.future[0]} to {sheet.future[-1]}"
        )
        parts.append(f"differences from 0, black, to {sheet.scale:g}, bright")
        if sheet.shrunk:
            parts.append("frames are made smaller for this page")
        if sheet.compressed:
            parts.append("colours are a little off, to keep it small")
    return "; ".join(parts) + "."


def _cases_note(findings: Findings) -> str:
    among = f"{findings.examined:,} clips"
    if findings.examined < findings.clips:
        among += f", evenly spread over the {findings.clips:,}"
    return f"The worst by {findings.metric} first, then median and best, of {among}."


def _caseless(findings: Findings) -> tuple[Panel, ...]:
    """List the cases of a task that has no pictures to show."""
    if not findings.cases or any(case.sheet is not None for case in findings.cases):
        return ()
    rows = {case.rank: (case.score, case.name) for case in findings.cases}
    table = Table(
        title=_cases_note(findings), columns=(Column(name=findings.metric), Column(name="clip")), rows=rows
    )
    return (Panel(title="Cases", tables=(table,)),)


def loss_curve(series: Mapping[str, Series]) -> Curve:
    """Draw training losses over steps, smoothed."""
    return Curve(
        name="Training loss, smoothed",
        x_label="step",
        y_label="loss",
        series={name: _smooth(values) for name, values in series.items()},
        log_y=True,
    )


def _curves_panel(record: Record, findings: Findings | None) -> Panel:
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


def _smooth(series: Series) -> tuple[list[float], list[float]]:
    steps: list[float] = []
    smoothed, mean = [], 0.0
    for count, (step, value) in enumerate(series.points, start=1):
        mean = _SMOOTHING * mean + (1 - _SMOOTHING) * value
        steps.append(step)
        smoothed.append(mean / (1 - _SMOOTHING**count))
    return steps, smoothed


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


def _time_panel(record: Record, findings: Findings | None) -> Panel:
    return Panel(title="Time and memory", facts=time_facts(record, findings))


def _data_panel(findings: Findings, samples: Picture | None) -> Panel:
    parts = Table(
        title="Parts",
        columns=(Column(name="clips"), Column(name="sequences")),
        rows={name: (part.clips, part.sequences) for name, part in findings.parts.items()},
        note="Training learns from the first, validation chooses the weights, the test part is left for the end.",
    )
    facts = {"channels": str(findings.channels)}
    if findings.classes:
        facts["classes"] = f"{len(findings.classes)}: {', '.join(findings.classes)}"
    facts["read, missing, damaged"] = "\n".join(findings.readings) or "nothing was noted"
    return Panel(title="Data", facts=facts, tables=(parts,), pictures=() if samples is None else (samples,))


def reproduce(record: Record) -> Panel:
    """Say what is needed to do it again: command, seed, versions, machine, and each value with its origin."""
    known = dict(record.environment)
    words = known.pop("command", None)
    facts = {}
    if isinstance(words, list):
        facts["command"] = shlex.join(map(str, words))
    if "seed" in record.config:
        facts["seed"] = str(record.config["seed"][0])
    facts |= {name: shown(value) for name, value in known.items() if value is not None}
    given = {name: pair for name, pair in record.config.items() if pair[1] != "default" or name in _OF_WEIGHT}
    rest = {name: pair for name, pair in record.config.items() if name not in given}
    tables = [_config_table("Configuration", given)] if given else []
    if rest:
        tables.append(_config_table(f"{len(rest)} more values, all defaults", rest, folded=True))
    return Panel(title="How to reproduce", facts=facts, tables=tuple(tables))


def _config_table(title: str, values: Mapping[str, tuple[object, str]], *, folded: bool = False) -> Table:
    rows: dict[str, tuple[Value, ...]] = {
        name: (shown(value), source or "not known") for name, (value, source) in values.items()
    }
    return Table(title=title, columns=(Column(name="value"), Column(name="from")), rows=rows, folded=folded)


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


def _duration(seconds: float) -> str:
    if not isfinite(seconds) or seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _bytes(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
