"""What stands in a report, as plain data: tasks and plugins return it, never HTML.

Everything here is checked when it is made; how it is drawn is the report's business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from typing import Literal, TypeAlias

__all__ = ["Column", "Curve", "Panel", "Picture", "Table", "Value"]

Value: TypeAlias = int | float | str | None
"""What a table holds: a number, a word, or nothing."""
Numbers: TypeAlias = Sequence[float | None]

_TYPES = {b"\x89PNG\r\n\x1a\n": "image/png", b"GIF8": "image/gif", b"RIFF": "image/webp"}


@dataclass(frozen=True, kw_only=True)
class Column:
    """One figure of a table.

    Attributes:
        name: Its name, with the unit or convention if it has one.
        better: Which end is the good one; the best value is then marked.

    Example:
        >>> Column(name="MSE", better="lower").better
        'lower'
    """

    name: str
    better: Literal["lower", "higher"] | None = None


@dataclass(frozen=True, kw_only=True)
class Table:
    """Figures, such as those of the model beside those of the baselines.

    Attributes:
        title: What the figures are of.
        columns: The figures.
        rows: Who they belong to, and one value for each column; None where there is none.
        note: How the figures are computed.
        compare: Whether the best is looked for among the rows of each column, or along each row.
        alike: Whether all columns hold figures of one kind, which are then written with the same digits.
        folded: Whether it shows only when asked for, and in print.

    Raises:
        ValueError: A row has more or fewer values than there are columns.

    Example:
        >>> Table(title="Errors", columns=(Column(name="mse"),), rows={"model": (0.1, 0.2)})
        Traceback (most recent call last):
        ...
        ValueError: row 'model' of 'Errors' has 2 values, not 1
    """

    title: str
    columns: tuple[Column, ...]
    rows: Mapping[str, tuple[Value, ...]]
    note: str = ""
    compare: Literal["rows", "columns"] = "rows"
    alike: bool = False
    folded: bool = False

    def __post_init__(self) -> None:
        for name, values in self.rows.items():
            if len(values) != len(self.columns):
                raise ValueError(
                    f"row {name!r} of {self.title!r} has {len(values)} values, not {len(self.columns)}"
                )


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One diagram.

    Attributes:
        name: Its title.
        x_label: What runs along, with the unit.
        y_label: What runs up, with the unit.
        series: Name to `(xs, ys)`, of equal length; None, NaN and infinities are gaps.
        bands: Name of a series to `(xs, lows, highs)`, shaded in its colour.
        marks: Label to a place along x that gets an upright line.
        log_y: Whether the vertical axis is logarithmic; values of 0 and below are then gaps.

    Raises:
        ValueError: A series or band has lists of different lengths, or a band has no series.

    Example:
        >>> Curve(name="Loss", x_label="step", y_label="loss", series={"model": ([1, 2], [0.5, 0.4])}).log_y
        False
    """

    name: str
    x_label: str
    y_label: str
    series: Mapping[str, tuple[Numbers, Numbers]]
    bands: Mapping[str, tuple[Numbers, Numbers, Numbers]] = field(default_factory=dict)
    marks: Mapping[str, float] = field(default_factory=dict)
    log_y: bool = False

    def __post_init__(self) -> None:
        for name, (xs, ys) in self.series.items():
            if len(xs) != len(ys):
                raise ValueError(f"series {name!r} of {self.name!r} has {len(xs)} x and {len(ys)} y values")
        for name, band in self.bands.items():
            if name not in self.series or len({len(numbers) for numbers in band}) != 1:
                raise ValueError(f"band {name!r} of {self.name!r} goes with no series, or is uneven")

    @staticmethod
    def number(value: float | None) -> float:
        """Return a value as a number, NaN where there is none.

        Args:
            value: A number, or None.
        """
        return float("nan") if value is None or isnan(value) else float(value)


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture or an animation.

    Attributes:
        title: What it is, also read out to those who cannot see it.
        caption: What there is to see.
        data: A PNG, GIF or WebP file.

    Raises:
        ValueError: The data are none of these.

    Example:
        >>> Picture(title="A dot", caption="Red.", data=b"GIF89a").mime
        'image/gif'
    """

    title: str
    caption: str
    data: bytes

    def __post_init__(self) -> None:
        if not self.data.startswith(tuple(_TYPES)):
            raise ValueError(f"picture {self.title!r} is neither PNG nor GIF nor WebP")

    @property
    def mime(self) -> str:
        """Its type, as browsers call it."""
        return next(kind for magic, kind in _TYPES.items() if self.data.startswith(magic))


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A section of the report.

    Attributes:
        title: Its heading.
        note: What it says, how it was measured, what to make of it.
        facts: Names and values, in order.
        tables: Its tables.
        curves: Its diagrams.
        pictures: Its pictures.
        beside_figures: Whether a task's panel belongs to the figures at the top rather than further down.
        numbers: What it is drawn from, for programs: of the model and each baseline, by the names of the figures,
            one number for each place along what the panel is about, such as each lead time. The JSON of an
            evaluation has them.

    Example:
        >>> Panel(title="Classes", facts={"most frequent": "walking"}).facts["most frequent"]
        'walking'
    """

    title: str
    note: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    curves: tuple[Curve, ...] = ()
    pictures: tuple[Picture, ...] = ()
    beside_figures: bool = False
    numbers: Mapping[str, Mapping[str, Numbers]] = field(default_factory=dict)
