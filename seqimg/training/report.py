"""One HTML file that says what a run found: it opens from disk, needs nothing else, and prints.

It is drawn from plain data alone: [seqimg.panels][] and the reels below.
"""

import hashlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from seqimg.panels import Column, Panel, Picture, Table, Value
from seqimg.publish import publish_file
from seqimg.training.curves import curve_svg
from seqimg.training.findings import Sheet

__all__ = ["Reel", "Report", "write_report"]

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, kw_only=True)
class Reel:
    """One case for the player: its frames, and what is said of it.

    Attributes:
        rank: `worst 1`, `median`, `best`.
        name: Where it came from.
        note: Its figure, and what to know of its pictures.
        sheet: Where the frames stand in the picture.
        picture: The picture.
    """

    rank: str
    name: str
    note: str
    sheet: Sheet
    picture: Picture


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that stands on the page, in its order: verdict, player, figures, cases, and the rest.

    Attributes:
        title: The page's name.
        verdict: What was found, in one sentence, with the baseline.
        note: What to know before reading on.
        figures: What stands between the player and the cases.
        reels: The cases; the first of rank `median`, else the first, is in the player to begin with.
        cases_note: How the cases were picked.
        panels: What stands after the cases.
        warnings: What is not as it should be.
    """

    title: str
    verdict: str
    note: str = ""
    figures: tuple[Panel, ...] = ()
    reels: tuple[Reel, ...] = ()
    cases_note: str = ""
    panels: tuple[Panel, ...] = ()
    warnings: tuple[str, ...] = ()


def write_report(path: Path, report: Report, *, overwrite: bool = False) -> None:
    """Write a report as one self-contained HTML file.

    Its content security policy lets no address be fetched and no script run but the page's own player.

    Raises:
        SeqimgError: The file exists and `overwrite` is off, or cannot be written.

    Example:
        >>> page = Path(tmp) / "report.html"
        >>> write_report(page, Report(title="Demo", verdict="MSE 0.01, copy-last 0.03."))
        >>> "copy-last 0.03" in page.read_text(encoding="utf-8")
        True
    """
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "svg": lambda curve: Markup(curve_svg(curve)),
        "uri": _uri,
        "cells": _cells,
        "wordy": _wordy,
    }
    script = (_TEMPLATES / "report.js").read_text(encoding="utf-8")
    page = environment.get_template("report.html.j2").render(
        report=report,
        first=next((n for n, reel in enumerate(report.reels) if reel.rank == "median"), 0),
        reels=[_reel(reel) for reel in report.reels],
        style=Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    with publish_file(path, overwrite=overwrite) as temporary:
        # Bytes in file names that are no text are spelt out.
        temporary.write_text(page, encoding="utf-8", errors="backslashreplace")


def _uri(picture: Picture) -> str:
    return f"data:{picture.mime};base64,{b64encode(picture.data).decode()}"


def _reel(reel: Reel) -> Mapping[str, Any]:
    """Return what the player has to know of a case; its picture stands in the page already."""
    sheet = reel.sheet
    return {
        "rank": reel.rank,
        "name": reel.name.encode("utf-8", "backslashreplace").decode("utf-8"),
        "note": reel.note,
        "width": sheet.width,
        "height": sheet.height,
        "gap": sheet.gap,
        "context": sheet.context,
        "future": sheet.future,
        "scale": f"{sheet.scale:g}",
    }


def _cells(table: Table) -> list[tuple[str, list[tuple[str, bool, bool]]]]:
    """Return each row's name, and its values as text, with whether they are words and the best of their kind."""
    texts = list(zip(*(_column(table, place) for place in range(len(table.columns))), strict=True))
    rows = []
    for number, (name, values) in enumerate(table.rows.items()):
        best = [_is_best(table, number, place) for place in range(len(values))]
        words = [isinstance(value, str) for value in values]
        rows.append((name, list(zip(texts[number], words, best, strict=True))))
    return rows


def _wordy(table: Table) -> list[int]:
    """Return the places of the columns that hold words."""
    return [
        place
        for place in range(len(table.columns))
        if any(isinstance(row[place], str) for row in table.rows.values())
    ]


def _column(table: Table, place: int) -> list[str]:
    values = [row[place] for row in table.rows.values()]
    alike = table.alike or table.compare == "columns"
    digits = _digits([value for row in table.rows.values() for value in row] if alike else values)
    return [_text(value, digits) for value in values]


def _is_best(table: Table, number: int, place: int) -> bool:
    rows = list(table.rows.values())
    column = table.columns[place]
    among = [row[place] for row in rows] if table.compare == "rows" else list(rows[number])
    best = _best(among, column)
    return best is not None and rows[number][place] == best


def _best(values: Sequence[Value], column: Column) -> float | None:
    numbers = [value for value in values if isinstance(value, int | float) and isfinite(value)]
    if column.better is None or len(numbers) < 2:
        return None
    return min(numbers) if column.better == "lower" else max(numbers)


def _digits(values: Sequence[Value]) -> int:
    """Choose the decimals of a column: four figures for its largest value, at most eight decimals."""
    sizes = [abs(value) for value in values if isinstance(value, float) and isfinite(value) and value]
    return min(8, max(0, 3 - floor(log10(max(sizes))))) if sizes else 0


def _text(value: Value, digits: int) -> str:
    if value is None:
        return "n/a"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.{digits}f}" if isinstance(value, float) else value
