"""Single clips of what was measured: which were answered worst and best, and what they look like."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from seqimg.data import SequenceBatches, collate
from seqimg.data.datasets import ClipDataset
from seqimg.masking import masked_word
from seqimg.task import Example, Task
from seqimg.training.evaluation import comparable, good_ends
from seqimg.training.findings import Case, Sheet
from seqimg.training.pictures import colours, error_colours, error_scale, grey_or_rgb, spread

__all__ = ["Looked", "look", "save_samples", "save_sheet"]

AnyTask = Task[Any, Any, Any]
Picture8: TypeAlias = NDArray[np.uint8]

_LOOKED_AT = 256  # clips; of more, so many evenly spread
_WORST = 6
_SIDE = 128  # most pixels of a frame on the page
_GAP = 2
_CONTEXT, _FUTURE = 16, 32  # most frames of a case
_LOSSLESS = 200_000  # bytes of a PNG; larger ones become WebP
_QUALITY = 86
_SAMPLES, _SAMPLE_SIDE = 10, 96


@dataclass(frozen=True)
class Looked:
    """What there is to see of single clips.

    Attributes:
        examined: Clips looked at.
        cases: The worst first, then median and best.
    """

    examined: int
    cases: tuple[Case, ...]


@torch.inference_mode()
def look(task: AnyTask, model: nn.Module, data: ClipDataset, folder: Path, *, batch_size: int = 8) -> Looked:
    """Find the worst, median and best clips by the leading metric, and write their frames to a folder.

    Of more than 256 clips, so many evenly spread are looked at: time and memory do not grow with the data. Where clips
    follow one another it is all clips of some sequences, and no frames are written: an answer is of a whole sequence.

    Args:
        task: The task.
        model: The trained model; it is put into evaluation mode.
        data: The clips that were measured.
        folder: Where pictures go; it must exist.
        batch_size: Most clips at once.
    """
    model.eval()
    scores = _scores(task, model, data, batch_size)
    sign = 1 if good_ends(task)[task.leading_metric] == "higher" else -1
    ranked = sorted(scores, key=lambda number: (sign * scores[number], number))
    cases = []
    for rank, number in _picked(ranked):
        batch = collate([data[number]]).to(_device(model))
        alone = not _streamed(data)  # a clip from the middle says nothing without those before
        example = task.example(task.forward(model, batch), batch, 0) if alone else None
        source = batch.sources[0]
        name = f"{source.path} from frame {source.first}" if example is None else example.name
        sheet = None if example is None else save_sheet(example, folder, rank.replace(" ", "-"))
        cases.append(Case(rank=rank, name=masked_word(name), score=scores[number], sheet=sheet))
    return Looked(len(scores), tuple(cases))


def save_samples(data: ClipDataset, path: Path) -> None:
    """Write the middle frames of clips evenly spread over the data, in a row, as PNG."""
    tiles = []
    for number in spread(len(data), _SAMPLES):
        clip = data[int(number)]
        frame = clip.frames[(clip.length or len(clip.frames)) // 2]
        shown = colours(grey_or_rgb(frame.permute(1, 2, 0).float().cpu().numpy()[None]))[0]
        tiles.append(_shrunk(shown, _SAMPLE_SIDE, enlarge=True))
    height = max(tile.shape[0] for tile in tiles)
    width = sum(tile.shape[1] + _GAP for tile in tiles) - _GAP
    row = np.zeros((height, width, 4), np.uint8)
    left = 0
    for tile in tiles:
        row[: tile.shape[0], left : left + tile.shape[1]] = _opaque(tile)
        left += tile.shape[1] + _GAP
    Image.fromarray(row).save(path, format="PNG")


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _streamed(data: ClipDataset) -> bool:
    return getattr(data, "streamed", False)


def _chosen(data: ClipDataset) -> list[int]:
    """Return the clips to look at."""
    if not _streamed(data):
        return [int(number) for number in spread(len(data), _LOOKED_AT)]
    owners = data.owners
    sequences = list(dict.fromkeys(owners))
    count = max(1, _LOOKED_AT * len(sequences) // max(1, len(owners)))
    whole = {sequences[int(place)] for place in spread(len(sequences), count)}
    return [number for number, owner in enumerate(owners) if owner in whole]


def _scores(task: AnyTask, model: nn.Module, data: ClipDataset, batch_size: int) -> dict[int, float]:
    """Return the leading metric of each clip that is looked at, by its number; clips without one are left out.

    A batch is of one sequence.
    """
    metric: Any = task.metrics()[task.leading_metric]
    metric.distributed_available_fn = None  # of several processes only one looks at cases
    metric.to(_device(model))
    numbers, owners, scores = _chosen(data), data.owners, {}
    for places in SequenceBatches([owners[number] for number in numbers], batch_size):
        chosen = [numbers[place] for place in places]
        batch = collate([data[number] for number in chosen]).to(_device(model))
        outputs, expected, valid = task.forward(model, batch), task.expected(batch), task.valid(batch)
        for item, number in enumerate(chosen):
            if not batch.sources[item].ends:
                continue
            own = None if valid is None else valid[item : item + 1]
            score = _score(metric, outputs[item : item + 1], expected[item : item + 1], own)
            if score is not None:
                scores[number] = score
    return scores


def _score(metric: Any, output: Tensor, expected: Any, valid: Tensor | None) -> float | None:
    if valid is not None:
        valid = valid.expand_as(expected)
        output, expected = output[valid], expected[valid]
        if not len(expected):
            return None
    metric.reset()
    metric.update(*comparable(output, expected))
    score = float(metric.compute())
    return score if isfinite(score) else None


def _picked(ranked: Sequence[int]) -> list[tuple[str, int]]:
    """Choose from clips sorted worst first; no clip comes twice.

    Example:
        >>> _picked([7, 5, 3, 1])
        [('worst 1', 7), ('worst 2', 5), ('median', 3), ('best', 1)]
    """
    if len(ranked) == 1:
        return [("the only one", ranked[0])]
    best = [("best", ranked[-1])] if len(ranked) > 1 else []
    median = [("median", ranked[len(ranked) // 2])] if len(ranked) > 2 else []
    taken = {number for _, number in median + best}
    worst = [number for number in ranked[: _WORST + 2] if number not in taken][:_WORST]
    return [*((f"worst {place}", number) for place, number in enumerate(worst, start=1)), *median, *best]


def save_sheet(case: Example, folder: Path, name: str) -> Sheet:
    """Write a case's frames as one picture: rows of input, truth, answer and difference.

    Args:
        case: The case; of a long one the last 16 frames of the input are shown, and 32 of what follows, evenly
            spread.
        folder: Where the picture goes; it must exist.
        name: Its name, without a suffix.
    """
    context, truth, answer = (grey_or_rgb(frames) for frames in (case.context, case.truth, case.answer))
    past = range(len(context))[-_CONTEXT:]
    future = [int(time) for time in spread(len(truth), _FUTURE)]
    scale = error_scale(truth, answer)
    rows = [
        colours(context[past.start :]),
        colours(truth[future]),
        colours(answer[future]),
        error_colours(truth[future], answer[future], scale),
    ]
    tiles = [[_shrunk(frame, _SIDE) for frame in row] for row in rows]
    height, width = tiles[0][0].shape[:2]
    sheet = np.zeros((4 * (height + _GAP) - _GAP, max(map(len, tiles)) * (width + _GAP) - _GAP, 4), np.uint8)
    for row, frames in enumerate(tiles):
        for column, frame in enumerate(frames):
            top, left = row * (height + _GAP), column * (width + _GAP)
            sheet[top : top + height, left : left + width] = _opaque(frame)
    content, suffix = _encoded(sheet)
    (folder / f"{name}.{suffix}").write_bytes(content)
    return Sheet(
        file=f"{name}.{suffix}",
        width=width,
        height=height,
        gap=_GAP,
        context=tuple(f"{time + 1 - len(context)}" for time in past),
        future=tuple(f"+{time + 1}" for time in future),
        scale=scale,
        compressed=suffix == "webp",
        shrunk=(height, width) != rows[0].shape[1:3],
    )


def _encoded(picture: Picture8) -> tuple[bytes, str]:
    """Return a picture as PNG, or as WebP where that would be large."""
    image, file = Image.fromarray(picture), io.BytesIO()
    image.save(file, format="PNG")
    if file.tell() <= _LOSSLESS:
        return file.getvalue(), "png"
    file = io.BytesIO()
    image.save(file, format="WEBP", quality=_QUALITY, method=2)
    return file.getvalue(), "webp"


def _shrunk(frame: Picture8, side: int, *, enlarge: bool = False) -> Picture8:
    """Bring a frame's longer side down to `side`; a smaller one is enlarged by a whole factor if asked to."""
    height, width = frame.shape[:2]
    longer = max(height, width)
    if longer <= side:
        factor = max(1, side // longer) if enlarge else 1
        return frame.repeat(factor, axis=0).repeat(factor, axis=1)
    size = (max(1, round(width * side / longer)), max(1, round(height * side / longer)))
    return np.asarray(
        Image.fromarray(frame).resize(
            size, Image.Resampling.BOX if longer > 4 * side else Image.Resampling.LANCZOS
        )
    )


def _opaque(frame: Picture8) -> Picture8:
    return np.dstack([frame, np.full(frame.shape[:2], 255, np.uint8)])
