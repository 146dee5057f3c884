"""The data card of a report: what there was, what of it was missing or damaged, how it was split."""

from seqimg.panels import Column, Panel, Picture, Table
from seqimg.training.findings import Findings
from seqimg.training.records import Record
from seqimg.training.sections import counted, shown

__all__ = ["data_panel"]

_PARTS = "Training learns from the first, validation chooses the weights, the test part is left for the end."
_SPLIT = ("split", "holdout", "validation", "on_error", "gaps")


def data_panel(record: Record, findings: Findings, samples: Picture | None, *, note: str = _PARTS) -> Panel:
    """Say what data there were, what of them was missing or damaged, and how they were split."""
    tables = [
        Table(
            title="Parts",
            columns=(Column(name="clips"), Column(name="sequences")),
            rows={name: (part.clips, part.sequences) for name, part in findings.parts.items()},
            note=note,
        )
    ]
    facts = {"channels": str(findings.channels)}
    if findings.sequence_count:
        facts["frames"] = (
            f"{counted(findings.frame_count, 'frames')} of {counted(findings.sequence_count, 'sequences')}"
        )
        facts["left out"] = _left_out(findings)
    if findings.incomplete:
        tables.append(_losses_table(findings))
    if findings.classes:
        facts["classes"] = f"{len(findings.classes)}: {', '.join(findings.classes)}"
    split = [f"{name} {shown(record.config[name][0])}" for name in _SPLIT if name in record.config]
    if split:
        facts["split"] = ", ".join(split)
    facts["read, missing, damaged"] = "\n".join(findings.readings) or "nothing was noted"
    return Panel(
        title="Data", facts=facts, tables=tuple(tables), pictures=() if samples is None else (samples,)
    )


def _left_out(findings: Findings) -> str:
    said = []
    if findings.incomplete_count:
        said.append(
            f"{findings.damaged_count:,} damaged and {findings.missing_count:,} missing frames"
            f" of {counted(findings.incomplete_count, 'sequences')}"
        )
    if findings.skipped_count:
        said.append(f"{counted(findings.skipped_count, 'sequences')} as a whole")
    return "; ".join(said) or "nothing"


def _losses_table(findings: Findings) -> Table:
    more = findings.incomplete_count - len(findings.incomplete)
    return Table(
        title="Sequences with frames left out",
        columns=(
            Column(name="frames used"),
            Column(name="damaged"),
            Column(name="missing"),
            Column(name="its end"),
        ),
        rows={
            one.path: (one.frames, one.damaged, one.missing, "broken off" if one.broken_off else "whole")
            for one in findings.incomplete
        },
        note=f"Those that lost most; {more:,} more lost some." if more else "",
    )
