"""The report of a run, put together from what its folder holds. Needs no torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from seqimg.errors import SeqimgError
from seqimg.panels import Column, Panel, Picture, Table
from seqimg.training.findings import Case, Findings, read_findings, read_sample
from seqimg.training.records import Record
from seqimg.training.report import Reel, Report
from seqimg.training.sections import (
    counted,
    curves_panel,
    data_panel,
    figures_panel,
    reproduce,
    share,
    time_panel,
)

__all__ = ["Measured", "read_run_report", "run_report", "verdict"]

_IDLE = 0.1  # share of the time that training may wait for data before it is worth a warning


class Measured(Protocol):
    """Figures of a model and its baselines."""

    @property
    def metric(self) -> str:
        """The leading metric."""

    @property
    def clips(self) -> int:
        """Clips measured."""

    @property
    def overall(self) -> Mapping[str, Mapping[str, float]]:
        """For the model and each baseline, its metrics."""

    @property
    def higher(self) -> tuple[str, ...]:
        """The metrics of which more is better."""


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
        f"{share(own, figures[metric], higher=metric in measured.higher)} {name} ({figures[metric]:.4g})"
        for name, figures in measured.overall.items()
        if name != "model"
    ]
    figure = f"{metric} {own:.4g} on {counted(measured.clips, what)}"
    return f"{figure}: {', '.join(beside)}." if beside else f"{figure}; there is no baseline to compare with."


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
    after = (curves_panel(record, findings), time_panel(record, findings))
    if findings is None:
        title = f"seqimg {record.task}: {record.folder}".replace("  ", " ")
        return Report(
            title=title,
            verdict=_unfinished(record),
            panels=(*after, reproduce(record, findings)),
            warnings=warnings,
        )
    reels, missing = _reels(record.folder, findings)
    caption = "The middle frame of clips evenly spread, as the model sees them."
    samples, problem = _picture(record.folder, findings.samples, "Training clips", caption)
    own = [panel for panel in findings.panels if not panel.beside_figures]
    return Report(
        title=findings.title,
        verdict=verdict(findings, findings.what),
        note=_what_it_is_worth(findings),
        figures=(figures_panel(findings), *(panel for panel in findings.panels if panel.beside_figures)),
        reels=reels,
        cases_note=_cases_note(findings),
        panels=(
            *_caseless(findings),
            *after,
            *own,
            data_panel(record, findings, samples),
            reproduce(record, findings),
        ),
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
            other = figures[findings.metric]
            if (other > own) if findings.metric in findings.higher else (other < own):
                found.append(f"{name} is better than the model: {findings.metric} {other:.4g}")
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
    among = counted(findings.examined, "clips")
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
