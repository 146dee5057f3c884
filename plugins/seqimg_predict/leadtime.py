"""How predictions fare the further they look ahead: errors, and how much sharpness is left."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from seqimg.panels import Column, Curve, Panel, Table
from seqimg_predict.masks import masked_mean
from seqimg_predict.measures import Family, Measure
from seqimg_predict.measuring import event_measures

__all__ = ["LeadTimes", "Sums", "events_panels"]

_COLUMNS = 10  # lead times in a table
_PIXELS = (2, 3, 4)
_OPEN = ("mse", "sharpness")  # whose tables are not folded away

Figures = dict[str, list[float | None]]
"""Of each answer, a figure at each lead time; None where there is none."""


class Sums:
    """The sums of measures, by answer and lead time.

    Args:
        measures: What is to be made of the sums.
    """

    def __init__(self, measures: Sequence[Measure]) -> None:
        self._families = dict.fromkeys(measure.family for measure in measures)
        self._sums: dict[tuple[str, Family], Tensor] = {}  # [T, size]

    @property
    def names(self) -> list[str]:
        """Who answered."""
        return list(dict.fromkeys(name for name, _ in self._sums))

    def add(self, outputs: Mapping[str, Tensor], truth: Tensor) -> None:
        """Take in a batch: answers and what came, `[B, T, C, H, W]`."""
        for family in self._families:
            for name, output in outputs.items():
                found = family.sums(family.seen(output.float(), truth), truth).cpu()
                self._sums[name, family] = self._sums.get((name, family), 0) + found

    def figures(self, measure: Measure) -> Figures:
        """Return the figures of each answer at each lead time; None where there is none."""
        return {
            name: [_number(value) for value in measure.figure(self._sums[name, measure.family])]
            for name in self.names
        }

    def total(self, name: str, measure: Measure) -> float | None:
        """Return the figure of an answer over all lead times."""
        return _number(measure.figure(self._sums[name, measure.family].sum(0)))


class LeadTimes:
    """Collects figures of each predicted frame, in memory that only grows by a few numbers a clip.

    Args:
        measures: What is measured; mse is one of them.
        drawn: Names of those that get a diagram, beside mse and sharpness.

    Example:
        >>> from seqimg_predict.measures import Errors
        >>> times = LeadTimes(Errors().measures())
        >>> truth = torch.rand(4, 3, 1, 8, 8)
        >>> times.add({"model": truth, "mean_frame": truth.mean(1, keepdim=True).expand_as(truth)}, truth)
        >>> times.panel().tables[0].rows["model"]
        (0.0, 0.0, 0.0)
    """

    def __init__(self, measures: Sequence[Measure], drawn: Collection[str] = ()) -> None:
        self._measures = {measure.name: measure for measure in measures}
        self._drawn = drawn
        self.sums = Sums(measures)
        self._errors: list[Tensor] = []  # the model's, of each batch [B, T], NaN for frames without any value

    def add(self, outputs: Mapping[str, Tensor], truth: Tensor) -> None:
        """Take in a batch.

        Args:
            outputs: What each answered, `[B, T, C, H, W]` in [0, 1]; a spread of as many frames may follow.
            truth: What came, `[B, T, C, H, W]` in [0, 1]; NaN where there is no value.
        """
        self.sums.add(outputs, truth)
        valid = ~truth.isnan()
        frames = outputs["model"][:, : truth.shape[1]].float()
        errors = masked_mean((frames - truth).square(), valid, _PIXELS)
        self._errors.append(errors.masked_fill(~valid.flatten(2).any(2), torch.nan).cpu())

    def panel(self) -> Panel:
        """Return tables and curves of all batches."""
        figures = {name: self.sums.figures(measure) for name, measure in self._measures.items()}
        whole = ("mse", *(name for name in ("sharpness", *self._drawn) if name in figures))
        names = [*whole, *(name for name in figures if name not in whole)]
        return Panel(
            title="Lead time",
            note="How far ahead the model can look, and whether it stays sharp or smooths out what it is unsure of.",
            tables=tuple(_table(self._measures[name], figures[name]) for name in names),
            curves=tuple(self._curve(name, figures[name]) for name in whole),
            beside_figures=True,
            numbers={who: {name: values[who] for name, values in figures.items()} for who in self.sums.names},
        )

    def _curve(self, name: str, figures: Figures) -> Curve:
        times = list(range(1, len(figures["model"]) + 1))
        words = {
            "mse": "mse, half of all clips in the band",
            "sharpness": "Sharpness, 1 is that of the truth",
        }
        bands = {"model": (times, *_quartiles(torch.cat(self._errors)))} if name == "mse" else {}
        return Curve(
            name=words.get(name, name),
            x_label="frames ahead",
            y_label=name,
            series={who: (times, values) for who, values in figures.items()},
            bands=bands,
        )


def events_panels(sums: Sums, thresholds: Sequence[float], side: int) -> tuple[Panel, ...]:
    """Return the scores of events as a table for each threshold; none if there are no thresholds.

    Args:
        sums: What was seen.
        thresholds: Values in [0, 1] from which on a pixel is an event.
        side: Side of fss's neighbourhoods in pixels.
    """
    tables = tuple(_events(sums, threshold, side) for threshold in thresholds)
    note = "What reaches a threshold is an event, as rain is: was it said to be where it came?"
    return (Panel(title="Events", note=note, tables=tables),) if tables else ()


def _events(sums: Sums, threshold: float, side: int) -> Table:
    measures = event_measures((threshold,), side)
    return Table(
        title=f"Events of at least {100 * threshold:g} % of the value range",
        columns=tuple(Column(name=one.kind, better=_better(one)) for one in measures),
        rows={name: tuple(sums.total(name, measure) for measure in measures) for name in sums.names},
        note=" ".join(measure.about for measure in measures),
    )


def _number(value: Tensor) -> float | None:
    return float(value) if bool(value.isfinite()) else None


def _better(measure: Measure) -> Literal["lower", "higher"] | None:
    return None if measure.higher is None else "higher" if measure.higher else "lower"


def _quartiles(errors: Tensor) -> tuple[list[float | None], list[float | None]]:
    """Return the errors `[N, T]` below which a quarter and three quarters of the clips lie, at each time."""
    found: tuple[list[float | None], list[float | None]] = ([], [])
    for values in errors.unbind(1):
        there = values[~values.isnan()]
        for side, share in zip(found, (0.25, 0.75), strict=True):
            side.append(float(there.quantile(share)) if len(there) else None)
    return found


def _table(measure: Measure, figures: Figures) -> Table:
    """Lay out a figure by lead time; of many lead times some."""
    length = len(next(iter(figures.values())))
    shown, note = list(range(length)), measure.about
    if length > _COLUMNS:
        shown = [round(place * (length - 1) / (_COLUMNS - 1)) for place in range(_COLUMNS)]
        note += f" Of {length} lead times {_COLUMNS} are shown; the JSON of an evaluation has all."
    return Table(
        title=f"{measure.name} by lead time in frames",
        columns=tuple(Column(name=f"+{place + 1}", better=_better(measure)) for place in shown),
        rows={name: tuple(values[place] for place in shown) for name, values in figures.items()},
        note=note,
        alike=True,
        folded=measure.name not in _OPEN,
    )
