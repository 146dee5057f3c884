"""What training leaves for people to see: findings and samples for the report, and moving pictures."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqimg.data import Datasets
from seqimg.data.datasets import ClipDataset
from seqimg.masking import masked
from seqimg.publish import publish_folder
from seqimg.sequences import save_sequence
from seqimg.task import Example, Task
from seqimg.training.cases import Looked, look, save_samples
from seqimg.training.evaluation import Evaluation
from seqimg.training.findings import SAMPLES, Findings, Losses, Part
from seqimg.training.findings_file import write_findings
from seqimg.training.fit import Fitted
from seqimg.training.pictures import grey_or_rgb, save_png, side_by_side_frames, strip

__all__ = [
    "STRIP",
    "counts_of",
    "data_card",
    "measurements",
    "peak_memory",
    "save_animation",
    "save_findings",
    "save_strip",
]

_PICTURES_PER_SECOND = 6
_LISTED = 16  # sequences that are listed

AnyTask = Task[Any, Any, Any]

STRIP = "data.png"
"""Name of the picture of samples of the data."""


def save_findings(
    folder: Path,
    task: AnyTask,
    fitted: Fitted,
    data: Datasets,
    measured: ClipDataset,
    evaluation: Evaluation,
    *,
    title: str,
    what: str,
) -> None:
    """Write `report.json` and `samples/`: all that the report needs beside what training wrote.

    Args:
        folder: The run's folder.
        task: The task.
        fitted: What training came to.
        data: All data.
        measured: The clips of `data` that were measured.
        evaluation: Figures of those clips, and the task's panels.
        title: The page's name.
        what: What was measured on, for example `"held-out clips"`.

    Raises:
        SeqimgError: Something cannot be written.
    """
    with publish_folder(folder / SAMPLES, overwrite=True) as samples:
        looked = look(task, fitted.model, measured, samples, batch_size=task.config.batch_size)
        save_samples(data.train, samples / STRIP)
    parts = {"train": data.train, "validation": data.val, "test": data.test}
    unvalidated = () if len(data.val) else ("there was no validation part: the last weights were taken",)
    findings = Findings(
        title=title,
        what=what,
        chosen_on_these=measured is data.val,
        steps=fitted.trained.steps,
        best_step=fitted.trained.best_step,
        seconds=fitted.trained.seconds,
        fingerprint=fitted.fingerprint,
        memory=peak_memory(),
        parts=counts_of(parts),
        samples=STRIP,
        warnings=(*unvalidated, *evaluation.warnings),
        **measurements(task, evaluation, looked),
        **data_card(data),
    )
    write_findings(folder, findings)


def measurements(task: AnyTask, evaluation: Evaluation, looked: Looked) -> dict[str, Any]:
    """Return what was measured, by the names that `Findings` has for it."""
    return {
        "task": task.name,
        "metric": evaluation.metric,
        "better": evaluation.better,
        "clips": evaluation.clips,
        "overall": evaluation.overall,
        "sequences": {masked(path): figures for path, figures in evaluation.sequences.items()},
        "metrics_note": _first_sentence(task.metrics.__doc__),
        "examined": looked.examined,
        "cases": looked.cases,
        "panels": evaluation.panels,
    }


def data_card(data: Datasets) -> dict[str, Any]:
    """Return what the data are, by the names that `Findings` has for it."""
    incomplete = [one for one in data.sequences if one.lost]
    most = sorted(incomplete, key=lambda one: (not one.lost.broken_off, -one.lost.damaged - one.lost.missing))
    return {
        "channels": data.channels,
        "classes": data.classes,
        "readings": data.readings,
        "sequence_count": len(data.sequences),
        "frame_count": sum(one.frames for one in data.sequences),
        "incomplete_count": len(incomplete),
        "damaged_count": sum(one.lost.damaged for one in incomplete),
        "missing_count": sum(one.lost.missing for one in incomplete),
        "skipped_count": data.skipped,
        "incomplete": tuple(
            Losses(path=masked(one.path), frames=one.frames, **asdict(one.lost)) for one in most[:_LISTED]
        ),
    }


def counts_of(parts: Mapping[str, ClipDataset]) -> dict[str, Part]:
    """Count the clips of parts of the data."""
    return {name: Part(clips=len(part), sequences=len(set(part.owners))) for name, part in parts.items()}


def peak_memory() -> dict[str, int]:
    """Return the most memory this process has taken so far, in bytes, as far as the system tells."""
    found = {}
    if sys.platform != "win32":
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found["main process"] = peak if sys.platform == "darwin" else peak * 1024
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        found["GPU"] = torch.cuda.max_memory_allocated()
    return found


def save_strip(case: Example, path: Path) -> None:
    """Write context, truth, prediction and error of one case as a PNG."""
    save_png(path, strip(grey_or_rgb(case.context), grey_or_rgb(case.truth), grey_or_rgb(case.answer)))


def save_animation(cases: Sequence[Example], path: Path) -> None:
    """Write the cases as one animation, one below the other."""
    frames = (_stacked(pictures) for pictures in zip(*map(_moving, cases), strict=False))
    save_sequence(frames, path, fps=_PICTURES_PER_SECOND)


def _first_sentence(text: str | None) -> str:
    return " ".join((text or "").strip().split("\n\n")[0].split())


def _moving(case: Example) -> Iterator[NDArray[np.uint8]]:
    return side_by_side_frames(grey_or_rgb(case.context), grey_or_rgb(case.truth), grey_or_rgb(case.answer))


def _stacked(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    wide = max(picture.shape[1] for picture in pictures)
    padded = [np.pad(p, ((0, 0), (0, wide - p.shape[1]), (0, 0)), mode="edge") for p in pictures]
    return np.concatenate(padded)
