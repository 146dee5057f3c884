"""One HTML file that says what a run found: it opens from disk, needs nothing else, and prints.

Tasks and plugins add panels by returning the plain data below, never HTML.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import floor, isfinite, log10
from pathlib import Path
from typing import Literal, TypeAlias

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from seqimg.publish import publish_file
from seqimg.training.curves import Curve, curve_svg

__all__ = ["Column", "Curve", "Picture", "Report", "Table", "curve_svg", "write_report"]

Value: TypeAlias = float | str | None

_TYPES = {b"\x89PNG\r\n\x1a\n": "image/png", b"GIF8": "image/gif"}


@dataclass(frozen=True, kw_only=True)
class Column:
    """One figure of a table.

    Attributes:
        name: Its name, with the unit or convention if it has one.
        better: Which end is the good one; the best value is then marked.
    """

    name: str
    better: Literal["lower", "higher"] | None = None


@dataclass(frozen=True, kw_only=True)
class Table:
    """Figures of the model beside those of the baselines.

    Attributes:
        title: What the figures are of.
        columns: The figures.
        rows: Who they belong to, and one value for each column; None where there is none.
        note: How the figures are computed.
    """

    title: str
    columns: tuple[Column, ...]
    rows: Mapping[str, tuple[Value, ...]]
    note: str = ""

    def __post_init__(self) -> None:
        for name, values in self.rows.items():
            if len(values) != len(self.columns):
                raise ValueError(
                    f"row {name!r} of {self.title!r} has {len(values)} values, not {len(self.columns)}"
                )


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture or an animation.

    Attributes:
        title: What it is, also read out to those who cannot see it.
        caption: What there is to see.
        data: A PNG or GIF file.
    """

    title: str
    caption: str
    data: bytes

    def __post_init__(self) -> None:
        if not self.data.startswith(tuple(_TYPES)):
            raise ValueError(f"picture {self.title!r} is neither PNG nor GIF")

    @property
    def width(self) -> int:
        """Natural width in pixels."""
        if self.data.startswith(b"GIF8"):
            return int.from_bytes(self.data[6:8], "little")
        return int.from_bytes(self.data[16:20], "big")

    @property
    def uri(self) -> str:
        """The whole picture as a `data:` address."""
        kind = next(kind for magic, kind in _TYPES.items() if self.data.startswith(magic))
        return f"data:{kind};base64,{b64encode(self.data).decode()}"


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that stands on the page, in its order.

    Attributes:
        title: The page's name.
        verdict: What was found, in one sentence, with the baseline.
        pictures: What it looks like.
        tables: Figures beside baselines.
        curves: How it came about.
        facts: How to reproduce it: command, seed, versions, machine, configuration.
    """

    title: str
    verdict: str
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    curves: tuple[Curve, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


def write_report(path: Path, report: Report, *, overwrite: bool = False) -> None:
    """Write a report as one self-contained HTML file.

    Raises:
        SeqimgError: The file exists and `overwrite` is off, or cannot be written.

    Example:
        >>> page = Path(tmp) / "report.html"
        >>> write_report(page, Report(title="Demo", verdict="MSE 0.01, copy-last 0.03."))
        >>> "copy-last 0.03" in page.read_text(encoding="utf-8")
        True
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.j2").render(
        report=report,
        tables=[(table, _cells(table)) for table in report.tables],
        curves=[(curve.name, Markup(curve_svg(curve))) for curve in report.curves],
    )
    with publish_file(path, overwrite=overwrite) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _cells(table: Table) -> list[tuple[str, list[tuple[str, bool]]]]:
    """Return each row's name, and its values as text with whether they are the best of their column."""
    columns = []
    for place, column in enumerate(table.columns):
        values = [row[place] for row in table.rows.values()]
        best = _best(values, column)
        digits = _digits(values)
        columns.append([(_text(value, digits), best is not None and value == best) for value in values])
    return [(name, [column[number] for column in columns]) for number, name in enumerate(table.rows)]


def _best(values: list[Value], column: Column) -> float | None:
    numbers = [value for value in values if isinstance(value, (int, float)) and isfinite(value)]
    if column.better is None or len(numbers) < 2:
        return None
    return min(numbers) if column.better == "lower" else max(numbers)


def _digits(values: list[Value]) -> int:
    """Choose the decimals of a column: four figures for its largest value, at most eight decimals."""
    sizes = [abs(value) for value in values if isinstance(value, float) and isfinite(value) and value]
    return min(8, max(0, 3 - floor(log10(max(sizes))))) if sizes else 0


def _text(value: Value, digits: int) -> str:
    if value is None:
        return "n/a"
    return f"{value:.{digits}f}" if isinstance(value, float) else str(value)
