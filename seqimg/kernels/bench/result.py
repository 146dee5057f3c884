"""What a bench returns: plain data, as `--json` prints it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Check", "Column", "Result", "Row", "at_least", "at_most"]


@dataclass(frozen=True)
class Column:
    """What was measured of one way to compute.

    Attributes:
        name: The way.
        figures: By name with the unit: `median_s`, `min_s`, `p99_s`, `of_limit`, `saved_bytes`, …;
            None where it could not be measured.
        note: Why not, or how it was done.
    """

    name: str
    figures: dict[str, float | None]
    note: str | None = None


@dataclass(frozen=True)
class Check:
    """What is asked of a row, and what was found.

    Attributes:
        what: In words.
        asked: The bound, as text.
        figure: What was found, None if it could not be measured.
        met: Whether the figure keeps the bound; None without a figure.
    """

    what: str
    asked: str
    figure: float | None
    met: bool | None


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        kind: `"training"`, `"inference"`, `"memory"`, …
        dtype: Of the data.
        shape: Of the frames and the state, `B,T,C,H,W:hidden`.
        columns: What was compared.
        checks: What was asked.
        axis: What varies in a row of `"scaling"`.
        value: Its value there.
    """

    kind: str
    dtype: str
    shape: str
    columns: Sequence[Column]
    checks: Sequence[Check] = ()
    axis: str | None = None
    value: int | None = None


@dataclass(frozen=True)
class Result:
    """A whole bench.

    Attributes:
        machine: Where it ran, on what, how busy it was.
        settings: What was asked for.
        rows: What came out.
        schema: Number of this form.
    """

    machine: dict[str, object]
    settings: dict[str, object]
    rows: list[Row] = field(default_factory=list)
    schema: int = 1


def at_least(what: str, figure: float | None, bound: float) -> Check:
    """Ask for `figure` to be `bound` or more.

    Example:
        >>> at_least("share of the limit", 0.9, 0.88).met
        True
    """
    return Check(what, f"≥ {bound:g}", figure, None if figure is None else figure >= bound)


def at_most(what: str, figure: float | None, bound: float) -> Check:
    """Ask for `figure` to be `bound` or less."""
    return Check(what, f"≤ {bound:g}", figure, None if figure is None else figure <= bound)
