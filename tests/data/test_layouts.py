"""Data sets as they lie on the disk: each layout on generated files, and what is refused."""

import contextlib
import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from seqimg.config import ReadingConfig, Resolved, TaskConfig, to_toml
from seqimg.data import FrameStore, Item, window_datasets
from seqimg.data.layouts import LAYOUTS, Index, read
from seqimg.data.layouts.lists import parse_line
from seqimg.errors import SeqimgError, UsageError
from seqimg.masking import masked_word
from seqimg.sequences import save_sequence

SKIP = ReadingConfig(on_error="skip")


def _video(path: Path, frames: int = 4, side: int = 16) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    value = sum(map(ord, path.stem)) % 200
    save_sequence(np.full((frames, side, side, 3), value, np.uint8), path, fps=10)
    return path


def _pictures(path: Path, frames: int = 4, size: tuple[int, int] = (16, 12), name: str = "{:04}.png") -> Path:
    path.mkdir(parents=True)
    for number in range(1, frames + 1):
        Image.new("RGB", size, (number, 0, 0)).save(path / name.format(number))
    return path


def _labels(index: Index) -> dict[str, str | None]:
    return {item.name: None if item.label is None else index.classes[item.label] for item in index.items}


def _counts(index: Index, path: Path) -> list[int]:
    """Open every item and return its numbers of frames."""
    counts = []
    for item in index.items:
        with item.open(ReadingConfig()) as sequence:
            counts.append(sum(1 for _ in item.timed(sequence)))
    return counts


def test_class_folders_of_videos_and_of_frames(tmp_path: Path) -> None:
    _video(tmp_path / "set" / "run" / "a 1.mp4")
    _pictures(tmp_path / "set" / "run" / "b")
    _video(tmp_path / "set" / "wälk" / "c.mp4", frames=3)
    index = read(str(tmp_path / "set"))
    assert index.layout == "class-folders"
    assert _labels(index) == {"run/a 1.mp4": "run", "run/b": "run", "wälk/c.mp4": "wälk"}
    assert _counts(index, tmp_path) == [4, 4, 3]
    assert "3 sequences, 2 classes" in index.sentence


def test_folders_of_parts_above_classes(tmp_path: Path) -> None:
    for part, count in (("train", 2), ("val", 1), ("test", 1)):
        for number in range(count):
            _video(tmp_path / "set" / part / "run" / f"{number}.mp4")
    index = read(str(tmp_path / "set"))
    assert Counter(item.split for item in index.items) == {"train": 2, "val": 1, "test": 1}
    assert index.classes == ("run",)


def test_frame_folders_videos_and_a_single_sequence(tmp_path: Path) -> None:
    _pictures(tmp_path / "clips" / "one")
    _pictures(tmp_path / "clips" / "two", frames=2)
    index = read(str(tmp_path / "clips"))
    assert (index.layout, [item.name for item in index.items]) == ("frame-folders", ["one", "two"])
    _video(tmp_path / "videos" / "a1.mp4")
    _video(tmp_path / "videos" / "a10.mp4")
    _video(tmp_path / "videos" / "a9.mp4")
    index = read(str(tmp_path / "videos"))
    assert (index.layout, [item.name for item in index.items]) == ("videos", ["a1.mp4", "a9.mp4", "a10.mp4"])
    for single in (tmp_path / "clips" / "one", tmp_path / "videos" / "a1.mp4"):
        assert read(str(single)).layout == "sequence"


def test_what_could_be_two_things_asks(tmp_path: Path) -> None:
    _pictures(tmp_path / "set" / "one")
    _video(tmp_path / "set" / "run" / "a.mp4")
    with pytest.raises(UsageError, match=r"not clear(.|\n)*--layout class-folders, or frame-folders"):
        read(str(tmp_path / "set"))
    assert [item.name for item in read(str(tmp_path / "set"), "frame-folders").items] == ["one"]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("train.txt", "run/my clip 1.mp4 0\nwalk/b.mp4 1\n# end\n\n"),
        ("list.csv", 'path,label\n"run/my clip 1.mp4",0\nwalk/b.mp4,1\n'),
        ("list.tsv", "run/my clip 1.mp4\t0\nwalk/b.mp4\t1\n"),
        ("names.csv", "run/my clip 1.mp4,0\nwalk/b.mp4,1\n"),
    ],
)
@pytest.mark.parametrize("below", ["", "videos"])
def test_lists_of_videos(tmp_path: Path, name: str, lines: str, below: str) -> None:
    for path in ("run/my clip 1.mp4", "walk/b.mp4"):
        _video(tmp_path / below / path)
    (tmp_path / name).write_text(lines, encoding="utf-8")
    index = read(str(tmp_path / name))
    assert index.layout == "list"
    assert [(Path(item.path).name, item.label) for item in index.items] == [
        ("my clip 1.mp4", 0),
        ("b.mp4", 1),
    ]
    assert {item.split for item in index.items} == {"train" if name == "train.txt" else None}


def test_lists_of_frame_folders(tmp_path: Path) -> None:
    _pictures(tmp_path / "a b", frames=6, name="img_{:05}.jpg")
    _pictures(tmp_path / "c 4", frames=6, name="img_{:05}.jpg")
    (tmp_path / "list.txt").write_text("a b 5 2\nc 4 2 3 -1\nc 4 6 1\n")
    index = read(str(tmp_path / "list.txt"))
    assert _counts(index, tmp_path) == [5, 3, 6]
    assert [item.label for item in index.items] == [2, None, 1]
    with index.items[1].open(ReadingConfig()) as sequence:
        assert [frame.index for frame in index.items[1].timed(sequence)] == [2, 3, 4]
    (tmp_path / "more.txt").write_text("a b 9 0\n")
    (item,) = read(str(tmp_path / "more.txt")).items
    with item.open(ReadingConfig()) as sequence, pytest.raises(SeqimgError, match="has no frame 6"):
        list(item.timed(sequence))


@pytest.mark.parametrize("bad", ["run/none.mp4 0", "../outside.mp4 1", "what is this", "run/a.mp4 0 x y"])
def test_a_bad_line_is_an_error_that_names_it_or_is_left_out(tmp_path: Path, bad: str) -> None:
    _video(tmp_path / "set" / "run" / "a.mp4")
    _video(tmp_path / "outside.mp4")
    (tmp_path / "set" / "list.txt").write_text(f"run/a.mp4 0\n{bad}\n")
    with pytest.raises(SeqimgError) as caught:
        read(str(tmp_path / "set" / "list.txt"))
    assert "--on-error skip" in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3
    index = read(str(tmp_path / "set" / "list.txt"), reading=SKIP)
    assert len(index.items) == len(index.skipped) == 1


@settings(max_examples=200)
@given(st.text(max_size=30))
def test_any_line_is_read_or_refused(line: str) -> None:
    with contextlib.suppress(SeqimgError):
        parse_line(line)


def test_kinetics(tmp_path: Path) -> None:
    _video(tmp_path / "train" / "run fast" / "ab-_1_000002_000004.mp4", frames=3)
    _video(tmp_path / "whole" / "cd.mp4", frames=20)
    (tmp_path / "train.csv").write_text(
        "label,youtube_id,time_start,time_end,split\nrun fast,ab-_1,2,4,train\nwalk,cd,1,2,val\n"
    )
    index = read(str(tmp_path / "train.csv"))
    assert index.layout == "kinetics"
    assert list(_labels(index).values()) == ["run fast", "walk"]
    assert [item.split for item in index.items] == ["train", "val"]
    assert _counts(index, tmp_path) == [3, 10]
    with (tmp_path / "train.csv").open("a") as file:
        file.write("walk,gone,0,10,train\nwalk,ab-_1,zero,4,train\n")
    with pytest.raises(SeqimgError, match="the video gone is missing"):
        read(str(tmp_path / "train.csv"))
    assert len(read(str(tmp_path / "train.csv"), reading=SKIP).skipped) == 2


def test_ucf101_and_hmdb51(tmp_path: Path) -> None:
    ucf, lists = tmp_path / "ucf", tmp_path / "ucf" / "ucfTrainTestlist"
    for name in ("Archery/v_Archery_g01_c01.mp4", "Biking/v_Biking_g02_c01.mp4"):
        _video(ucf / "UCF-101" / name)
    lists.mkdir()
    (lists / "classInd.txt").write_text("1 Archery\n2 Biking\n")
    for fold, (train, test) in {
        1: ("Archery/v_Archery_g01_c01.mp4 1", "Biking/v_Biking_g02_c01.mp4"),
        2: ("Biking/v_Biking_g02_c01.mp4 2", "Archery/v_Archery_g01_c01.mp4"),
    }.items():
        (lists / f"trainlist0{fold}.txt").write_text(train + "\n")
        (lists / f"testlist0{fold}.txt").write_text(test + "\n")
    index = read(str(ucf))
    assert (index.layout, index.classes) == ("ucf101", ("Archery", "Biking"))
    assert [(item.label, item.split) for item in index.items] == [(0, "train"), (1, "test")]
    assert [(item.label, item.split) for item in read(str(ucf), "ucf101:2").items] == [
        (1, "train"),
        (0, "test"),
    ]
    with pytest.raises(UsageError, match="no split '4'"):
        read(str(ucf), "ucf101:4")

    hmdb = tmp_path / "hmdb"
    for number in range(3):
        _video(hmdb / "brush_hair" / f"a b{number}.mp4")
    (hmdb / "splits").mkdir()
    (hmdb / "splits" / "brush_hair_test_split1.txt").write_text("a b0.mp4 1\na b1.mp4 2\na b2.mp4 0\n")
    index = read(str(hmdb))
    assert (index.layout, index.classes) == ("hmdb51", ("brush_hair",))
    assert [item.split for item in index.items] == ["train", "test"]


def test_kth(tmp_path: Path) -> None:
    _video(tmp_path / "boxing" / "person01_boxing_d1_uncomp.mp4")
    _pictures(tmp_path / "running" / "person17_running_d2_uncomp", name="image_{:04}.jpg")
    index = read(str(tmp_path))
    assert index.layout == "kth"
    assert [(item.label, item.split) for item in index.items] == [(0, "train"), (1, "test")]
    assert index.classes == ("boxing", "running")


def _coco(root: Path, **changes: object) -> Path:
    _pictures(root / "train" / "snake", frames=3, name="{:06}.JPEG")
    images = [
        {
            "id": n,
            "video_id": 7,
            "frame_id": n,
            "file_name": f"train/snake/{n:06}.JPEG",
            "width": 16,
            "height": 12,
        }
        for n in (1, 2, 3)
    ]
    tables = {
        "videos": [{"id": 7, "name": "train/snake"}],
        "images": images[::-1],
        "annotations": [
            {"id": 1, "image_id": 2, "video_id": 7, "bbox": [1, 2, 4, 5], "category_id": 9, "instance_id": 3},
            {"id": 2, "image_id": 3, "video_id": 7, "bbox": [2, 2, 4, 5], "category_id": 9, "instance_id": 3},
        ],
        "categories": [{"id": 2, "name": "cat"}, {"id": 9, "name": "snake"}],
        **changes,
    }
    (root / "annotations").mkdir(exist_ok=True)
    (root / "annotations" / "train.json").write_text(json.dumps(tables))
    return root / "annotations" / "train.json"


def test_coco_vid(tmp_path: Path) -> None:
    index = read(str(_coco(tmp_path)))
    (item,) = index.items
    assert (index.layout, index.classes, item.split) == ("coco-vid", ("cat", "snake"), "train")
    assert item.boxes.corners.tolist() == [[1, 2, 5, 7], [2, 2, 6, 7]]
    assert item.boxes.frames.tolist() == [1, 2]
    assert (item.boxes.ids.tolist(), item.boxes.labels.tolist()) == ([3, 3], [1, 1])
    config = TaskConfig(
        data=(str(tmp_path / "annotations" / "train.json"),), size=8, crop=0, split="time", holdout=0
    )
    with window_datasets(config, length=2, step=1, part="all") as data:
        assert data.test[1].boxes.corners.tolist() == [[0.5, 1, 2.5, 3.5], [1, 1, 3, 3.5]]
        assert data.test[1].boxes.frames.tolist() == [0, 1]


def test_coco_vid_tells_what_can_be_seen_and_what_is_noise(tmp_path: Path) -> None:
    box = {"image_id": 1, "bbox": [1, 2, 4, 5], "category_id": 2}
    marks = [{}, {"occluded": True}, {"occluded": False}, {"occluded": True, "visibility": 0.25}]
    path = _coco(tmp_path, annotations=[{**box, "id": n, **mark} for n, mark in enumerate(marks)])
    tables = json.loads(path.read_text())
    tables["images"][-1]["noise"] = True
    path.write_text(json.dumps(tables))
    (item,) = read(str(path)).items
    np.testing.assert_array_equal(item.boxes.visible.numpy(), [np.nan, 0, 1, 0.25])
    assert item.boxes.noisy.tolist() == [True] * 4
    path.write_text(json.dumps({**tables, "annotations": [{**box, "visibility": 7}]}))
    with pytest.raises(SeqimgError, match="damaged"):
        read(str(path))


def test_boxes_over_the_edge_are_cut_and_told(tmp_path: Path) -> None:
    box = {"image_id": 1, "category_id": 2}
    over = [{**box, "bbox": [-3, 2, 6, 5]}, {**box, "bbox": [16, 2, 6, 5]}, {**box, "bbox": [0, 0, 16, 12]}]
    index = read(str(_coco(tmp_path / "over", annotations=over)))
    assert index.items[0].boxes.corners.tolist() == [[0, 2, 3, 7], [0, 0, 16, 12]]
    assert "cut off there (1)" in index.sentence
    assert "outside their frame are left out (1)" in index.sentence
    empty = read(str(_coco(tmp_path / "empty", annotations=[])))
    assert len(empty.items[0].boxes) == 0
    flat = [*over, {**box, "bbox": [1, 1, 0, 4]}]
    damaged = str(_coco(tmp_path / "flat", annotations=flat))
    with pytest.raises(SeqimgError, match=r"train/snake .* damaged") as caught:
        read(damaged)
    assert "has no area" in str(caught.value)
    with pytest.raises(SeqimgError, match="has no sequences"):
        read(damaged, reading=ReadingConfig(on_error="skip"))
    with pytest.raises(SeqimgError, match=r"category 5 is none of 2, 9"):
        read(str(_coco(tmp_path / "odd", annotations=[{**box, "bbox": [0, 0, 1, 1], "category_id": 5}])))


def test_coco_vid_of_another_size_or_leading_elsewhere_is_refused(tmp_path: Path) -> None:
    wrong = [
        {
            "id": 1,
            "video_id": 7,
            "frame_id": 1,
            "file_name": "train/snake/000001.JPEG",
            "width": 99,
            "height": 12,
        }
    ]
    (item,) = read(str(_coco(tmp_path / "a", images=wrong, annotations=[]))).items
    with pytest.raises(SeqimgError, match="stated are 99"):
        item.open(ReadingConfig())
    out = [{**wrong[0], "file_name": "../../../etc/passwd"}]
    with pytest.raises(SeqimgError, match="leads out"):
        read(str(_coco(tmp_path / "b", images=out, annotations=[])))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        "[" * 100_000,
        '{"videos": 3}',
        '{"videos":[{}],"images":[{}],"annotations":[],"categories":[]}',
        "\0",
    ],
)
def test_damaged_json_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(SeqimgError):
        read(str(tmp_path / "a.json"))


def test_mot(tmp_path: Path) -> None:
    _pictures(tmp_path / "MOT17-02" / "img1", frames=3, name="{:06}.jpg")
    (tmp_path / "MOT17-02" / "seqinfo.ini").write_text(
        "[Sequence]\nimDir=img1\nimWidth=16\nimHeight=12\nseqLength=3\n"
    )
    (tmp_path / "MOT17-02" / "gt").mkdir()
    truth = tmp_path / "MOT17-02" / "gt" / "gt.txt"
    truth.write_text("1,5,2,3,4,5,1,1,0.8\n3,5,3,3,4,5,1,1,1\n3,6,1,1,2,2,0,8,1\n")
    index = read(str(tmp_path))
    (item,) = index.items
    assert (index.layout, item.name) == ("mot", "MOT17-02")
    assert item.boxes.corners.tolist() == [[1, 2, 5, 7], [2, 2, 6, 7]]
    assert item.boxes.frames.tolist() == [0, 2]
    np.testing.assert_array_equal(item.boxes.visible.numpy(), np.float32([0.8, 1]))
    assert item.boxes.noisy.tolist() == [False, False]
    (tmp_path / "MOT17-02" / "seqinfo.ini").write_text(
        "[Sequence]\nimWidth=16\nimHeight=12\nnoiseFrames=2 3\n"
    )
    assert read(str(tmp_path)).items[0].boxes.noisy.tolist() == [False, True]
    truth.write_text("1,5,-9,3,14,5,1,1,1\n1,6,40,3,4,5,1,1,1\n1,7,2,3,4,5,1,-1,-1,-1\n")
    index = read(str(tmp_path / "MOT17-02"))
    assert index.items[0].boxes.corners.tolist() == [[0, 2, 4, 7], [1, 2, 5, 7]]
    assert index.items[0].boxes.visible.isnan().tolist() == [False, True]
    assert "cut off there (1)" in index.sentence
    assert read(str(tmp_path / "MOT17-02")).layout == "mot"
    for bad in ("4,5,2,3,4,5,1,1,1\n", "1,5,2,3\n", "1,5,2,3,nan,5,1,1,1\n", "x\n"):
        truth.write_text(bad)
        with pytest.raises(SeqimgError, match=r"gt\.txt"):
            read(str(tmp_path))


@pytest.mark.parametrize(
    ("shape", "layout", "letters", "clips"),
    [
        ((20, 50, 9, 9), "auto", "TNHW", 50),
        ((50, 20, 9, 9), "auto", "NTHW", 50),
        ((20, 6, 9, 9), "auto", "TNHW", 6),
        ((6, 50, 9, 9), "auto", "TNHW", 50),
        ((20, 50, 8, 9, 3), "auto", "TNHWC", 50),
        ((50, 20, 1, 8, 9), "auto", "NTCHW", 50),
        ((12, 10, 8, 9), "moving-mnist:sample-first", "NTHW", 12),
    ],
)
def test_moving_mnist(tmp_path: Path, shape: tuple[int, ...], layout: str, letters: str, clips: int) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.save(tmp_path / "digits.npy", array)
    index = read(str(tmp_path / "digits.npy"), layout)
    assert len(index.items) == clips
    assert f"axes {letters}" in index.sentence
    item = index.items[3]
    with item.open(ReadingConfig()) as sequence:
        frames = np.stack([frame.pixels for frame in item.timed(sequence)])
        again = np.stack([frame.pixels for frame in sequence.frames([1, 4])])
    truth = array[:, 3] if letters[0] == "T" else array[3]
    truth = (
        truth[..., None] if "C" not in letters else truth if letters[-1] == "C" else np.moveaxis(truth, 1, -1)
    )
    assert np.array_equal(frames, truth)
    assert np.array_equal(again, truth[[1, 4]])


def test_an_ambiguous_or_cut_array_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((12, 10, 8, 8), np.uint8))
    with pytest.raises(UsageError, match=r"ambiguous(.|\n)*--layout moving-mnist:time-first"):
        read(str(tmp_path / "a.npy"))
    # A stack of frames of 40 channels is no Moving MNIST.
    for shape in ((200, 32, 32, 40), (20, 12, 16, 40), (40, 9, 9, 9)):
        np.save(tmp_path / "c.npy", np.zeros(shape, np.uint8))
        with pytest.raises(UsageError, match=rf"{shape[0]} frames of {shape[3]} channels(.|\n)*--axes THWC"):
            read(str(tmp_path / "c.npy"))
        assert read(str(tmp_path / "c.npy"), reading=ReadingConfig(axes="THWC")).layout == "sequence"
    np.save(tmp_path / "b.npy", np.zeros((20, 60, 8, 9), np.uint8))
    content = (tmp_path / "b.npy").read_bytes()
    (tmp_path / "b.npy").write_bytes(content[: len(content) // 2])
    with pytest.raises(SeqimgError, match="ends before"):
        read(str(tmp_path / "b.npy"), "moving-mnist")


def _xy(path: Path, low: float, compressed: bool) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    arrays = {
        f"{side}_{part}": rng.uniform(low, 1, (count, 4, 2, 6, 5)).astype(np.float32)
        for part, count in (("train", 3), ("test", 2))
        for side in "XY"
    }
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    return arrays


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("low", [-1.0, 0.0])
def test_taxibj_and_openstl(tmp_path: Path, low: float, compressed: bool) -> None:
    arrays = _xy(tmp_path / "dataset.npz", low, compressed)
    index = read(str(tmp_path / "dataset.npz"))
    assert index.layout == "xy-npz"
    assert [item.split for item in index.items] == ["train"] * 3 + ["test"] * 2
    with index.items[4].open(ReadingConfig()) as sequence:
        assert sequence.info.value_range == (low, 1.0)
        frames = np.stack([frame.pixels for frame in sequence.timed()])
    truth = np.concatenate([arrays["X_test"][1], arrays["Y_test"][1]]).transpose(0, 2, 3, 1)
    assert np.array_equal(frames, truth)


def test_predrnn(tmp_path: Path) -> None:
    raw = np.random.default_rng(0).random((30, 1, 6, 5)).astype(np.float32)
    clips = np.array([[[0, 3], [10, 3]], [[3, 2], [13, 2]]])
    np.savez(tmp_path / "train.npz", clips=clips, dims=np.array([[1, 6, 5]]), input_raw_data=raw)
    index = read(str(tmp_path / "train.npz"))
    assert (index.layout, len(index.items)) == ("predrnn", 2)
    with index.items[1].open(ReadingConfig()) as sequence:
        assert np.array_equal(
            np.stack([f.pixels for f in sequence.timed()]), raw[10:15].transpose(0, 2, 3, 1)
        )
    clips[1, 1] = (29, 2)
    np.savez(tmp_path / "bad.npz", clips=clips, input_raw_data=raw)
    with pytest.raises(SeqimgError, match="is not there"):
        read(str(tmp_path / "bad.npz"))


def test_pickles_are_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "dataset.pkl").write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    with pytest.raises(UsageError, match=r"refused(.|\n)*runs whatever code(.|\n)*savez"):
        read(str(tmp_path / "dataset.pkl"))
    np.save(tmp_path / "objects.npy", np.array([[[[None] * 5] * 5] * 5] * 20), allow_pickle=True)
    with pytest.raises(SeqimgError, match="object"):
        read(str(tmp_path / "objects.npy"), "moving-mnist")
    assert not Path("ran").exists()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_archives_with_flipped_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("flipped")
    _xy(folder / "a.npz", 0.0, data.draw(st.booleans()))
    content = bytearray((folder / "a.npz").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    (folder / "a.npz").write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        for item in read(str(folder / "a.npz"), "xy-npz").items:
            with item.open(ReadingConfig()) as sequence:
                assert len(list(sequence.timed())) <= 100
    except SeqimgError as error:
        lines = str(error).splitlines()
        if len(lines) > 3:
            raise AssertionError(lines) from error


def test_a_wrong_name_or_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no layout 'class-folder'(.|\n)*--layout class-folders"):
        read(str(tmp_path), "class-folder")
    with pytest.raises(SeqimgError, match="does not exist"):
        read(str(tmp_path / "none"), "videos")
    (tmp_path / "empty").mkdir()
    for name in LAYOUTS:
        with pytest.raises(SeqimgError):
            read(str(tmp_path / "empty"), name)


def test_an_unreadable_item_is_named_or_left_out_never_replaced(tmp_path: Path) -> None:
    for number in range(4):
        _video(tmp_path / "set" / "run" / f"{number}.mp4", frames=6)
    (tmp_path / "set" / "run" / "2.mp4").write_bytes(b"\0" * 400)
    config = TaskConfig(data=(str(tmp_path / "set"),), crop=0)
    with pytest.raises(SeqimgError, match=r"2\.mp4(.|\n)*--on-error skip"):
        window_datasets(config, length=2, step=1)
    skipping = config.model_copy(update={"on_error": "skip"})
    with window_datasets(skipping, length=2, step=1, part="all") as data:
        seen = {Path(data.test[i].source.path).name for i in range(len(data.test))}
        assert seen == {"0.mp4", "1.mp4", "3.mp4"}
        assert any("2.mp4" in line for line in data.readings)
        assert data.classes == ("run",)
        assert data.test[0].label == 0


def test_whole_sequences_are_split_not_windows(tmp_path: Path) -> None:
    np.save(tmp_path / "digits.npy", np.random.default_rng(0).integers(0, 9, (20, 40, 8, 8), dtype=np.uint8))
    with window_datasets(TaskConfig(data=(str(tmp_path / "digits.npy"),), crop=0), length=10, step=5) as data:
        parts = [
            {part[i].source.path for i in range(len(part))} for part in (data.train, data.val, data.test)
        ]
    assert [len(part) for part in parts] == [25, 3, 12]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]


def test_a_zip_that_claims_too_much_is_refused(tmp_path: Path) -> None:
    _xy(tmp_path / "a.npz", 0.0, True)
    with zipfile.ZipFile(tmp_path / "b.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (4000000, 4, 2, 64, 64), }"
        head = b"\x93NUMPY\x01\x00" + (len(header) + 1).to_bytes(2, "little") + header + b"\n"
        for name in ("X_train", "Y_train"):
            archive.writestr(f"{name}.npy", head + bytes(1000))
    with pytest.raises(SeqimgError, match="ends before"):
        read(str(tmp_path / "b.npz"))


def test_data_sets_with_other_classes_get_labels_in_common(tmp_path: Path) -> None:
    for part, classes in (("first", ("run", "walk")), ("second", ("jump", "walk"))):
        for name in classes:
            _video(tmp_path / part / name / "a.mp4")
    config = TaskConfig(data=(str(tmp_path / "first"), str(tmp_path / "second")), crop=0)
    with window_datasets(config, length=4, step=1, part="all") as data:
        assert data.classes == ("jump", "run", "walk")
        found = [(Path(c.source.path).parent.name, c.label) for c in (data.test[i] for i in range(4))]
    assert found == [("run", 1), ("walk", 2), ("jump", 0), ("walk", 2)]


def test_a_live_source_is_no_data_set() -> None:
    from seqimg.sequences.base import Sequence, SequenceInfo

    class Camera(Sequence):
        def _read(self) -> Any:
            raise AssertionError("never read")

    info = SequenceInfo(
        path="cam",
        format="camera",
        height=2,
        width=2,
        channels=1,
        dtype="uint8",
        value_range=(0, 255),
        live=True,
    )
    with pytest.raises(UsageError, match="is live"):
        FrameStore.read(Item("cam", opener=lambda reading: Camera(info)), 0)


def test_a_password_in_an_address_is_neither_shown_nor_stored() -> None:
    config = TaskConfig(data=("http://me:secret@host.example/clip.mp4?key=abc", "clip.mp4"))
    (item,) = read(config.data[0]).items
    assert (item.path, item.name) == ("http://***@host.example/clip.mp4?key=***", "clip.mp4?key=***")
    stored = to_toml("predict", Resolved(config, dict.fromkeys(TaskConfig.model_fields, "flag")))
    for text in (stored, config.model_dump_json(), masked_word(f"--data={config.data[0]}")):
        assert "host.example" in text
        assert "secret" not in text
        assert "abc" not in text
    assert config.model_copy(update={"seed": 1}).data == config.data
