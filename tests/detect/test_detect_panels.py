"""What the report of a detector shows."""

import io
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from seqimg.data import Batch, Boxes, Clip, ClipSource, collate
from seqimg.data.generators.dataset import GeneratedDataset
from seqimg.data.generators.requests import generator_of
from seqimg.task import Answers
from seqimg_detect.decoding import Detections
from seqimg_detect.panels import panels

_CLASSES = ("disc", "square", "triangle", "cross")


def _perfect_or_blind(
    outputs: Tensor, expected: Sequence[Boxes]
) -> tuple[list[list[Detections]], Sequence[Boxes]]:
    """Return all true boxes where the outputs are 1, and those in sight where they are 0."""
    found = []
    for item, boxes in enumerate(expected):
        known = boxes if float(outputs[item]) else boxes.keep(boxes.visible >= 0.25)
        frames = [known.in_frame(number) for number in range(8)]
        found.append(
            [Detections(some.corners, torch.full((len(some),), 0.9), some.labels) for some in frames]
        )
    return found, expected


def _expected(batch: Batch) -> tuple[Boxes, ...]:
    assert batch.boxes is not None
    return batch.boxes


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_precision_by_class_and_by_what_could_be_seen_and_a_picture(channels: int) -> None:
    data = GeneratedDataset(
        {"tracks": generator_of("tracks?noise=0.2&bars=4")}, "val", length=8, side=64, seed=0
    )
    batches = [collate([data[first], data[first + 1]]) for first in (0, 2)]
    answers = [
        Answers(
            Batch(batch.frames[:, :, :1].repeat(1, 1, channels, 1, 1), batch.sources, boxes=batch.boxes),
            {"model": torch.ones(2), "no_memory": torch.zeros(2)},
        )
        for batch in batches
    ]
    (panel,) = panels(iter(answers), _expected, _perfect_or_blind, _CLASSES)
    groups, half, every = panel.tables
    rows = {name.split(" (")[0].split(":")[0]: values for name, values in groups.rows.items()}
    assert rows["occluded"] == pytest.approx((1, 0))
    assert rows["in frames of nothing but noise"] == pytest.approx((1, 0))
    assert rows["visible"] == pytest.approx((1, 1))
    assert len(half.rows) == len(every.rows) == 4
    assert all(values[0] is None or values[0] == pytest.approx(1) for values in half.rows.values())
    truths = sum(len(boxes) for batch in batches for boxes in _expected(batch))
    assert panel.facts["true boxes"] == panel.facts["boxes found by model"] == str(truths)
    assert panel.facts["frames"] == "32"
    assert len(panel.curves[0].series["model"][1]) == 101
    picture = np.asarray(Image.open(io.BytesIO(panel.pictures[0].data)))
    assert picture.shape == (3 * 160 + 2 * 4, 6 * 160 + 5 * 4, 3)


def test_nothing_hidden_nothing_found_and_nothing_there() -> None:
    def clip(boxes: Boxes) -> Answers:
        batch = collate([Clip(torch.zeros(2, 3, 20, 30), ClipSource("a", 0), boxes=boxes)])
        return Answers(batch, {"model": torch.zeros(1)})

    def nothing(outputs: Tensor, expected: Sequence[Boxes]) -> tuple[list[list[Detections]], Sequence[Boxes]]:
        none = Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0).long())
        return [[none] * 2], expected

    assert panels([], _expected, nothing, ("a", "b")) == ()
    (panel,) = panels([clip(Boxes.of([], []))], _expected, nothing, ("a", "b"))
    assert panel.pictures == ()
    (panel,) = panels([clip(Boxes.of([1, 2, 9, 9], 1, 4, 1))], _expected, nothing, ("a", "b"))
    assert panel.tables[-1].rows == {"a (0)": (None,), "b (1)": (0.0,)}
    assert len(panel.pictures) == 1
