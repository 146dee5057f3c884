"""Runs side by side: their figures, what differs in their configurations, their curves."""

from collections.abc import Sequence
from pathlib import Path

from seqimg.publish import publish_file
from seqimg.training.records import Record, Series

__all__ = ["config_differences", "draw_runs", "names_of", "smooth"]

_SMOOTHING = 0.9  # of the loss curve, an exponential mean
_WIDE = 5  # times the lowest value: from there on the axis is logarithmic
_DOTS = 120  # a picture's dots per inch


def names_of(records: Sequence[Record]) -> list[str]:
    """Return a short name for each run: its folder's, or the whole path where two are the same.

    Example:
        >>> names_of([Record(Path("runs/predict/a")), Record(Path("runs/style/b"))])
        ['a', 'b']
    """
    names = [record.folder.resolve().name for record in records]
    return [
        name if names.count(name) == 1 else str(record.folder)
        for name, record in zip(names, records, strict=True)
    ]


def config_differences(records: Sequence[Record]) -> dict[str, list[object]]:
    """Return the fields in which the runs differ, with each run's value; None where it has no such field.

    Runs whose configuration cannot be read differ in nothing.

    Example:
        >>> one, two = (Record(Path("a"), config={"steps": (n, "flag"), "seed": (0, "flag")}) for n in (5, 6))
        >>> config_differences([one, two, Record(Path("b"))])
        {'steps': [5, 6, None]}
    """
    readable = [record for record in records if record.config]
    fields = dict.fromkeys(name for record in readable for name in record.config)

    def given(record: Record, name: str) -> object:
        return record.config.get(name, (None, ""))[0]

    differing = [
        name for name in fields if any(given(r, name) != given(readable[0], name) for r in readable[1:])
    ]
    return {name: [given(record, name) for record in records] for name in differing}


def draw_runs(records: Sequence[Record], path: Path, *, overwrite: bool = False) -> None:
    """Draw the loss and the leading validation metric of the runs over their steps.

    Args:
        records: The runs.
        path: A `.png` or `.svg` to write.
        overwrite: Whether an existing file is replaced.

    Raises:
        SeqimgError: It cannot be written.
    """
    from matplotlib.figure import Figure

    metric = next((record.leading for record in records if record.leading), "")
    names = names_of(records)
    figure = Figure(figsize=(10 if metric else 5.5, 4), layout="constrained")
    panels = figure.subplots(1, 2 if metric else 1, squeeze=False)[0]
    panels[0].set(title="Training loss, smoothed", xlabel="step", ylabel="loss")
    if metric:
        panels[1].set(title=f"Validation {metric} (the dot is the best)", xlabel="step", ylabel=metric)
    for number, (name, record) in enumerate(zip(names, records, strict=True)):
        colour, label = f"C{number % 10}", name.replace("$", r"\$")
        panels[0].plot(*smooth(record.loss), color=colour, label=label, linewidth=1.2)
        if metric and metric in record.validation:
            points = record.validation[metric].points
            panels[1].plot(*zip(*points, strict=True), color=colour, label=label, linewidth=1.2)
            panels[1].plot(record.best_step, record.best[metric], "o", color=colour)
    for panel in panels:
        values = [float(y) for line in panel.get_lines() for y in line.get_ydata()]
        if min(values, default=0) > 0 and max(values) > _WIDE * min(values):
            panel.set_yscale("log")
        panel.grid(alpha=0.25)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False, fontsize="small")
    with publish_file(path, overwrite=overwrite) as temporary:
        figure.savefig(temporary, format=path.suffix.lower().lstrip("."), dpi=_DOTS)


def smooth(series: Series) -> tuple[list[int], list[float]]:
    """Return a series' steps, and the exponential mean of its values up to each.

    Example:
        >>> series = Series()
        >>> for step in (1, 2):
        ...     series.add(step, 3.0)
        >>> smooth(series)
        ([1, 2], [3.0, 3.0])
    """
    steps, smoothed, mean = [], [], 0.0
    for count, (step, value) in enumerate(series.points, start=1):
        mean = _SMOOTHING * mean + (1 - _SMOOTHING) * value
        steps.append(step)
        smoothed.append(mean / (1 - _SMOOTHING**count))
    return steps, smoothed
