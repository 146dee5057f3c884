"""The cases of a report: read from where they lie, and put into words."""

from pathlib import Path

from seqimg.errors import SeqimgError
from seqimg.panels import Column, Panel, Picture, Table
from seqimg.training.findings import Case, Findings
from seqimg.training.findings_file import read_sample
from seqimg.training.report import Reel
from seqimg.training.sections import counted

__all__ = ["caseless", "cases_note", "picture", "reels"]


def reels(folder: Path, findings: Findings) -> tuple[tuple[Reel, ...], list[str]]:
    """Return the cases for the player; also what is wrong with their pictures."""
    found, missing = [], []
    for case in findings.cases:
        if case.sheet is None:
            continue
        shown, problem = picture(folder, case.sheet.file, case.rank)
        missing += problem
        if shown is not None:
            note = _case_note(case, findings.metric)
            found.append(Reel(rank=case.rank, name=case.name, note=note, sheet=case.sheet, picture=shown))
    return tuple(found), missing


def picture(folder: Path, name: str, title: str, caption: str = "") -> tuple[Picture | None, list[str]]:
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


def cases_note(findings: Findings) -> str:
    """Say how the cases were picked."""
    among = counted(findings.examined, "clips")
    if findings.examined < findings.clips:
        among += f", evenly spread over the {findings.clips:,}"
    return f"The worst by {findings.metric} first, then median and best, of {among}."


def caseless(findings: Findings) -> tuple[Panel, ...]:
    """List the cases of a task that has no pictures to show."""
    if not findings.cases or any(case.sheet is not None for case in findings.cases):
        return ()
    rows = {case.rank: (case.score, case.name) for case in findings.cases}
    table = Table(
        title=cases_note(findings), columns=(Column(name=findings.metric), Column(name="clip")), rows=rows
    )
    return (Panel(title="Cases", tables=(table,)),)
