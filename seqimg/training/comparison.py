"""Two runs on one page: what differs in their configurations, their figures, their curves."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from seqimg.errors import SeqimgError
from seqimg.panels import Column, Curve, Panel, Table, Value
from seqimg.training.comparing import config_differences, names_of
from seqimg.training.findings import Findings
from seqimg.training.findings_file import read_findings
from seqimg.training.records import Record
from seqimg.training.report import Report
from seqimg.training.sections import column, loss_curve, reproduce, share, shown, time_facts

__all__ = ["compare_runs"]

_SAYS_NOTHING = ("command", "started", "run", "folder")  # of an environment: differs between any two runs


def compare_runs(one: Record, two: Record) -> Report:
    """Put together a page about two runs.

    Raises:
        SeqimgError: They are the same run, or the `report.json` of one is damaged.
    """
    if one.folder.resolve() == two.folder.resolve():
        raise SeqimgError(f"{one.folder} cannot be compared with itself", hint="seqimg runs list")
    names = names_of([one, two])
    records = dict(zip(names, (one, two), strict=True))
    findings = {name: read_findings(record.folder) for name, record in records.items()}
    found = {name: item for name, item in findings.items() if item is not None}
    return Report(
        title=f"seqimg: {names[0]} and {names[1]}",
        verdict=_verdict(records, found),
        figures=(_differences(one, two, names), _figures(records, found)),
        panels=(
            _curves(records),
            *_own_panels(found),
            _time(records, findings),
            *(
                replace(reproduce(record, findings[name]), title=f"How to reproduce {name}")
                for name, record in records.items()
            ),
        ),
        warnings=_warnings(records, found),
    )


def _verdict(records: Mapping[str, Record], found: Mapping[str, Findings]) -> str:
    figures = {
        name: (item.metric, item.overall["model"][item.metric], item.what) for name, item in found.items()
    }
    if len(found) < 2 or len({(metric, what) for metric, _, what in figures.values()}) > 1:
        figures = {
            name: (record.leading, record.best[record.leading], "validation")
            for name, record in records.items()
            if record.best
        }
    if len(figures) < 2 or len({metric for metric, _, _ in figures.values()}) > 1:
        return "The runs have no figure in common yet."
    better = {name: end for item in found.values() for name, end in item.better.items()}
    (one, (metric, own, what)), (two, (_, other, _)) = figures.items()
    higher = better.get(metric) == "higher"
    sentence = (
        f"{metric} of {two} is {share(other, own, higher=higher)} that of {one}"
        if own != other
        else f"{metric} of both is the same"
    )
    return f"{sentence}: {other:.4g} and {own:.4g}, on {what}."


def _warnings(records: Mapping[str, Record], found: Mapping[str, Findings]) -> tuple[str, ...]:
    warnings = [f"{name}: {problem}" for name, record in records.items() for problem in record.problems]
    warnings += [
        f"{name} has not ended: its figures are those of its validations"
        for name in records
        if name not in found
    ]
    if len({record.task for record in records.values()}) > 1:
        warnings.append("the runs are of different tasks")
    if len({str(record.config.get("data")) for record in records.values()}) > 1:
        warnings.append("the runs learnt from different data: their figures may not be comparable")
    # Baselines know nothing of a run: where they differ, so do the clips.
    if len({(item.clips, item.what, repr(_without_model(item))) for item in found.values()}) > 1:
        warnings.append("the runs were measured on different clips: their figures may not be comparable")
    return tuple(warnings)


def _without_model(findings: Findings) -> dict[str, Mapping[str, float]]:
    return {name: figures for name, figures in findings.overall.items() if name != "model"}


def _differences(one: Record, two: Record, names: list[str]) -> Panel:
    config = config_differences([one, two])
    tables = [_table("Configuration", config, names)] if config else []
    machine = {
        name: [one.environment.get(name), two.environment.get(name)]
        for name in dict.fromkeys([*one.environment, *two.environment])
        if name not in _SAYS_NOTHING and one.environment.get(name) != two.environment.get(name)
    }
    if machine:
        tables.append(_table("Versions and machine", machine, names))
    note = "" if config else "The configurations are the same."
    return Panel(title="What differs", note=note, tables=tuple(tables))


def _table(title: str, differences: Mapping[str, list[object]], names: list[str]) -> Table:
    rows: dict[str, tuple[Value, ...]] = {
        name: tuple("not set" if value is None else shown(value) for value in values)
        for name, values in differences.items()
    }
    return Table(title=title, columns=tuple(Column(name=name) for name in names), rows=rows)


def _figures(records: Mapping[str, Record], found: Mapping[str, Findings]) -> Panel:
    tables = []
    better = {name: end for item in found.values() for name, end in item.better.items()}
    measured = {(item.metric, item.what) for item in found.values()}
    if len(found) == len(records) and len(measured) == 1:
        rows = {name: item.overall["model"] for name, item in found.items()} | _baselines(found)
        tables.append(_figure_table(next(iter(found.values())).what, rows, better))
    rows = {name: record.best for name, record in records.items()}
    if any(rows.values()):
        tables.append(_figure_table("Validation at the chosen step", rows, better))
    return Panel(title="Figures", tables=tuple(tables))


def _baselines(found: Mapping[str, Findings]) -> dict[str, Mapping[str, float]]:
    """Return the figures of the baselines: once where they are the same for both runs, as they should be."""
    rows: dict[str, Mapping[str, float]] = {}
    for answer in dict.fromkeys(
        answer for item in found.values() for answer in item.overall if answer != "model"
    ):
        figures = {name: item.overall[answer] for name, item in found.items() if answer in item.overall}
        if len({tuple(values.items()) for values in figures.values()}) == 1 and len(figures) == len(found):
            rows[answer] = next(iter(figures.values()))
        else:
            rows |= {f"{answer}, as measured for {name}": values for name, values in figures.items()}
    return rows


def _figure_table(
    title: str, figures: Mapping[str, Mapping[str, float]], better: Mapping[str, Literal["lower", "higher"]]
) -> Table:
    metrics = list(dict.fromkeys(metric for values in figures.values() for metric in values))
    rows: dict[str, tuple[Value, ...]] = {
        name: tuple(values.get(metric) for metric in metrics) for name, values in figures.items()
    }
    return Table(title=title, columns=tuple(column(m, better) for m in metrics), rows=rows)


def _curves(records: Mapping[str, Record]) -> Panel:
    curves = [loss_curve({name: record.loss for name, record in records.items()})]
    for metric in dict.fromkeys(metric for record in records.values() for metric in record.validation):
        series = {
            name: record.validation[metric] for name, record in records.items() if metric in record.validation
        }
        curves.append(
            Curve(
                name=f"Validation {metric}",
                x_label="step",
                y_label=metric,
                series={name: tuple(zip(*values.points, strict=True)) for name, values in series.items()},  # type: ignore[misc]
                marks={f"{name}: {records[name].best_step:,}": records[name].best_step for name in series},
                log_y=True,
            )
        )
    return Panel(title="Curves", note="Upright lines mark the chosen steps.", curves=tuple(curves))


def _own_panels(found: Mapping[str, Findings]) -> tuple[Panel, ...]:
    """Lay diagrams of the same name over each other, the model's series of each run."""
    if len(found) < 2:
        return ()
    by_run = {
        name: {(panel.title, curve.name): curve for panel in item.panels for curve in panel.curves}
        for name, item in found.items()
    }
    panels: dict[str, list[Curve]] = {}
    for title, name in next(iter(by_run.values())):
        drawn = {run: curves.get((title, name)) for run, curves in by_run.items()}
        series = {
            run: curve.series["model"]
            for run, curve in drawn.items()
            if curve is not None and "model" in curve.series
        }
        if len(series) == len(drawn):
            first = next(curve for curve in drawn.values() if curve is not None)
            panels.setdefault(title, []).append(replace(first, series=series, bands={}, marks={}))
    return tuple(Panel(title=title, curves=tuple(curves)) for title, curves in panels.items())


def _time(records: Mapping[str, Record], findings: Mapping[str, Findings | None]) -> Panel:
    facts = {name: time_facts(record, findings[name]) for name, record in records.items()}
    kinds = dict.fromkeys(kind for said in facts.values() for kind in said)
    rows: dict[str, tuple[Value, ...]] = {
        kind: tuple(said.get(kind, "not known") for said in facts.values()) for kind in kinds
    }
    return Panel(
        title="Time and memory",
        tables=(Table(title="Training", columns=tuple(Column(name=name) for name in facts), rows=rows),),
    )
