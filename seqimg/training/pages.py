"""The report of a run, put together from what its folder holds. Needs no torch."""

from collections.abc import Mapping
from typing import Literal, Protocol

from seqimg.training.casebook import caseless, cases_note, picture, reels
from seqimg.training.datacard import data_panel
from seqimg.training.findings import Findings
from seqimg.training.findings_file import read_findings
from seqimg.training.records import Record
from seqimg.training.report import Report
from seqimg.training.sections import (
    counted,
    curves_panel,
    figures_panel,
    reproduce,
    share,
    time_panel,
)

__all__ = ["Measured", "evaluation_report", "read_run_report", "run_report", "verdict"]

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
    def better(self) -> Mapping[str, Literal["lower", "higher"]]:
        """Which end of each metric is the good one."""


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
    higher = measured.better.get(metric) == "higher"
    beside = [
        f"{share(own, figures[metric], higher=higher)} {name} ({figures[metric]:.4g})"
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
    shown, missing = reels(record.folder, findings)
    caption = "The middle frame of clips evenly spread, as the model sees them."
    samples, problem = picture(record.folder, findings.samples, "Training clips", caption)
    own = [panel for panel in findings.panels if not panel.beside_figures]
    return Report(
        title=findings.title,
        verdict=verdict(findings, findings.what),
        note=_what_it_is_worth(findings),
        figures=(figures_panel(findings), *(panel for panel in findings.panels if panel.beside_figures)),
        reels=shown,
        cases_note=cases_note(findings),
        panels=(
            *caseless(findings),
            *after,
            *own,
            data_panel(record, findings, samples),
            reproduce(record, findings),
        ),
        warnings=(*warnings, *missing, *problem),
    )


def evaluation_report(record: Record, findings: Findings) -> Report:
    """Put together the page of an evaluation.

    Args:
        record: The folder of `samples/`, the configuration with which the model was measured, and the surroundings.
        findings: What was found.
    """
    shown, missing = reels(record.folder, findings)
    caption = "The middle frame of clips evenly spread, as the model sees them."
    samples, problem = picture(record.folder, findings.samples, "Clips measured", caption)
    own = [panel for panel in findings.panels if not panel.beside_figures]
    note = "Nothing is learnt or chosen here: the model is as it was when its training ended."
    return Report(
        title=findings.title,
        verdict=verdict(findings, findings.what),
        figures=(figures_panel(findings), *(panel for panel in findings.panels if panel.beside_figures)),
        reels=shown,
        cases_note=cases_note(findings),
        panels=(
            *caseless(findings),
            *own,
            data_panel(record, findings, samples, note=note),
            reproduce(record, findings),
        ),
        warnings=(*findings.warnings, *better_baselines(findings), *missing, *problem),
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


def better_baselines(findings: Findings) -> list[str]:
    """Name the baselines that do better than the model."""
    metric = findings.metric
    own = findings.overall["model"][metric]
    others = {name: figures[metric] for name, figures in findings.overall.items()}
    better = {
        name: other
        for name, other in others.items()
        if (other > own if findings.better.get(metric) == "higher" else other < own)
    }
    return [f"{name} is better than the model: {metric} {other:.4g}" for name, other in better.items()]


def _warnings(record: Record, findings: Findings | None) -> tuple[str, ...]:
    found = list(record.problems)
    wanted = record.config.get("steps", (0, ""))[0]
    if findings is not None:
        found += findings.warnings
        found += better_baselines(findings)
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
