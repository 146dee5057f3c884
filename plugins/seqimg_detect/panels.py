"""What the report of a detector shows: precision by class and by what could be seen, and an occlusion in pictures."""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate, pad

from seqimg.data import Batch, Boxes
from seqimg.drawing import Colour, outline, write
from seqimg.panels import Column, Curve, Panel, Picture, Table
from seqimg.task import Answers
from seqimg_detect.coco import Precisions
from seqimg_detect.metrics import GROUPS, MeanAveragePrecision, Prepare, grouped

if TYPE_CHECKING:
    from seqimg_detect.decoding import Detections

__all__ = ["panels"]

_CLASSES = 100  # most rows of a table
_FOLDED = 24
_DRAWN = 0.4  # score from which boxes are drawn
_DIMMED = 0.65  # brightness of frames under boxes, which would not be seen on noise
_FRAMES, _SIDE, _GAP = 6, 160, 4  # as many as fit beside each other on a page, of so many pixels
_RIGHT: Colour = (0.35, 0.90, 0.45)
_SAID: Colour = (1.00, 0.76, 0.03)
_WORDS: Mapping[str, str] = {
    "visible": "visible: at least a quarter in sight, or unknown",
    "occluded": "occluded: less than a quarter in sight",
    "noisy": "in frames of nothing but noise",
    "hidden": "occluded or in noise",
    "first": "in the first three frames of a track",
}


def panels(
    answers: Iterable[Answers], expected: Callable[[Batch], Any], prepare: Prepare, classes: Sequence[str]
) -> tuple[Panel, ...]:
    """Return the panels of some answers.

    Args:
        answers: Batches with the outputs of the model and of each baseline; gone through once.
        expected: What was right about a batch, as `prepare` takes it.
        prepare: Makes boxes of outputs and what was expected.
        classes: Names of the classes.
    """
    metrics: dict[str, MeanAveragePrecision] = {}
    clip: _Clip | None = None
    clips = frames = 0
    for answer in answers:
        right, found = expected(answer.batch), {}
        for name, outputs in answer.outputs.items():
            found[name], boxes = prepare(outputs, right)
            if name not in metrics:
                metrics[name] = MeanAveragePrecision(len(classes), "half")
            metrics[name].update(found[name], boxes)
        clips += len(boxes)
        frames += sum(map(len, found[name]))
        clip = _hardest(clip, answer.batch, boxes, found)
    if not metrics:
        return ()
    results = {name: metric.precisions() for name, metric in metrics.items()}
    pictures = () if clip is None else (_picture(clip),)
    return (_figures(results, classes, clips, frames, pictures),)


def _figures(
    results: Mapping[str, Precisions],
    classes: Sequence[str],
    clips: int,
    frames: int,
    pictures: tuple[Picture, ...],
) -> Panel:
    first = next(iter(results.values()))
    tables = [
        _by_class(results, classes, "half", "Precision by class, overlap of 0.5"),
        _by_class(results, classes, "every", "Precision by class, mean over overlaps of 0.50 to 0.95"),
    ]
    if len(present := [group for group in GROUPS if first.grouped[group]]) > 1:
        tables.insert(0, _by_group(results, present))
    recalls = [number / 100 for number in range(101)]
    return Panel(
        title="Boxes",
        note="How well boxes are found, over all clips.",
        facts={
            "clips": f"{clips:,}",
            "frames": f"{frames:,}",
            "true boxes": f"{int(first.truths.sum()):,}",
            **{f"boxes found by {name}": f"{int(result.founds.sum()):,}" for name, result in results.items()},
        },
        tables=tuple(tables),
        curves=(
            Curve(
                name="Precision by recall",
                x_label="recall",
                y_label="precision (overlap of 0.5)",
                series={name: (recalls, result.curve.tolist()) for name, result in results.items()},
            ),
        ),
        pictures=pictures,
    )


def _by_group(results: Mapping[str, Precisions], groups: Sequence[str]) -> Table:
    first = next(iter(results.values()))
    return Table(
        title="Precision by what could be seen (map50)",
        columns=tuple(Column(name=name, better="higher") for name in results),
        rows={
            f"{_WORDS[group]} ({first.grouped[group]:,})": tuple(
                result.mean(group) for result in results.values()
            )
            for group in groups
        },
        note="Over the frames that hold such boxes, whose number is in brackets; other true boxes are ignored.",
        compare="columns",
        alike=True,
    )


def _by_class(results: Mapping[str, Precisions], classes: Sequence[str], which: str, title: str) -> Table:
    truths = next(iter(results.values())).truths
    # The commonest classes, in the order of their numbers.
    shown = sorted(np.argsort(-truths, kind="stable")[:_CLASSES].tolist())
    rest = f" The {_CLASSES} commonest of {len(classes):,} classes." if len(classes) > _CLASSES else ""
    values: list[NDArray[np.float64]] = [getattr(result, which) for result in results.values()]
    return Table(
        title=title,
        columns=tuple(Column(name=name, better="higher") for name in results),
        rows={
            f"{classes[number]} ({int(truths[number]):,})": tuple(
                None if np.isnan(each[number]) else float(each[number]) for each in values
            )
            for number in shown
        },
        note=f"The number of true boxes is in brackets; without any there is no precision.{rest}",
        compare="columns",
        alike=True,
        folded=len(shown) > _FOLDED or which == "every",
    )


@dataclass(frozen=True)
class _Clip:
    """A clip in which much is hidden: frames `[T, C, H, W]`, its boxes, what was found by whom in each frame."""

    hidden: int
    frames: Tensor
    boxes: Boxes
    found: Mapping[str, "Sequence[Detections]"]


def _hardest(
    known: _Clip | None,
    batch: Batch,
    boxes: Sequence[Boxes],
    found: "Mapping[str, Sequence[Sequence[Detections]]]",
) -> _Clip | None:
    """Return the clip with the most hidden boxes; the earlier of equals, and the first if nothing is hidden."""
    for item, every in enumerate(boxes):
        some = every.keep(~every.crowds)
        hidden = int((grouped(some) >> GROUPS.index("hidden") & 1).sum())
        if (known is None and len(some)) or (known is not None and hidden > known.hidden):
            said = {name: clips[item] for name, clips in found.items()}
            length = len(next(iter(said.values())))
            known = _Clip(
                hidden, batch.frames[item, :length].float().cpu(), some.to(torch.device("cpu")), said
            )
    return known


def _picture(clip: _Clip) -> Picture:
    """Draw some frames of a clip in a row, once with the true boxes and once for each answer."""
    chosen = _chosen(clip)
    rows = [_row(clip, chosen, None), *(_row(clip, chosen, found) for found in clip.found.values())]
    names = ["truth", *clip.found]
    labelled = [
        torch.cat([write(row[0], name)[None], row[1:]]) for row, name in zip(rows, names, strict=True)
    ]
    lines = [torch.cat([pad(frame, (0, _GAP)) for frame in row], dim=2) for row in labelled]
    sheet = torch.cat([pad(line, (0, 0, 0, _GAP)) for line in lines], dim=1)[:, :-_GAP, :-_GAP]
    pixels: NDArray[np.uint8] = (sheet.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    told = ", ".join(names[1:])
    return Picture(
        title="What is remembered while it is hidden" if clip.hidden else "Boxes found",
        caption=f"Frames {', '.join(map(str, chosen))} of a clip; from above: the true boxes, then those of {told}"
        f" from a score of {_DRAWN:g}.",
        data=file.getvalue(),
    )


def _chosen(clip: _Clip) -> list[int]:
    """Return the frames to show: a stretch around the middle of those in which things are hidden."""
    length = len(clip.frames)
    hidden = clip.boxes.frames[(grouped(clip.boxes) >> GROUPS.index("hidden") & 1).bool()]
    middle = int(hidden.median()) if len(hidden) else length // 2
    first = max(0, min(middle - _FRAMES // 2, length - _FRAMES))
    return list(range(first, min(length, first + _FRAMES)))


def _row(clip: _Clip, chosen: Sequence[int], found: "Sequence[Detections] | None") -> Tensor:
    """Return frames `[T, 3, h, w]` with boxes."""
    height, width = clip.frames.shape[-2:]
    times = _SIDE / max(height, width)
    size = (max(1, round(height * times)), max(1, round(width * times)))
    drawn = []
    for number in chosen:
        frame = clip.frames[number]
        shown = frame[:3] if len(frame) >= 3 else frame[:1].expand(3, -1, -1)
        shown = _DIMMED * interpolate(shown[None], size, mode="bilinear", antialias=times < 1)[0]
        if found is None:
            corners, colour = clip.boxes.in_frame(number).corners, _RIGHT
        else:
            some = found[number]
            corners, colour = some.corners[some.scores >= _DRAWN].cpu(), _SAID
        drawn.append(outline(shown, corners.float() * times, [colour]))
    return torch.stack(drawn)
