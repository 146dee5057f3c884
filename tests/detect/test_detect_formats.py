"""Boxes are written as other programs read them."""

import io
import json
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from seqimg import save_sequence
from seqimg.data.generators import tracks
from seqimg.data.generators.making import MakeRequest, make_dataset
from seqimg.data.layouts import read
from seqimg.errors import SeqimgError
from seqimg.rows import Row, rows_file
from seqimg_detect.formats import FORMATS, CocoRows, MotRows

_ABOUT: Mapping[str, object] = {"labels": ("disc", "square", "triangle", "cross"), "path": "a.mp4"}


def _row(frame: int, corners: list[float], *, label: str = "disc", track: int | None = None) -> Row:
    names = ("left", "top", "right", "bottom")
    place = dict(zip(names, corners, strict=True))
    return {"frame": frame, "time": frame / 25, "track": track, "label": label, "score": 0.5, **place}


def test_coco_results_of_made_data_are_right_by_cocos_own_evaluation(tmp_path: Path) -> None:
    make_dataset(MakeRequest("tracks", 1, 6, (48, 64)), tmp_path / "made")
    truth = tracks(0, length=6, size=(48, 64), seed=0, split="train").tracks
    assert truth is not None
    rows = (
        _row(frame, box, label=truth.categories[kind], track=track)
        for frame, box, kind, track in zip(
            truth.frame.tolist(),
            truth.box.tolist(),
            truth.category.tolist(),
            truth.track.tolist(),
            strict=True,
        )
    )
    with rows_file(tmp_path / "a.coco.json", CocoRows([], {"labels": truth.categories})) as file:
        file.add(rows)
    with redirect_stdout(io.StringIO()):
        coco = COCO(str(tmp_path / "made" / "annotations.json"))
        evaluation = COCOeval(coco, coco.loadRes(str(tmp_path / "a.coco.json")), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1)
    assert {row["track_id"] for row in json.loads((tmp_path / "a.coco.json").read_text())} == set(
        truth.track.tolist()
    )


def test_mot_results_are_read_back_by_the_layout(tmp_path: Path) -> None:
    corners = [[0.0, 1, 4, 6.25], [2.5, 1, 6, 8], [3, 3, 9, 9]]
    (tmp_path / "img1").mkdir()
    (tmp_path / "gt").mkdir()
    for number in range(1, 4):
        Image.fromarray(np.zeros((10, 12, 3), np.uint8)).save(tmp_path / "img1" / f"{number:06}.png")
    with rows_file(tmp_path / "gt" / "gt.txt", MotRows([], _ABOUT)) as file:
        file.add(_row(frame, box, track=track) for frame, box, track in zip((0, 0, 2), corners, (3, 4, 3)))  # noqa: B905
    (item,) = read(str(tmp_path)).items
    assert item.boxes is not None
    assert item.boxes.corners.tolist() == corners
    assert item.boxes.frames.tolist() == [0, 0, 2]
    assert item.boxes.ids.tolist() == [3, 4, 3]


def test_the_json_of_the_page_is_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "detect.md").read_text(encoding="utf-8")
    (tmp_path / "videos").mkdir()
    save_sequence(np.zeros((2, 272, 640, 3), np.uint8), tmp_path / "videos" / "street.mp4", fps=25)
    (tmp_path / "boxes.json").write_text(page.split("```json\n")[1].split("```")[0])
    index = read(str(tmp_path / "boxes.json"))
    (item,) = index.items
    assert index.classes == ("car", "bicycle")
    assert item.boxes is not None
    assert item.boxes.corners.tolist() == [[12, 40, 72, 72], [14, 40, 74, 72]]
    assert item.boxes.ids.tolist() == [7, 7]
    assert item.boxes.visible.tolist() == pytest.approx([1, 0.2])
    row = page.split("gt/gt.txt")[1].splitlines()[0].strip()
    corner = MotRows([], {}).row(_row(0, [12, 40, 72, 72], track=7), first=True).split(",")[2:6]
    assert row.split(",")[2:6] == corner


@pytest.mark.parametrize("ending", FORMATS)
def test_nothing_found_is_a_whole_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    with rows_file(path, FORMATS[ending]([], _ABOUT)):
        pass
    text = path.read_text()
    assert json.loads(text) == [] if ending.endswith("json") else text == ""


def test_boxes_without_tracks_say_so() -> None:
    row = _row(4, [1, 2, 3, 4])
    assert MotRows([], _ABOUT).row(row, first=True) == "5,-1,2,3,2,2,0.5,-1,-1,-1\n"
    assert "track_id" not in json.loads(CocoRows([], _ABOUT).row(row, first=True))


def test_a_class_that_the_model_does_not_have_is_refused() -> None:
    with pytest.raises(SeqimgError, match="'dog'"):
        CocoRows([], _ABOUT).row(_row(0, [1, 2, 3, 4], label="dog"), first=True)


@given(st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=4), st.integers(0, 10**9))
def test_any_box_is_a_line_of_ten_numbers(corners: list[float], frame: int) -> None:
    row = _row(frame, corners, track=1)
    values = [float(word) for word in MotRows([], _ABOUT).row(row, first=True).split(",")]
    assert len(values) == 10
    assert values[0] == frame + 1
    assert values[2:4] == pytest.approx([corners[0] + 1, corners[1] + 1], abs=1e-3)
    assert len(json.loads(CocoRows([], _ABOUT).row(row, first=True))["bbox"]) == 4
