"""Curves as small inline SVG: axes, ticks, a legend, bands, marks, and gaps where a value is missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from math import ceil, floor, isfinite, log10
from typing import TypeAlias

from seqimg.panels import Curve

__all__ = ["curve_svg"]

Point: TypeAlias = tuple[float, float]
Numbers: TypeAlias = Sequence[float | None]

_WIDTH, _HEIGHT = 480, 300
_LEFT, _RIGHT, _BOTTOM = 80, 12, 44
_LEGEND = 20  # height of a line of the legend
_FONT = 13
_LETTER = 6.9  # mean width of a letter, for laying out the legend
_LONGEST = 44  # letters of a name
_MOST_POINTS = 600
_DENSE = 150  # longer series are drawn with a thin pen
_LARGEST = 1e100  # beyond it the arithmetic of the axes could overflow
_DASHES = ("", "7 4", "2 3", "9 3 2 3")
_COLOURS = ("#3b82d6", "#d97f1a", "#229a72", "#a05fcb", "#d1495b", "#7f8c99")


@dataclass(frozen=True)
class _Axis:
    """Maps values to places: `low` to `start`, `high` to `end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def place(self, value: float) -> float:
        low, high, value = (log10(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        if self.log:
            powers = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
            steps = (1,) if len(powers) > 4 else (1, 2, 5)
            found = [step * 10.0**power for power in powers for step in steps]
            found = [tick for tick in found if self.low <= tick <= self.high]
            if len(found) >= 2:
                return found[:: ceil(len(found) / 8)]
        step = _round_step((self.high - self.low) / 5)
        return [item * step for item in range(ceil(self.low / step), floor(self.high / step) + 1)]


def curve_svg(curve: Curve) -> str:
    """Draw a diagram as an `<svg>` element for use inside an HTML page.

    It scales with the page's width, takes the page's text colour, and tells series apart by dashes as well as
    by colour. Series of more than 600 points are thinned, keeping each stretch's highest and lowest point.

    Example:
        >>> curve = Curve(name="loss", x_label="step", y_label="mse", series={"train": ([0, 1], [2, 1])})
        >>> svg = curve_svg(curve)
        >>> svg.startswith("<svg"), svg.endswith("</svg>")
        (True, True)
    """
    lines = {name: _segments(xs, ys, curve.log_y) for name, (xs, ys) in curve.series.items()}
    bands = {name: _band(*band, curve.log_y) for name, band in curve.bands.items()}
    points = [point for segments in lines.values() for segment in segments for point in segment]
    points += [point for band in bands.values() for point in band]
    legend, top = _legend(lines)
    body = [*legend]
    if points:
        marks = {name: float(x) for name, x in curve.marks.items() if isfinite(x) and abs(x) < _LARGEST}
        x_axis = _axis([*(x for x, _ in points), *marks.values()], _LEFT, _WIDTH - _RIGHT)
        y_axis = _axis([y for _, y in points], _HEIGHT - _BOTTOM, top, log=curve.log_y)
        body += _frame(x_axis, y_axis)
        body += [_area(band, x_axis, y_axis, list(lines).index(name)) for name, band in bands.items() if band]
        for number, segments in enumerate(lines.values()):
            body += [_line(segment, x_axis, y_axis, number) for segment in segments]
        for number, (name, x) in enumerate(marks.items()):
            body += _mark(name, x_axis.place(x), top, number)
    else:
        body.append(_text(_WIDTH / 2, _HEIGHT / 2, "no data", "middle"))
    body.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, curve.x_label, "middle"))
    middle = (top + _HEIGHT - _BOTTOM) / 2
    y_label = f"{curve.y_label}, log scale" if curve.log_y else curve.y_label
    body.append(_text(12, middle, y_label, "middle", f' transform="rotate(-90 12 {middle:.1f})"'))
    return (
        f'<svg class="curve" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(curve.name)}" '
        f'font-size="{_FONT}" fill="currentColor">{"".join(body)}</svg>'
    )


def _drawable(point: Point, log_y: bool) -> bool:
    return all(isfinite(v) and abs(v) < _LARGEST for v in point) and (not log_y or point[1] > 1 / _LARGEST)


def _segments(xs: Numbers, ys: Numbers, log_y: bool) -> list[list[Point]]:
    """Split a series where a value cannot be drawn, and thin what is left."""
    points = zip(map(Curve.number, xs), map(Curve.number, ys), strict=True)
    runs = groupby(points, key=lambda point: _drawable(point, log_y))
    size = ceil(len(xs) / (_MOST_POINTS // 2))
    return [_thin(list(run), size) for good, run in runs if good]


def _band(xs: Numbers, lows: Numbers, highs: Numbers, log_y: bool) -> list[Point]:
    """Return the outline of a band: along its lower edge, and back along the upper one."""
    low = list(zip(map(Curve.number, xs), map(Curve.number, lows), strict=True))
    high = list(zip(map(Curve.number, xs), map(Curve.number, highs), strict=True))
    good = [(a, b) for a, b in zip(low, high, strict=True) if _drawable(a, log_y) and _drawable(b, log_y)]
    good = good[:: ceil(len(good) / _MOST_POINTS) or 1]
    return [point for point, _ in good] + [point for _, point in reversed(good)]


def _thin(points: list[Point], size: int) -> list[Point]:
    if size < 3:
        return points
    kept = []
    for start in range(0, len(points), size):
        stretch = points[start : start + size]
        ends = (min(stretch, key=lambda point: point[1]), max(stretch, key=lambda point: point[1]))
        kept += sorted(set(ends), key=stretch.index)
    return kept


def _axis(values: list[float], start: float, end: float, *, log: bool = False) -> _Axis:
    low, high = min(values), max(values)
    if log:
        margin = max(high / low, 1.01) ** 0.04
        return _Axis(low / margin, high * margin, start, end, log=True)
    size = max(abs(low), abs(high))
    # A range lost in the values' last digits has no ticks of its own: it is drawn as a constant.
    spread = high - low if high - low > 1e-8 * size and size > 1 / _LARGEST else size
    margin = spread * 0.04 if size > 1 / _LARGEST else 1.0
    return _Axis(low - margin, high + margin, start, end)


def _round_step(step: float) -> float:
    power = 10.0 ** floor(log10(step))
    return next(power * factor for factor in (1, 2, 5, 10) if step <= power * factor * 1.0001)


def _labels(ticks: list[float]) -> list[str]:
    """Write ticks: short, without trailing zeros, and no two alike.

    Example:
        >>> _labels([0.0, 0.25, 20000.0, 3e6, 1e-05])
        ['0', '0.25', '20k', '3M', '1e-5']
        >>> _labels([0.50001, 0.50002])
        ['0.50001', '0.50002']
    """
    labels: list[str] = []
    for digits in (4, 7, 10, 13):
        labels = [_number(tick, digits) for tick in ticks]
        if len(set(labels)) == len(labels):
            break
    return labels


def _number(value: float, digits: int) -> str:
    for least, unit, letter in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if least <= abs(value) < unit * 1e3:
            return f"{value / unit:.{digits}g}{letter}"
    return f"{value:.{digits}g}".replace("e-0", "e-").replace("e+0", "e+").replace("e+", "e")


def _frame(x_axis: _Axis, y_axis: _Axis) -> list[str]:
    parts = []
    ticks = y_axis.ticks()
    for tick, label in zip(ticks, _labels(ticks), strict=True):
        y = y_axis.place(tick)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="currentColor" opacity=".15"/>')
        parts.append(_text(_LEFT - 7, y + 4, label, "end"))
    floor_y = _HEIGHT - _BOTTOM
    ticks = x_axis.ticks()
    for tick, label in zip(ticks, _labels(ticks), strict=True):
        x = x_axis.place(tick)
        parts.append(f'<path d="M{x:.1f} {floor_y}v4" stroke="currentColor" opacity=".6"/>')
        parts.append(_text(x, floor_y + 17, label, "middle"))
    parts.append(f'<path d="M{_LEFT} {floor_y}H{_WIDTH - _RIGHT}" stroke="currentColor" opacity=".6"/>')
    return parts


def _line(segment: list[Point], x_axis: _Axis, y_axis: _Axis, number: int) -> str:
    places = [(f"{x_axis.place(x):.1f}", f"{y_axis.place(y):.1f}") for x, y in segment]
    if len(places) == 1:
        (x, y) = places[0]
        return f'<circle cx="{x}" cy="{y}" r="3.5" fill="{_COLOURS[number % len(_COLOURS)]}"/>'
    width = 2 if len(places) <= _DENSE else 1
    return f'<path d="M{"L".join(f"{x} {y}" for x, y in places)}" {_stroke(number, width)}/>'


def _area(outline: list[Point], x_axis: _Axis, y_axis: _Axis, number: int) -> str:
    places = "L".join(f"{x_axis.place(x):.1f} {y_axis.place(y):.1f}" for x, y in outline)
    return f'<path d="M{places}" fill="{_COLOURS[number % len(_COLOURS)]}" opacity=".18"/>'


def _mark(name: str, x: float, top: float, number: int) -> list[str]:
    """Draw an upright line with its name beside it, on the side where there is room, each a line lower."""
    side, anchor = (5, "start") if x < (_LEFT + _WIDTH) / 2 else (-5, "end")
    return [
        f'<path d="M{x:.1f} {top:.1f}V{_HEIGHT - _BOTTOM}" stroke="currentColor" opacity=".7" stroke-dasharray="2 3"/>',
        _text(x + side, top + 11 + 16 * number, _short(name), anchor),
    ]


def _stroke(number: int, width: int = 2) -> str:
    colour, dashes = _COLOURS[number % len(_COLOURS)], _DASHES[number % len(_DASHES)]
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'fill="none" stroke="{colour}" stroke-width="{width}" stroke-linejoin="round"{dashed}'


def _legend(lines: Mapping[str, list[list[Point]]]) -> tuple[list[str], float]:
    """Draw the series' names in as many lines as they need; also return where the diagram may begin."""
    parts, left, row = [], float(_LEFT), 0
    for number, (name, segments) in enumerate(lines.items()):
        label = _short(name) if segments else f"{_short(name)} (no data)"
        needed = 30 + len(label) * _LETTER + 14
        if left > _LEFT and left + needed > _WIDTH:
            left, row = float(_LEFT), row + 1
        y = 14 + row * _LEGEND
        parts.append(f'<path d="M{left:.0f} {y - 4}h22" {_stroke(number)}/>')
        parts.append(_text(left + 28, y, label, "start"))
        left += needed
    return parts, 14.0 + (row + 1) * _LEGEND


def _short(name: str) -> str:
    """Shorten a name that would not fit; of a path, the end says most."""
    return name if len(name) <= _LONGEST else f"…{name[1 - _LONGEST :]}"


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(text)}</text>'
