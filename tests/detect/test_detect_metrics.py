"""The figures of detection are COCO's own."""

import io
import json
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from seqimg.data import Boxes
from seqimg.errors import UnavailableError
from seqimg_detect import metrics
from seqimg_detect.decoding import Detections
from seqimg_detect.metrics import CONVENTIONS, GROUPS, MeanAveragePrecision, collection
from tests.support.together import ended_together

Clip = tuple[list[Detections], Boxes]


def _found(rows: Sequence[Sequence[float]]) -> Detections:
    """Return boxes of rows of left, top, right, bottom, score, class."""
    table = torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].long())


def _clips(seed: int, clips: int = 3, frames: int = 5, classes: int = 3) -> list[Clip]:
    """Return clips with true boxes, some found well, some badly, some not, and some found that are not there."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(clips):
        count = int(rng.integers(0, 12))
        corner, size = rng.random((count, 2)) * 40, rng.random((count, 2)) * 20 + 3
        corners = np.concatenate([corner, corner + size], 1).astype(np.float32)
        where, kinds = rng.integers(0, frames, count), rng.integers(0, classes, count)
        boxes = Boxes.of(
            corners,
            where,
            rng.integers(-1, 3, count),
            kinds,
            rng.random(count),
            rng.random(count) < 0.3,
            rng.random(count) < 0.2,
        )
        found = []
        for frame in range(frames):
            near = corners[where == frame] + rng.normal(0, 2, (int((where == frame).sum()), 4))
            near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
            far = rng.random((int(rng.integers(0, 4)), 4)) * [20, 20, 10, 10] + [0, 0, 25, 25]
            labels = np.concatenate([kinds[where == frame], rng.integers(0, classes, len(far))])
            # Few scores, so that many are equal.
            scores = rng.integers(1, 6, len(labels)) / 8
            found.append(_found(np.column_stack([np.concatenate([near, far]), scores, labels]).tolist()))
        made.append((found, boxes))
    return made


def _coco_files(clips: list[Clip], classes: int, folder: Path) -> list[float]:
    """Write truth and results as COCO files; return AP and AP50 as COCO's own evaluation of the files says."""
    images, annotations, results = 0, [], []
    for found, boxes in clips:
        for frame, some in enumerate(found):
            images += 1
            true = boxes.in_frame(frame)
            for (left, top, right, bottom), label, crowd in zip(
                true.corners.tolist(), true.labels.tolist(), true.crowds.tolist(), strict=True
            ):
                box = [left, top, right - left, bottom - top]
                number = len(annotations) + 1
                place = {"id": number, "image_id": images, "category_id": label + 1}
                annotations.append({**place, "bbox": box, "area": box[2] * box[3], "iscrowd": int(crowd)})
            for (left, top, right, bottom), score, label in zip(
                some.corners.tolist(), some.scores.tolist(), some.labels.tolist(), strict=True
            ):
                box = [left, top, right - left, bottom - top]
                results.append({"image_id": images, "category_id": label + 1, "bbox": box, "score": score})
    categories = [{"id": number, "name": str(number)} for number in range(1, classes + 1)]
    tables = {"images": [{"id": number} for number in range(1, images + 1)], "categories": categories}
    (folder / "truth.json").write_text(json.dumps({**tables, "annotations": annotations}))
    (folder / "results.json").write_text(json.dumps(results))
    with redirect_stdout(io.StringIO()):
        truth = COCO(str(folder / "truth.json"))
        evaluation = COCOeval(truth, truth.loadRes(str(folder / "results.json")), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(number) for number in evaluation.stats[:2]]


def _update(metric: MeanAveragePrecision, clips: list[Clip]) -> None:
    metric.update([found for found, _ in clips], [boxes for _, boxes in clips])


@pytest.mark.parametrize("seed", range(4))
def test_the_figures_are_those_of_cocos_evaluation_of_the_stored_results(seed: int, tmp_path: Path) -> None:
    clips = _clips(seed, clips=6)
    every, half = _coco_files(clips, 3, tmp_path)
    found = collection(["a", "b", "c"])
    for clip in clips:  # one at a time, as batches come
        _update(found, [clip])  # type: ignore[arg-type]
    values = found.compute()
    assert float(values["map50"]) == pytest.approx(half, abs=1e-6)
    assert float(values["map"]) == pytest.approx(every, abs=1e-6)
    assert 0 < half < 1


def test_a_case_worked_by_hand() -> None:
    # Three true boxes; found: right, wrong, right (overlap 0.75), by falling score. Recall goes 1/3, 1/3, 2/3 and
    # precision 1, 1/2, 2/3; of 101 recalls 34 are reached at precision 1 and 33 more at 2/3.
    boxes = Boxes.of([[0, 0, 4, 4], [10, 0, 14, 4], [20, 0, 24, 4]], [0, 0, 0])
    found = _found([[0, 0, 4, 4, 0.9, 0], [50, 0, 54, 4, 0.8, 0], [11, 0, 14, 4, 0.7, 0]])
    half, every = MeanAveragePrecision(1, "half"), MeanAveragePrecision(1, "every")
    for metric in (half, every):
        metric.update([[found]], [boxes])
    right = (34 + 33 * 2 / 3) / 101
    assert float(half.compute()) == pytest.approx(right)
    # At overlaps of 0.50 to 0.75 the third counts, at 0.80 to 0.95 it does not.
    assert float(every.compute()) == pytest.approx((6 * right + 4 * 34 / 101) / 10)


def test_groups_ignore_other_truth_and_other_frames() -> None:
    corners = [[0, 0, 8, 8], [20, 0, 28, 8]]
    boxes = Boxes.of(corners * 2, [0, 0, 1, 1], [1, 2, 1, 2], visible=[1, 0.1, 1, 1])
    both = [[0, 0, 8, 8, 0.9, 0], [20, 0, 28, 8, 0.8, 0]]
    wrong = [[40, 0, 48, 8, 0.95, 0]]
    metric = collection(["thing"])
    metric.update([[_found(both), _found(both[:1] + wrong)]], [boxes])
    values = {name: float(value) for name, value in metric.compute().items()}
    # The occluded one was found, the visible one beside it is no error, nor is what is wrong in the other frame.
    assert values["map50_occluded"] == values["map50_hidden"] == pytest.approx(1)
    assert values["map50_visible"] < 0.8
    assert values["map50_noisy"] == 0
    found = MeanAveragePrecision(1, "occluded")
    found.update([[_found(both[:1] + wrong), _found([])]], [boxes])
    assert float(found.compute()) == 0


def test_every_box_is_in_the_groups_that_are_told() -> None:
    boxes = Boxes.of(
        [[0, 0, 1, 1]] * 6,
        [0, 1, 2, 3, 3, 3],
        [5, 5, 5, 5, 6, -1],
        visible=[np.nan, 1, 0.24, 0.25, 0, 0],
        noisy=[False, False, False, False, True, False],
    )
    names = [
        {name for bit, name in enumerate(GROUPS) if bits >> bit & 1}
        for bits in metrics.grouped(boxes).tolist()
    ]
    assert names == [
        {"visible", "first"},
        {"visible", "first"},
        {"occluded", "hidden", "first"},
        {"visible"},
        {"noisy", "hidden", "first"},
        {"occluded", "hidden"},
    ]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 4))
def test_any_data_have_figures_from_0_to_1_however_they_are_cut(seed: int, clips: int, frames: int) -> None:
    made = _clips(seed, clips, frames)
    whole, parts = collection(["a", "b", "c"]), collection(["a", "b", "c"])
    _update(whole, made)  # type: ignore[arg-type]
    for clip in made:
        _update(parts, [clip])  # type: ignore[arg-type]
    found, others = whole.compute(), parts.compute()
    assert set(found) == set(CONVENTIONS)
    for name, value in found.items():
        assert 0 <= float(value) <= 1
        assert float(others[name]) == pytest.approx(float(value), abs=1e-12)


def test_nothing_to_find_is_right_if_nothing_is_found() -> None:
    none, some = Boxes.of([], []), _found([[0, 0, 4, 4, 0.3, 1]])
    for said, value in ((_found([]), 1), (some, 0)):
        metric = MeanAveragePrecision(2, "half")
        metric.update([[said]], [none])
        assert float(metric.compute()) == value
    unseen = MeanAveragePrecision(2, "half")
    with pytest.warns(UserWarning, match="before the ``update``"):
        assert float(unseen.compute()) == 1
    missed = MeanAveragePrecision(2, "half")
    missed.update([[_found([])]], [Boxes.of([0, 0, 4, 4], 0)])
    assert float(missed.compute()) == 0


def test_boxes_in_padding_do_not_count() -> None:
    metric = MeanAveragePrecision(1, "half")
    metric.update([[_found([[0, 0, 4, 4, 0.9, 0]])]], [Boxes.of([[0, 0, 4, 4], [9, 9, 12, 12]], [0, 1])])
    assert float(metric.compute()) == pytest.approx(1)


@pytest.mark.parametrize("share", [(2, 2), (4, 0)])
def test_processes_find_what_one_would(share: tuple[int, int]) -> None:
    """Also if one of them saw nothing."""
    made = _clips(7, clips=4)
    alone = collection(["a", "b", "c"])
    _update(alone, made)  # type: ignore[arg-type]
    values = {name: float(value) for name, value in alone.compute().items()}

    def together(rank: int) -> None:
        part = collection(["a", "b", "c"])
        if some := (made[: share[0]], made[share[0] :])[rank]:
            _update(part, some)  # type: ignore[arg-type]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The ``compute`` method")
            found = part.compute()
        assert {name: float(value) for name, value in found.items()} == pytest.approx(values, abs=1e-12)

    assert ended_together(2, together) == [0, 0]


def test_outputs_are_prepared_once_and_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    boxes = Boxes.of([0, 0, 4, 4], 0)

    def prepare(outputs: torch.Tensor, expected: Boxes) -> tuple[list[list[Detections]], list[Boxes]]:
        calls.append(outputs)
        return [[_found([[0, 0, 4, 4, float(outputs), 0]])]], [expected]

    found = collection(["thing"], prepare)
    found.update(torch.tensor(0.5), boxes)
    assert len(calls) == 1
    computed = []
    original = metrics.precisions
    monkeypatch.setattr(
        metrics, "precisions", lambda *args, **more: computed.append(1) or original(*args, **more)
    )
    metrics._computed.cache_clear()
    assert float(found.compute()["map50"]) == pytest.approx(1)
    assert len(computed) == 1


def test_nothing_is_said_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    metrics._computed.cache_clear()
    metric = MeanAveragePrecision(3, "half")
    _update(metric, _clips(1))
    metric.compute()
    assert capsys.readouterr() == ("", "")


def test_what_to_install_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqimg_detect.coco.find_spec", lambda name: None)
    with pytest.raises(UnavailableError, match="pycocotools") as caught:
        collection(["thing"])
    assert str(caught.value).splitlines()[-1] == "Try: pip install 'seqimg[detect]'"


def test_what_is_found_in_a_crowd_is_neither_right_nor_wrong() -> None:
    metric = MeanAveragePrecision(1, "half")
    boxes = Boxes.of(
        [[0, 0, 8, 8], [20, 20, 60, 60]], [0, 0], ids=[1, 2], labels=[0, 0], crowds=[False, True]
    )
    metric.update(
        [[_found([[0, 0, 8, 8, 0.5, 0], [22, 22, 30, 30, 0.9, 0], [40, 22, 50, 30, 0.8, 0]])]], [boxes]
    )
    precisions = metric.precisions()
    assert precisions.mean("half") == pytest.approx(1)
    assert precisions.truths.tolist() == [1]
    assert precisions.mean("visible") == pytest.approx(1)
