"""`seqimg cells bench`."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

from seqimg.cli.machine import chosen_device, device_sentence
from seqimg.cli.output import Table, output
from seqimg.errors import UsageError
from seqimg.kernels.bench import (
    Check,
    Column,
    Measurement,
    Plan,
    Result,
    Row,
    Shape,
    chosen_dtypes,
    chosen_parts,
    measurements,
    plot_scaling,
    run,
)
from seqimg.kernels.bench.plot import check_suffix
from seqimg.plugins.reports import one_line
from seqimg.publish import check_writable, publish_file

__all__ = ["bench_cells", "bench_table"]

_LAYER = "seqimg.nn:ConvRNN"
_REASON = 80  # letters of a reason in the table; `--json` has all of it
_BUSY = 0.5  # waiting processes a core


def bench_cells(
    shapes: Sequence[str],
    *,
    dtype: str,
    repeats: int,
    only: str | None,
    device: Literal["auto", "cpu", "cuda"],
    compiled: bool,
    plot: Path | None,
    overwrite: bool,
) -> None:
    """Measure, print every figure beside what is asked of it, and draw the rows of scaling on request.

    Raises:
        UsageError: A shape, dtype or part is impossible, or there would be nothing to plot.
    """
    plan = _plan(shapes, dtype, repeats, only, device, compiled=compiled)
    if plot is not None:
        check_suffix(plot)
        check_writable(plot, overwrite=overwrite)
        if "scaling" not in plan.parts:
            raise UsageError(f"--plot {plot}: nothing to draw", why="--only leaves out scaling")
    output().say(device_sentence(plan.device, device))
    rows = measurements(plan)
    with output().progress("Measuring", total=len(rows)) as bar:

        def told(measurement: Measurement, row: Row) -> None:
            bar.advance(row=measurement.title)
            for check in row.checks:
                output().say(f"{measurement.title}: {_spoken(check)}")

        result = run(plan, told)
    _mention_load(result)
    value = asdict(result)
    output().data(value, bench_table(result))
    if plot is not None:
        with publish_file(plot, overwrite=overwrite) as temporary:
            plot_scaling(value, temporary)
        output().say(f"Saved {plot}")


def bench_table(result: Result) -> Table:
    """Lay out a bench: a line for each column of each row, and one for each thing asked."""
    lines: list[list[str]] = []
    for row in result.rows:
        size = row.shape if row.axis is None else f"{row.shape} ({row.axis} = {row.value})"
        head = [row.kind, row.dtype, size]
        for part in [*map(_column_line, row.columns), *map(_check_line, row.checks)]:
            lines.append([*head, *part])
            head = ["", "", ""]
    return Table(("row", "dtype", "shape", "what", "median", "min", "of limit", "asked", "met"), lines)


def _plan(
    shapes: Sequence[str],
    dtype: str,
    repeats: int,
    only: str | None,
    device: Literal["auto", "cpu", "cuda"],
    *,
    compiled: bool,
) -> Plan:
    plan = Plan(
        layer=_LAYER,
        device=chosen_device(device),
        dtypes=chosen_dtypes(dtype),
        parts=chosen_parts(only),
        repeats=repeats,
        compiled=compiled,
    )
    if not shapes:
        return plan
    given = tuple(Shape.parse(text) for text in shapes)
    steps = tuple(dict.fromkeys(shape.step for shape in given))
    return replace(plan, clips=given, steps=steps, scaling=given[0])


def _mention_load(result: Result) -> None:
    load, cores = result.machine["load"], result.machine["cores"]
    if isinstance(load, float) and isinstance(cores, int) and load > _BUSY * cores:
        output().warn(
            f"the machine was busy at the start (load {load:.1f} on {cores} cores): times are noisy"
        )


def _spoken(check: Check) -> str:
    return f"{check.what}: {_figure(check.figure)}, asked {check.asked}, {_met(check)}"


def _column_line(column: Column) -> list[str]:
    figures = column.figures
    if "peak_bytes" in figures:
        found = {"saved": figures.get("saved_bytes"), "peak": figures["peak_bytes"]}
        sizes = [f"{name} {_size(value)}" for name, value in found.items() if value is not None]
        return [column.name, *(sizes or [_why(column)]), *[""] * (5 - max(1, len(sizes)))]
    if figures["median_s"] is None:
        return [f"{column.name}: {_why(column)}", "", "", "", "", ""]
    p99 = figures.get("p99_s")
    tail = "" if p99 is None else f", p99 {_time(p99)}"
    share = figures.get("of_limit")
    return [
        column.name,
        _time(figures["median_s"]) + tail,
        _time(figures["min_s"]),
        "" if share is None else f"{share:.2f}",
        "",
        "",
    ]


def _check_line(check: Check) -> list[str]:
    return [check.what, _figure(check.figure), "", "", check.asked, _met(check)]


def _why(column: Column) -> str:
    return one_line(f"not measured: {column.note}", _REASON)


def _met(check: Check) -> str:
    return {True: "met", False: "NOT MET", None: "not measured"}[check.met]


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _time(seconds: float | None) -> str:
    return "–" if seconds is None else f"{1e3 * seconds:.4g} ms"


def _size(count: float) -> str:
    return f"{count / 2**20:.1f} MiB"
