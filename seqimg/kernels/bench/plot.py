"""The rows of `scaling` as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqimg.errors import SeqimgError, UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SUFFIXES", "check_suffix", "plot_scaling"]

SUFFIXES = (".png", ".svg", ".pdf")
_LABELS = {"T": "frames, T", "B": "samples, B", "H·W": "pixels, H·W", "C": "channels, X = C"}
_STYLES = (("#0072b2", "o", "-"), ("#d55e00", "s", "--"), ("#009e73", "^", ":"), ("#cc79a7", "D", "-."))


def check_suffix(path: Path) -> None:
    """Refuse a name whose ending is no picture's.

    Raises:
        UsageError: It is another one than `SUFFIXES`.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"{path} is no name for a plot",
            why=f"it has to end in {', '.join(SUFFIXES)}",
            hint=f"--plot {path.with_suffix('.png')}",
        )


def plot_scaling(result: Mapping[str, Any], path: Path) -> None:
    """Draw how the time of a training step grows with each size.

    Args:
        result: A bench as `--json` prints it, `scaling` among its rows.
        path: Where to write, with a suffix in `SUFFIXES`.

    Raises:
        SeqimgError: There are no such rows.
    """
    rows = [row for row in result["rows"] if row["kind"] == "scaling"]
    if not rows:
        raise SeqimgError(
            "there is nothing to plot", why="the bench holds no rows of scaling", hint="--only scaling"
        )
    # Figures of their own, without pyplot: no window system is looked for, and none is changed.
    from matplotlib.figure import Figure

    axes_named = list(dict.fromkeys(row["axis"] for row in rows))
    figure = Figure(figsize=(3.2 * len(axes_named), 3.4), layout="constrained")
    panels = figure.subplots(1, len(axes_named), sharey=True, squeeze=False)[0]
    for panel, axis in zip(panels, axes_named, strict=True):
        _draw(panel, axis, [row for row in rows if row["axis"] == axis])
    panels[0].set_ylabel("one training step [ms]")
    panels[0].legend(frameon=False, fontsize="small")
    figure.savefig(path, dpi=150)


def _draw(panel: "Axes", axis: str, rows: Sequence[Mapping[str, Any]]) -> None:
    lines: dict[str, tuple[list[float], list[float]]] = {}
    for row in rows:
        for column in row["columns"]:
            if column["figures"].get("median_s") is not None:
                xs, ys = lines.setdefault(f"{column['name']}, {row['dtype']}", ([], []))
                xs.append(row["value"])
                ys.append(1e3 * column["figures"]["median_s"])
    for (name, (xs, ys)), (colour, marker, dash) in zip(lines.items(), _styles(len(lines)), strict=True):
        panel.plot(xs, ys, color=colour, marker=marker, linestyle=dash, markersize=4, label=name)
    panel.set_xscale("log", base=2)
    panel.set_yscale("log")
    ticks = sorted({row["value"] for row in rows})
    panel.set_xticks(ticks, [str(tick) for tick in ticks])
    panel.set_xlabel(_LABELS.get(axis, axis))
    panel.grid(alpha=0.3, which="both", linewidth=0.5)


def _styles(count: int) -> list[tuple[str, str, str]]:
    return [_STYLES[number % len(_STYLES)] for number in range(count)]
