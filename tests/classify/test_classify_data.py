"""Labels: matched by name, several a clip, in balanced parts, from IDX files; and what is refused."""

import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from seqimg.config import TaskConfig
from seqimg.data import Clip, ClipSource, Item, collate, layouts, split_sequences, window_datasets
from seqimg.data.classes import class_counts, with_classes
from seqimg.data.picking import Picks, pick, starts
from seqimg.errors import SeqimgError, UsageError
from seqimg_classify.config import ClassifyConfig
from seqimg_classify.task import ClassifyTask
from tests.classify.clips import videos


def opened(*data: Path | str, **values: object) -> ClassifyTask:
    names = tuple(map(str, data))
    return ClassifyTask(ClassifyConfig(data=names, frames=4, crop=0, **values))  # type: ignore[arg-type]


def test_classes_in_another_order_are_matched_by_name(tmp_path: Path) -> None:
    root = videos(tmp_path / "set", (3, 3, 3))
    task = opened(root, classes=("c", "a", "b"))
    with task.datasets("all") as data:
        for number in range(len(data.test)):
            clip = data.test[number]
            assert isinstance(clip.label, int)
            assert task.config.classes[clip.label] == Path(clip.source.path).parent.name
            assert float(clip.frames.mean()) == pytest.approx(
                (30 + 40 * "abc".index("cab"[clip.label])) / 255, abs=0.02
            )


def test_a_class_that_the_model_does_not_know_is_named_with_its_like(tmp_path: Path) -> None:
    folder = videos(tmp_path / "set", (2, 2))
    (folder / "b").rename(folder / "running")
    with pytest.raises(SeqimgError, match="of class 'running'") as refused:
        opened(folder, classes=("a", "runing", "c")).datasets("all")
    assert refused.value.hint == "call it 'runing', if that is what it is"
    assert "3 classes: a, runing, c" in str(refused.value)


def test_boxes_are_matched_too() -> None:
    config = TaskConfig(data=("demo:tracks",), crop=32)
    data = window_datasets(config, length=2, step=2)
    if not data.classes:
        pytest.skip("the generator does not name its classes")
    turned = with_classes(data, data.classes[::-1])
    own, other = data.test[0].boxes, turned.test[0].boxes
    assert own is not None
    assert other is not None
    assert torch.equal(other.labels, len(data.classes) - 1 - own.labels)


@pytest.mark.parametrize(
    ("counts", "why"), [((3,), "one class only, 'a'"), ((), "does not exist"), ((2, 0), "has no sequences")]
)
def test_data_without_anything_to_tell_apart_are_refused(
    tmp_path: Path, counts: tuple[int, ...], why: str
) -> None:
    folder = videos(tmp_path / "set", counts)
    if 0 in counts:
        (folder / "b").mkdir()
    with pytest.raises(SeqimgError, match=why):
        opened(folder, layout="class-folders").datasets()


def test_data_without_labels_and_unlabelled_clips_are_refused(tmp_path: Path) -> None:
    folder = videos(tmp_path / "set", (2, 2))
    with pytest.raises(SeqimgError, match="these data have no classes"):
        opened(folder / "a" / "0.npy").datasets()
    (folder / "list.txt").write_text("a/0.npy a\nb/0.npy b\na/1.npy -1\n")
    with pytest.raises(SeqimgError, match=r"1\.npy has no class"):
        opened(folder / "list.txt").datasets("all")
    batch = collate([Clip(torch.zeros(4, 3, 8, 8), ClipSource("some.npy", first=0))])
    with pytest.raises(SeqimgError, match=r"some\.npy has no class"):
        opened(folder).expected(batch)


def test_rare_classes_are_told(tmp_path: Path) -> None:
    folder = videos(tmp_path / "set", (6, 1))
    with opened(folder, split="balanced").datasets() as data:
        assert "A single clip to learn from for b." in data.readings


@pytest.mark.parametrize("frames", [1, 3])
def test_sequences_shorter_than_a_clip_are_refused_or_padded(tmp_path: Path, frames: int) -> None:
    folder = videos(tmp_path / "set", (2, 2), frames=frames)
    with pytest.raises(SeqimgError, match=f"has {frames} frame") as refused:
        opened(folder).datasets()
    assert "--short" in str(refused.value)
    with opened(folder, short="pad").datasets("all") as data:
        assert data.test[0].length == frames


def test_several_classes_a_clip(tmp_path: Path) -> None:
    folder = videos(tmp_path / "set", (3, 2))
    (folder / "labels.csv").write_text(
        "path,labels\na/0.npy,run,jump\na/1.npy,run\na/2.npy,-\nb/0.npy,jump\n"
    )
    (folder / "labels.txt").write_text("a/0.npy jump|run\na/1.npy run\na/2.npy -\nb/0.npy jump\n")
    wanted = {"a/0.npy": [1, 1], "a/1.npy": [0, 1], "a/2.npy": [0, 0], "b/0.npy": [1, 0]}
    for file in ("labels.csv", "labels.txt"):
        with opened(folder / file, several=True).datasets("all") as data:
            assert data.classes == ("jump", "run")
            clips = [data.test[number] for number in range(len(data.test))]
            found = {str(Path(clip.source.path).relative_to(folder)): clip.label.tolist() for clip in clips}  # type: ignore[union-attr]
            assert found == wanted
            assert class_counts(data.test, 2) == (2, 2)
    with pytest.raises(SeqimgError, match=r"has (2|no) classes") as refused:
        opened(folder / "labels.txt").datasets("all")
    assert "--several" in str(refused.value)


@given(
    st.lists(st.integers(0, 4), min_size=12, max_size=80), st.integers(0, 3), st.sampled_from([0.1, 0.2, 0.5])
)
@settings(max_examples=40, deadline=None)
def test_balanced_parts_hold_the_same_share_of_every_class(
    labels: list[int], seed: int, holdout: float
) -> None:
    items = [Item(f"{number}.npy", name=str(number), label=label) for number, label in enumerate(labels)]
    parts = split_sequences(items, holdout=holdout, validation=0.0, balanced=seed)
    for label, count in Counter(labels).items():
        test = sum(part == "test" for item, part in zip(items, parts, strict=True) if item.label == label)
        assert test == min(max(round(count * holdout), 1 if len(set(labels)) == 1 else 0), count - 1)


def test_balanced_parts_are_drawn_by_the_seed() -> None:
    items = [Item(f"{number}.npy", name=str(number), label=number % 2) for number in range(40)]
    drawn = [split_sequences(items, holdout=0.2, validation=0.1, balanced=seed) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    with pytest.raises(SeqimgError, match="has no class"):
        split_sequences([*items, Item("bare.npy")], holdout=0.2, validation=0.1, balanced=0)


def test_scikit_learns_digits_are_split_evenly() -> None:
    pytest.importorskip("sklearn")
    task = ClassifyTask(
        ClassifyConfig(
            data=("demo:sklearn-digits",),
            model="rows",
            frames=1,
            split="balanced",
            holdout=0.2,
            validation=0.0,
        )
    )
    with task.datasets() as data:
        settled = task.settled(data)
        assert len(data.train) + len(data.val) + len(data.test) == 1797
        assert min(class_counts(data.test, 10)) >= 34
        assert max(class_counts(data.test, 10)) <= 37
        assert (settled.config.picture, settled.config.channels) == ((8, 8), 1)
        assert float(data.train[0].frames.max()) <= 1.0


def idx(
    path: Path, pictures: np.ndarray, labels: np.ndarray | None, *, name: str = "train", packed: bool = False
) -> None:
    count, height, width = pictures.shape
    files = {"images-idx3": (b"\0\0\x08\x03", (count, height, width), pictures)}
    if labels is not None:
        files["labels-idx1"] = (b"\0\0\x08\x01", (len(labels),), labels)
    for kind, (magic, shape, values) in files.items():
        content = magic + b"".join(size.to_bytes(4) for size in shape) + values.astype(np.uint8).tobytes()
        file = path / f"{name}-{kind}-ubyte"
        if packed:
            file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(content))
        else:
            file.write_bytes(content)


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_are_pictures_with_labels_in_their_makers_parts(tmp_path: Path, packed: bool) -> None:
    random = np.random.default_rng(0)
    pictures, labels = random.integers(0, 256, (14, 6, 5)), np.arange(14) % 4
    idx(tmp_path, pictures[:10], labels[:10], packed=packed)
    idx(tmp_path, pictures[10:], labels[10:], name="t10k", packed=packed)
    task = ClassifyTask(ClassifyConfig(data=(str(tmp_path),), model="rows", frames=1))
    with task.datasets() as data:
        assert (len(data.train), len(data.val), len(data.test)) == (9, 1, 4)
        assert data.classes == ("0", "1", "2", "3")
        for number in range(4):
            clip = data.test[number]
            assert clip.label == labels[10 + number]
            assert torch.allclose(clip.frames[0, 0] * 255, torch.from_numpy(pictures[10 + number]).float())
        assert task.settled(data).config.picture == (6, 5)


def test_damaged_idx_files_are_refused(tmp_path: Path) -> None:
    pictures = np.zeros((5, 4, 4))
    idx(tmp_path, pictures, np.zeros(3))
    with pytest.raises(SeqimgError, match="3 labels for 5 pictures"):
        layouts.read(str(tmp_path))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\x09abc")
    with pytest.raises(SeqimgError, match="header says 9 labels, it has 3"):
        layouts.read(str(tmp_path))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(b"something else")
    with pytest.raises(SeqimgError, match="no IDX file of labels"):
        layouts.read(str(tmp_path))
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    assert layouts.read(str(tmp_path)).items[0].label is None


def test_a_damaged_table_of_digits_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "optdigits.tra"
    file.write_text(",".join(["0"] * 64 + ["3"]) + "\n" + ",".join(["17"] * 64 + ["3"]) + "\n")
    with pytest.raises(SeqimgError, match="cannot read line 2"):
        layouts.read(str(file))
    file.write_text("a,b\n")
    with pytest.raises(SeqimgError, match="no table of numbers"):
        layouts.read(str(file))


@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_streamed_clips_cover_every_frame_once(count: int, length: int, stride: int) -> None:
    picks = Picks(length, stride=stride, views=1, streamed=True)
    found = [pick(count, picks, start)[0].tolist() for start in starts(count, picks)]
    assert [place for clip in found for place in clip] == list(range(0, count, stride))
    assert all(len(clip) <= length for clip in found)


def test_the_last_streamed_clip_knows_that_it_is(tmp_path: Path) -> None:
    folder = videos(tmp_path / "set", (1, 1), frames=9)
    with opened(folder, protocol="streaming", split="sequence", holdout=0.5).datasets("all") as data:
        clips = [data.test[number] for number in range(len(data.test))]
    assert [(clip.source.view, clip.source.ends, clip.length) for clip in clips[:3]] == [
        (0, False, None),
        (1, False, None),
        (2, True, 1),
    ]


def test_pictures_read_row_by_row_are_clips_of_one_frame_unless_told() -> None:
    for config, frames, batch in (
        (ClassifyConfig(model="rows"), 1, 64),
        (ClassifyConfig(model="rows", frames=3, batch_size=5), 3, 5),
        (ClassifyConfig(), 8, 16),
    ):
        assert (config.frames, config.batch_size) == (frames, batch)


def test_values_that_make_no_sense_are_refused() -> None:
    for wrong in (
        {"crops": 2},
        {"classes": "a,a"},
        {"class_counts": (1, 2)},
        {"widths": ()},
        {"kernel_size": 2},
    ):
        with pytest.raises(ValidationError):
            ClassifyConfig(**wrong)
    with pytest.raises(UsageError, match="no data was named"):
        ClassifyTask(ClassifyConfig()).datasets()


def test_class_pictures_are_pictures_of_their_own_sizes(tmp_path: Path) -> None:
    root = tmp_path / "set"

    for name, size in (("b/2.png", (5, 6)), ("b/10.jpg", (7, 4)), ("a/x y.png", (5, 6))):
        file = root / "train" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", size, 51).save(file)
        (root / "test" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", size, 51).save(root / "test" / name)
    index = layouts.read(str(root), "class-pictures")
    assert [(item.name, item.label, item.split) for item in index.items[:3]] == [
        ("test/a/x y.png", 0, "test"),
        ("test/b/2.png", 1, "test"),
        ("test/b/10.jpg", 1, "test"),
    ]
    with index.items[2].open(TaskConfig()) as sequence:
        assert (sequence.info.width, sequence.info.height, sequence.info.frame_count) == (7, 4, 1)
    task = ClassifyTask(
        ClassifyConfig(data=(str(root),), layout="class-pictures", model="rows", picture=(6, 5), validation=0)
    )
    with task.datasets() as data:
        assert (len(data.train), len(data.test)) == (3, 3)
        assert float(data.train[0].frames.mean()) == pytest.approx(0.2)
    (root / "train" / "c").mkdir()
    with pytest.raises(SeqimgError, match="has no pictures"):
        layouts.read(str(root), "class-pictures")


def test_pieces_of_one_file_are_videos_of_their_own(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    for name in ("one", "two"):
        (folder / name).mkdir(parents=True)
        for number in range(12):
            Image.new("L", (8, 8), number).save(folder / name / f"{number:02}.png")
    (folder / "list.txt").write_text("one 0 6 0\none 6 6 1\ntwo 0 12 0\n")
    task = opened(folder / "list.txt", views=2, split="sequence", holdout=0.4, validation=0)
    with task.datasets("all") as data:
        truth = task.expected(collate([data.test[number] for number in range(4)]))
    assert truth.labels.tolist() == [0, 0, 1, 1]
    assert len(set(truth.videos.tolist())) == 2
    assert truth.videos[0] == truth.videos[1]


def test_one_sequence_alone_can_be_measured_whatever_the_model_was_trained_on(tmp_path: Path) -> None:
    folder = videos(tmp_path / "set", (1,))
    (folder / "list.txt").write_text("a/0.npy a\n")
    for split in ("auto", "balanced", "sequence"):
        task = opened(folder / "list.txt", classes=("a", "b"), split=split)
        with task.datasets("all") as data:
            assert len(data.test) == 1
        if split != "auto":
            with pytest.raises(SeqimgError, match="cannot be split"):
                task.datasets("test")


def _pictures(folder: Path, *sizes: tuple[int, int]) -> Path:
    for name in ("cat", "dog"):
        for number in range(6):
            file = folder / name / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", sizes[number % len(sizes)], 40 * number).save(file)
    return folder


def test_rows_are_read_of_pictures_of_one_size_or_of_the_size_asked_for(tmp_path: Path) -> None:
    def task(folder: Path, **values: object) -> ClassifyTask:
        config = ClassifyConfig(data=(str(folder),), model="rows", layout="class-pictures", **values)  # type: ignore[arg-type]
        return ClassifyTask(config)

    several = _pictures(tmp_path / "several", (32, 24), (36, 26), (20, 30))
    with pytest.raises(SeqimgError, match="3 sizes, 32×24, 36×26, 20×30") as refused:
        task(several).datasets()
    assert refused.value.hint == "--picture 26,36, to resample all to that"
    with task(several, picture=(10, 12)).datasets() as data:
        settled = task(several, picture=(10, 12)).settled(data)
        batch = collate([data.train[number] for number in range(len(data.train))])
        assert batch.frames.shape[-2:] == settled.config.picture == (10, 12)
        assert sum(settled.config.class_counts) == len(data.train)
    with task(_pictures(tmp_path / "one", (32, 24))).datasets() as data:
        assert task(several).settled(data).config.picture == (24, 32)


def test_sequences_whose_class_nobody_knows_are_told_before_any_work(tmp_path: Path) -> None:
    root = videos(tmp_path / "set", (3, 3))
    names = [f"{kind}/{number}.npy" for kind in "ab" for number in range(3)]
    rows = [f"{name},{'-1' if name[-5] == '1' else name[0]}" for name in names]
    (root / "list.csv").write_text("\n".join(["path,label", *rows]) + "\n")
    for values in ({}, {"mixup": 0.3}, {"several": True}):
        with pytest.raises(SeqimgError, match=r"2 sequences have no class, .*a/1.npy one of them"):
            opened(root / "list.csv", **values).datasets("all")  # type: ignore[arg-type]
