"""How predictions fare the further they look ahead: errors, and how much sharpness is left."""

from collections.abc import Iterable, Mapping
from typing import Literal

import torch
from torch import Tensor

from seqimg.panels import Column, Curve, Panel, Table, Value
from seqimg_predict.masks import masked_mean
from seqimg_predict.measures import Family, Measure
from seqimg_predict.measuring import event_measures

__all__ = ["Events", "LeadTimes"]

_COLUMNS = 10  # lead times in a table
_PIXELS = (2, 3, 4)


class LeadTimes:
    """Collects figures of each predicted frame, in memory that only grows by a few numbers a clip.

    Args:
        measures: What is shown beside mse and sharpness.

    Example:
        >>> times = LeadTimes()
        >>> truth = torch.rand(4, 3, 1, 8, 8)
        >>> times.add({"model": truth, "mean_frame": truth.mean(1, keepdim=True).expand_as(truth)}, truth)
        >>> times.panel().tables[0].rows["model"]
        (0.0, 0.0, 0.0)
    """

    def __init__(self, measures: tuple[Measure, ...] = ()) -> None:
        self._errors: dict[str, list[Tensor]] = {}  # of each batch [B, T]
        self._slopes: dict[str, list[Tensor]] = {}  # of each batch [T]
        self._truth: list[Tensor] = []
        self._there: list[Tensor] = []  # [B, T], whether a frame has any value
        self._measures, self._sums = measures, Sums(measures)

    def add(self, outputs: Mapping[str, Tensor], truth: Tensor) -> None:
        """Take in a batch.

        Args:
            outputs: What each answered, `[B, T, C, H, W]` in [0, 1]; a spread of as many frames may follow.
            truth: What came, `[B, T, C, H, W]` in [0, 1]; NaN where there is no value.
        """
        self._sums.add(outputs, truth)
        valid = ~truth.isnan()
        there = valid.flatten(2).any(2).cpu()
        self._there.append(there)
        self._truth.append(_slopes(truth, valid))
        for name, output in outputs.items():
            frames = output[:, : truth.shape[1]].float()
            error = masked_mean((frames - truth).square(), valid, _PIXELS)
            self._errors.setdefault(name, []).append(error.double().cpu())
            self._slopes.setdefault(name, []).append(_slopes(frames, valid))

    def panel(self) -> Panel:
        """Return tables and curves of all batches."""
        there = torch.cat(self._there)
        truth = torch.stack(self._truth).sum(0)
        errors = {name: _means(torch.cat(batches), there) for name, batches in self._errors.items()}
        sharpness = {
            name: _ratios(torch.stack(batches).sum(0), truth) for name, batches in self._slopes.items()
        }
        times = list(range(1, len(truth) + 1))
        bands = {"model": _quartiles(torch.cat(self._errors["model"]), there)} if "model" in errors else {}
        return Panel(
            title="Lead time",
            note="How far ahead the model can look, and whether it stays sharp or smooths out what it is unsure of.",
            tables=(
                _table("mse by lead time in frames", errors, better=False),
                _table(
                    "Sharpness by lead time in frames",
                    sharpness,
                    note="Mean difference of neighbouring pixels over that of the true frames: 1 is as sharp, "
                    "less is blurred, more is noise or wrong edges.",
                ),
                *(
                    _table(
                        f"{measure.name} by lead time in frames",
                        self._sums.figures(measure),
                        better=measure.higher,
                        note=measure.about,
                        folded=True,
                    )
                    for measure in self._measures
                ),
            ),
            curves=(
                Curve(
                    name="mse, half of all clips in the band",
                    x_label="frames ahead",
                    y_label="mse",
                    series={name: (times, values) for name, values in errors.items()},
                    bands={name: (times, low, high) for name, (low, high) in bands.items()},
                ),
                Curve(
                    name="Sharpness, 1 is that of the truth",
                    x_label="frames ahead",
                    y_label="sharpness",
                    series={name: (times, values) for name, values in sharpness.items()},
                ),
                *(
                    Curve(
                        name=measure.name,
                        x_label="frames ahead",
                        y_label=measure.name,
                        series={
                            name: (times, values) for name, values in self._sums.figures(measure).items()
                        },
                    )
                    for measure in self._measures
                ),
            ),
            beside_figures=True,
        )


class Events:
    """Collects the scores of events at each threshold.

    Args:
        thresholds: Values in [0, 1] from which on a pixel is an event.
        side: Side of fss's neighbourhoods in pixels.
    """

    def __init__(self, thresholds: tuple[float, ...], side: int) -> None:
        self._thresholds, self._side = thresholds, side
        self._sums = Sums(event_measures(thresholds, side))

    def add(self, outputs: Mapping[str, Tensor], truth: Tensor) -> None:
        """Take in a batch, as of [LeadTimes][seqimg_predict.leadtime.LeadTimes]."""
        self._sums.add(outputs, truth)

    def panels(self) -> tuple[Panel, ...]:
        """Return a table for each threshold; none if there are no thresholds."""
        tables = tuple(self._at(threshold) for threshold in self._thresholds)
        note = "What reaches a threshold is an event, as rain is: was it said to be where it came?"
        return (Panel(title="Events", note=note, tables=tables),) if tables else ()

    def _at(self, threshold: float) -> Table:
        measures = event_measures((threshold,), self._side)
        rows = {
            name: tuple(self._sums.total(name, measure) for measure in measures) for name in self._sums.names
        }
        return Table(
            title=f"Events of at least {100 * threshold:g} % of the value range",
            columns=tuple(
                Column(name=one.kind, better="higher" if one.higher else "lower") for one in measures
            ),
            rows=rows,
            note=" ".join(measure.about for measure in measures),
        )


class Sums:
    """The sums of measures, by answer and lead time.

    Args:
        measures: What is to be made of the sums.
    """

    def __init__(self, measures: tuple[Measure, ...]) -> None:
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

    def figures(self, measure: Measure) -> dict[str, list[float | None]]:
        """Return the figures of each answer at each lead time; None where there is none."""
        return {
            name: [_number(value) for value in measure.figure(self._sums[name, measure.family])]
            for name in self.names
        }

    def total(self, name: str, measure: Measure) -> float | None:
        """Return the figure of an answer over all lead times."""
        return _number(measure.figure(self._sums[name, measure.family].sum(0)))


def _number(value: Tensor) -> float | None:
    return float(value) if bool(value.isfinite()) else None


def _slopes(frames: Tensor, valid: Tensor) -> Tensor:
    """Return the summed differences of neighbouring pixels of each time, float64 `[T]`, where both have a value."""
    total = torch.zeros(frames.shape[1], dtype=torch.float64)
    for dim in (3, 4):
        size = frames.shape[dim] - 1
        steps = (frames.narrow(dim, 1, size) - frames.narrow(dim, 0, size)).abs()
        steps = torch.where(valid.narrow(dim, 1, size) & valid.narrow(dim, 0, size), steps, 0)
        total += steps.sum((0, *_PIXELS)).double().cpu()
    return total


def _means(errors: Tensor, there: Tensor) -> list[float | None]:
    counts = there.sum(0)
    sums = torch.where(there, errors, 0).sum(0)
    return [float(total / count) if count else None for total, count in zip(sums, counts, strict=True)]


def _quartiles(errors: Tensor, there: Tensor) -> tuple[list[float | None], list[float | None]]:
    found: tuple[list[float | None], list[float | None]] = ([], [])
    for time in range(errors.shape[1]):
        values = errors[there[:, time], time]
        for side, share in zip(found, (0.25, 0.75), strict=True):
            side.append(float(values.quantile(share)) if len(values) else None)
    return found


def _ratios(slopes: Tensor, truth: Tensor) -> list[float | None]:
    return [float(own / true) if true else None for own, true in zip(slopes, truth, strict=True)]


def _table(
    title: str,
    values: Mapping[str, list[float | None]],
    *,
    better: bool | None = None,
    note: str = "",
    folded: bool = False,
) -> Table:
    """Lay out figures by lead time; `better` says whether more is better, None if neither."""
    length = len(next(iter(values.values())))
    places = sorted({round(place * (length - 1) / max(_COLUMNS - 1, 1)) for place in range(_COLUMNS)})
    shown = places if length > _COLUMNS else range(length)
    rows: dict[str, tuple[Value, ...]] = {name: _at(numbers, shown) for name, numbers in values.items()}
    end: Literal["lower", "higher"] | None = None if better is None else "higher" if better else "lower"
    columns = tuple(Column(name=f"+{place + 1}", better=end) for place in shown)
    return Table(title=title, columns=columns, rows=rows, note=note, alike=True, folded=folded)


def _at(numbers: list[float | None], places: Iterable[int]) -> tuple[Value, ...]:
    return tuple(numbers[place] for place in places)
