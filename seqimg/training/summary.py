"""What a run has to show: its verdict in a sentence, its pictures, its report."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqimg.sequences import save_sequence
from seqimg.task import Example
from seqimg.training.evaluation import Evaluation
from seqimg.training.loop import StepReport, Trained
from seqimg.training.pictures import save_png, side_by_side_frames, strip
from seqimg.training.report import Column, Curve, Picture, Report, Table
from seqimg.training.runs import environment

__all__ = ["run_report", "save_animation", "save_strip", "verdict"]

_PICTURES_PER_SECOND = 6
_SMOOTHING = 0.9  # of the loss curve, an exponential mean


def verdict(evaluation: Evaluation, what: str) -> str:
    """Say in a sentence how the model does beside each baseline, by the leading metric.

    Example:
        >>> figures = {"model": {"mse": 0.004}, "copy_last": {"mse": 0.01}}
        >>> verdict(Evaluation("mse", 96, figures, {"a": figures}), "held-out clips")
        'mse 0.004 on 96 held-out clips: 60 % below copy_last (0.01).'
    """
    metric = evaluation.metric
    own = evaluation.overall["model"][metric]
    beside = []
    for name, figures in evaluation.overall.items():
        other = figures[metric]
        if name != "model":
            share = abs(1 - own / other) if other else 0.0
            beside.append(
                f"{share:.0%} ".replace("%", " %")
                + f"{'below' if own <= other else 'ABOVE'} {name} ({other:.4g})"
            )
    return f"{metric} {own:.4g} on {evaluation.clips:,} {what}: {', '.join(beside)}."


def save_strip(case: Example, path: Path) -> None:
    """Write context, truth, prediction and error of one case as a PNG."""
    save_png(path, strip(_shown(case.context), _shown(case.truth), _shown(case.answer)))


def save_animation(cases: Sequence[Example], path: Path) -> None:
    """Write the cases as one animation, one below the other."""
    frames = (_stacked(pictures) for pictures in zip(*map(_moving, cases), strict=False))
    save_sequence(frames, path, fps=_PICTURES_PER_SECOND)


def run_report(
    title: str,
    trained: Trained,
    evaluation: Evaluation,
    *,
    what: str,
    pictures: Iterable[tuple[str, str, Path]],
    facts: Mapping[str, str],
) -> Report:
    """Put together a run's report.

    Args:
        title: The page's name.
        trained: How training went.
        evaluation: Figures beside the baselines.
        what: What was evaluated on, for example `"held-out clips"`.
        pictures: Title, caption and PNG or GIF file of each picture.
        facts: What else is needed to reproduce it.
    """
    machine = {name: str(value) for name, value in environment().items() if name != "packages"}
    return Report(
        title=title,
        verdict=verdict(evaluation, what),
        pictures=tuple(
            Picture(title=name, caption=text, data=path.read_bytes()) for name, text, path in pictures
        ),
        tables=_tables(evaluation),
        curves=_curves(trained.history, evaluation.metric),
        facts={**facts, "steps": f"{trained.steps:,}", "seconds": f"{trained.seconds:.0f}", **machine},
    )


def _tables(evaluation: Evaluation) -> tuple[Table, ...]:
    metrics = tuple(evaluation.overall["model"])
    groups = {"all sequences": evaluation.overall}
    if len(evaluation.sequences) > 1:
        groups |= evaluation.sequences
    return tuple(
        Table(
            title=f"Figures on {name}",
            columns=tuple(Column(name=metric, better="lower") for metric in metrics),
            rows={who: tuple(values[metric] for metric in metrics) for who, values in figures.items()},
            note="Errors per pixel and channel of frames in [0, 1], over all predicted frames.",
        )
        for name, figures in groups.items()
    )


def _curves(history: Sequence[StepReport], metric: str) -> tuple[Curve, ...]:
    steps = [report.step for report in history]
    curves = [
        Curve(
            name="Loss",
            x_label="step",
            y_label="loss",
            series={"training, smoothed": (steps, _smooth([report.loss for report in history]))},
            log_y=True,
        )
    ]
    validated = [report for report in history if report.validation]
    if len(validated) > 1:
        values = [(report.validation or {})[metric] for report in validated]
        series = {metric: ([report.step for report in validated], values)}
        curves.append(Curve(name="Validation", x_label="step", y_label=metric, series=series, log_y=True))
    return tuple(curves)


def _smooth(values: Sequence[float]) -> list[float]:
    smoothed, mean = [], 0.0
    for count, value in enumerate(values, start=1):
        mean = _SMOOTHING * mean + (1 - _SMOOTHING) * value
        smoothed.append(mean / (1 - _SMOOTHING**count))
    return smoothed


def _moving(case: Example) -> Iterator[NDArray[np.uint8]]:
    return side_by_side_frames(_shown(case.context), _shown(case.truth), _shown(case.answer))


def _stacked(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    wide = max(picture.shape[1] for picture in pictures)
    padded = [np.pad(p, ((0, 0), (0, wide - p.shape[1]), (0, 0)), mode="edge") for p in pictures]
    return np.concatenate(padded)


def _shown(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Grey and RGB as they are; of any other number of channels the mean, as grey."""
    return frames if frames.shape[-1] in (1, 3) else frames.mean(axis=-1, keepdims=True)
