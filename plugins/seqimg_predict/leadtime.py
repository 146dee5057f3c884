"""How predictions fare the further they look ahead: errors, and how much sharpness is left."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from seqimg.panels import Column, Curve, Panel, Table, Value
from seqimg_predict.masks import masked_mean

__all__ = ["LeadTimes"]

_COLUMNS = 10  # lead times in a table
_PIXELS = (2, 3, 4)


class LeadTimes:
    """Collects errors and sharpness of each predicted frame, in memory that only grows by a few numbers a clip.

    Example:
        >>> times = LeadTimes()
        >>> truth = torch.rand(4, 3, 1, 8, 8)
        >>> times.add({"model": truth, "mean_frame": truth.mean(1, keepdim=True).expand_as(truth)}, truth, None)
        >>> times.panel().tables[0].rows["model"]
        (0.0, 0.0, 0.0)
    """

    def __init__(self) -> None:
        self._errors: dict[str, list[Tensor]] = {}  # of each batch [B, T]
        self._slopes: dict[str, list[Tensor]] = {}  # of each batch [T]
        self._truth: list[Tensor] = []
        self._there: list[Tensor] = []  # [B, T], whether a frame has any value

    def add(self, outputs: Mapping[str, Tensor], truth: Tensor, valid: Tensor | None) -> None:
        """Take in a batch.

        Args:
            outputs: What each answered, `[B, T, C, H, W]` in [0, 1].
            truth: What came, `[B, T, C, H, W]` in [0, 1].
            valid: Where the truth has a value, bool that broadcasts to it; None if everywhere.
        """
        valid = None if valid is None else valid.expand_as(truth)
        there = (
            torch.ones(truth.shape[:2], dtype=torch.bool) if valid is None else valid.flatten(2).any(2).cpu()
        )
        self._there.append(there)
        self._truth.append(_slopes(truth, valid))
        for name, output in outputs.items():
            error = masked_mean((output.float() - truth).square(), valid, _PIXELS)
            self._errors.setdefault(name, []).append(error.double().cpu())
            self._slopes.setdefault(name, []).append(_slopes(output.float(), valid))

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
                _table("mse by lead time in frames", errors, better=True),
                _table(
                    "Sharpness by lead time in frames",
                    sharpness,
                    note="Mean difference of neighbouring pixels over that of the true frames: 1 is as sharp, "
                    "less is blurred, more is noise or wrong edges.",
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
            ),
            beside_figures=True,
        )


def _slopes(frames: Tensor, valid: Tensor | None) -> Tensor:
    """Return the summed differences of neighbouring pixels of each time, float64 `[T]`, where both have a value."""
    total = torch.zeros(frames.shape[1], dtype=torch.float64)
    for dim in (3, 4):
        size = frames.shape[dim] - 1
        steps = (frames.narrow(dim, 1, size) - frames.narrow(dim, 0, size)).abs()
        if valid is not None:
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
    title: str, values: Mapping[str, list[float | None]], *, better: bool = False, note: str = ""
) -> Table:
    length = len(next(iter(values.values())))
    places = sorted({round(place * (length - 1) / max(_COLUMNS - 1, 1)) for place in range(_COLUMNS)})
    shown = places if length > _COLUMNS else range(length)
    rows: dict[str, tuple[Value, ...]] = {name: _at(numbers, shown) for name, numbers in values.items()}
    columns = tuple(Column(name=f"+{place + 1}", better="lower" if better else None) for place in shown)
    return Table(title=title, columns=columns, rows=rows, note=note, alike=True)


def _at(numbers: list[float | None], places: Iterable[int]) -> tuple[Value, ...]:
    return tuple(numbers[place] for place in places)
