"""What generators say of their sequences is what the sequences show."""

import gzip
import os
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from seqimg.data.generators import motion, moving_digits, moving_digits_batch, pan, pans, tracks
from seqimg.data.generators.bouncing import Placement
from seqimg.data.generators.digits import VARIANTS, drawings
from seqimg.data.generators.generator import Split, draws
from seqimg.data.generators.idx import read_idx
from seqimg.data.generators.motions import MOTIONS
from seqimg.data.generators.requests import batch_of, generator_of, make_sample, split_request
from seqimg.errors import SeqimgError, UnavailableError, UsageError

SPLITS: tuple[Split, ...] = ("train", "val", "test")
HEADER = bytes.fromhex("00000803 00000014 0000001c 0000001c")
PICTURES = np.random.default_rng(0).integers(0, 256, (20, 28, 28), np.uint8)


@pytest.fixture
def idx(tmp_path: Path) -> Path:
    path = tmp_path / "pictures-idx3-ubyte"
    path.write_bytes(HEADER + PICTURES.tobytes())
    return path


# Optical flow


@settings(max_examples=25, deadline=None)
@given(
    index=st.integers(0, 10**6),
    length=st.integers(2, 12),
    height=st.integers(16, 72),
    width=st.integers(16, 72),
    split=st.sampled_from(SPLITS),
)
def test_flow_carries_each_frame_to_the_next(
    index: int, length: int, height: int, width: int, split: Split
) -> None:
    sample = pan(index, length=length, size=(height, width), seed=0, split=split)
    flow = sample.flow
    assert flow is not None
    assert flow.forward.shape == flow.backward.shape == (length - 1, height, width, 2)
    assert flow.forward.dtype == flow.backward.dtype == np.float32
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    first, last = sample.frames[0].astype(np.float64), sample.frames[1].astype(np.float64)
    for start, end, way, hidden in (
        (first, last, flow.forward[0], flow.occluded[0]),
        (last, first, flow.backward[0], flow.disoccluded[0]),
    ):
        x, y = columns + way[..., 0], rows + way[..., 1]
        beyond = (x < -1e-3) | (y < -1e-3) | (x > width - 1 + 1e-3) | (y > height - 1 + 1e-3)
        inside = (x > 0) & (y > 0) & (x < width - 1) & (y < height - 1)
        assert hidden[beyond].all()
        assert not hidden[inside].any()
        if not inside.any():
            continue
        reached = np.stack([map_coordinates(end[..., c], [y, x], order=1) for c in range(3)], axis=-1)
        detail = np.abs(np.diff(start, axis=0)).mean() + np.abs(np.diff(start, axis=1)).mean()
        # Interpolation costs a little where the picture is sharp; a wrong flow costs as much as the detail.
        assert np.abs(reached - start)[inside].mean() < 0.6 + 0.2 * detail


def test_backward_flow_undoes_forward_flow() -> None:
    for index in range(12):
        flow = pan(index, length=3, size=(48, 64), seed=1, split="train").flow
        assert flow is not None
        rows, columns = np.mgrid[:48, :64].astype(np.float64)
        ahead = flow.forward[1].astype(np.float64)
        x, y = columns + ahead[..., 0], rows + ahead[..., 1]
        back = [map_coordinates(flow.backward[1][..., axis], [y, x], order=1) for axis in (0, 1)]
        error = np.hypot(back[0] + ahead[..., 0], back[1] + ahead[..., 1])
        assert error[~flow.occluded[1]].max() < 1e-4


def test_pans_are_the_frames_of_pan() -> None:
    request = {"length": 5, "size": (40, 56), "seed": 2, "split": "val"}
    np.testing.assert_array_equal(pans(7, **request), pan(7, **request).frames)  # type: ignore[arg-type]


# Motion classes


@settings(max_examples=12, deadline=None)
@given(
    index=st.integers(0, 10**9),
    length=st.integers(1, 20),
    height=st.integers(8, 64),
    width=st.integers(8, 64),
    pair=st.integers(0, 3),
)
def test_partners_are_exact_reversals(index: int, length: int, height: int, width: int, pair: int) -> None:
    forwards, backwards = (
        motion(index, length=length, size=(height, width), seed=0, split="train", kind=kind).frames
        for kind in MOTIONS[2 * pair : 2 * pair + 2]
    )
    np.testing.assert_array_equal(forwards, backwards[::-1])


def test_every_class_comes_equally_often_and_every_sequence_moves() -> None:
    samples = [motion(index, length=6, size=(32, 40), seed=3, split="test") for index in range(32)]
    assert sorted(sample.label or "" for sample in samples) == sorted(4 * MOTIONS)
    for sample in samples:
        assert np.abs(np.diff(sample.frames.astype(int), axis=0)).mean() > 0.3


@pytest.mark.parametrize("kind", MOTIONS[:6])
def test_the_camera_does_what_the_class_says(kind: str) -> None:
    frames = motion(0, length=3, size=(96, 96), seed=0, split="test", kind=kind).frames.astype(np.float64)
    grey = frames.mean(axis=-1)
    # What the next frame would be if the camera had moved as the class says, and as its partner does.
    rows, columns = np.mgrid[:96, :96] - 47.5

    def moved(sign: int) -> NDArray[np.float64]:
        if kind.startswith("pan"):
            places = rows, columns + sign * 3.0
        elif kind.startswith("zoom"):
            places = rows * (1 - sign * 0.03), columns * (1 - sign * 0.03)
        else:
            cos, sin = np.cos(sign * 0.04), np.sin(sign * 0.04)
            places = rows * cos + columns * sin, columns * cos - rows * sin
        found: NDArray[np.float64] = map_coordinates(grey[0], [places[0] + 47.5, places[1] + 47.5], order=1)
        return found

    sign = 1 if kind in ("pan-right", "zoom-in", "turn-clockwise") else -1
    middle = np.s_[16:-16, 16:-16]
    right, wrong = (np.abs(moved(way)[middle] - grey[1][middle]).mean() for way in (sign, -sign))
    assert right < 0.8 * wrong


def test_what_appears_is_nowhere_at_first() -> None:
    frames = motion(0, length=9, size=(64, 64), seed=5, split="train", kind="appear").frames.astype(int)
    changed = [(np.abs(frame - frames[0]).max(axis=-1) > 60).sum() for frame in frames]
    assert changed[0] == 0
    assert changed[-1] > 100


# Tracks


def _around(mask: NDArray[np.bool_]) -> list[float]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


@settings(max_examples=25, deadline=None)
@given(
    index=st.integers(0, 10**6),
    length=st.integers(1, 16),
    height=st.integers(16, 120),
    width=st.integers(16, 120),
)
def test_a_lonely_objects_box_encloses_exactly_its_pixels(
    index: int, length: int, height: int, width: int
) -> None:
    sample = tracks(
        index,
        length=length,
        size=(height, width),
        seed=0,
        split="train",
        objects=1,
        clutter=0,
        bars=0,
        noise=0,
    )
    found = sample.tracks
    assert found is not None
    rows = dict(zip(found.frame.tolist(), zip(found.box, found.visibility, strict=True), strict=True))
    assert rows  # it is in the frame at least once
    assert len(rows) == len(found.frame)
    largest = max(int((frame == 1).sum()) for frame in found.seen)
    for number, seen in enumerate(found.seen):
        assert (seen == 1).any() == (number in rows)
        if number in rows:
            box, visibility = rows[number]
            assert box.tolist() == _around(seen == 1)
            assert 0 < visibility <= 1
            if visibility == 1 and largest > 150:
                assert (seen == 1).sum() >= 0.6 * largest


@pytest.mark.parametrize("index", range(6))
def test_boxes_hold_what_is_seen_behind_and_in_front_of_others(index: int) -> None:
    sample = tracks(index, length=24, size=(96, 128), seed=0, split="train", objects=12, noise=0.2)
    found = sample.tracks
    assert found is not None
    whole = partly = hidden = 0
    for frame, track, box, visibility in zip(
        found.frame, found.track, found.box, found.visibility, strict=True
    ):
        seen = found.seen[frame] == track
        assert seen.any() == (visibility > 0)
        left, top, right, bottom = box.astype(int)
        assert 0 <= left < right <= 128
        assert 0 <= top < bottom <= 96
        assert seen.sum() == seen[top:bottom, left:right].sum()
        if visibility == 1:
            whole += 1
            assert box.tolist() == _around(seen)
        elif visibility > 0:
            partly += 1
        else:
            hidden += 1
    assert whole
    assert partly
    assert hidden
    order = list(zip(found.frame.tolist(), found.track.tolist(), strict=True))
    assert order == sorted(set(order))
    assert set(found.track.tolist()) == set(range(1, 13))
    np.testing.assert_array_equal(found.visible, found.visibility > 0)


def test_objects_are_where_they_are_said_to_be_and_keep_their_colour() -> None:
    sample = tracks(1, length=20, size=(128, 128), seed=0, split="test", objects=3, noise=0)
    found = sample.tracks
    assert found is not None
    colours: dict[int, list[NDArray[np.float64]]] = {}
    for frame in range(20):
        for track in (1, 2, 3):
            seen = found.seen[frame] == track
            if seen.sum() > 50:
                colours.setdefault(track, []).append(sample.frames[frame][seen].mean(axis=0))
    assert len(colours) >= 2
    for colour in colours.values():
        assert np.ptp(colour, axis=0).max() < 40  # shading shifts where a part is hidden
        assert np.ptp(np.mean(colour, axis=0)) > 80  # bright, unlike the clutter


def test_objects_enter_and_leave() -> None:
    entered = left = 0
    for index in range(8):
        found = tracks(index, length=40, size=(64, 64), seed=0, split="train").tracks
        assert found is not None
        for track in set(found.track.tolist()):
            frames = found.frame[found.track == track]
            entered += frames.min() > 0
            left += frames.max() < 39
    assert entered > 4
    assert left > 4


def test_frames_of_noise_show_nothing() -> None:
    sample = tracks(0, length=30, size=(48, 48), seed=0, split="train", noise=1)
    found = sample.tracks
    assert found is not None
    assert found.seen[1:].max() == 0
    assert found.seen[0].max() > 0
    assert (found.visibility[found.frame > 0] == 0).all()
    assert 120 < sample.frames[1:].mean() < 135


@pytest.mark.parametrize("option", [{"objects": 65}, {"bars": -1}, {"clutter": 1000}, {"noise": 1.5}])
def test_what_no_scene_holds_is_refused(option: dict[str, float]) -> None:
    name = next(iter(option))
    with pytest.raises(UsageError, match=f"{name} is"):
        tracks(0, length=4, size=(32, 32), seed=0, split="train", **option)  # type: ignore[arg-type]


def test_an_empty_scene_has_no_boxes() -> None:
    found = tracks(0, length=4, size=(32, 32), seed=0, split="train", objects=0).tracks
    assert found is not None
    assert found.box.shape == (0, 4)


# Moving digits


@settings(max_examples=25, deadline=None)
@given(
    indices=st.lists(st.integers(0, 2**40), min_size=1, max_size=5),
    length=st.integers(1, 9),
    height=st.integers(8, 80),
    width=st.integers(8, 80),
    digits=st.integers(1, 4),
    placement=st.sampled_from(["exact", "pixel"]),
)
def test_a_sequence_does_not_depend_on_its_batch(
    indices: list[int], length: int, height: int, width: int, digits: int, placement: Placement
) -> None:
    request = {"length": length, "size": (height, width), "seed": 4, "split": "train", "digits": digits}
    together = moving_digits_batch(indices, placement=placement, **request)  # type: ignore[arg-type]
    for frames, index in zip(together, indices, strict=True):
        alone = moving_digits(index, placement=placement, **request)  # type: ignore[arg-type]
        np.testing.assert_array_equal(frames, alone)


def test_pieces_make_the_same_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    request = {"length": 40, "size": (40, 48), "seed": 4, "split": "val"}
    whole = moving_digits_batch(range(5), **request)  # type: ignore[arg-type]
    for chunk, hot in ((1, 1), (20_000, 4000), (300_000, 50_000)):
        monkeypatch.setattr("seqimg.data.generators.bouncing._CHUNK", chunk)
        monkeypatch.setattr("seqimg.data.generators.bouncing._HOT", hot)
        np.testing.assert_array_equal(whole, moving_digits_batch(range(5), **request))  # type: ignore[arg-type]


def test_digits_at_whole_pixels_are_those_of_a_paste_loop(idx: Path) -> None:
    random = draws("moving_digits", [3], 0, "train", 10).reshape(2, 5)
    wanted = np.zeros((12, 64, 96), np.uint8)
    for which, drawing, top, left, angle in random:
        picture = drawings(np.array([[which, drawing]]), 28, split="train", idx=idx)[0]
        place = np.array([top, left]) * (36, 68)
        velocity = 3.6 * np.array([np.sin((2 * angle - 1) * np.pi), np.cos((2 * angle - 1) * np.pi)])
        for time in range(12):
            free = np.array([36, 68])
            y, x = (free - np.abs((place + velocity * time) % (2 * free) - free)).astype(int)
            target = wanted[time, y : y + 28, x : x + 28]
            np.maximum(target, picture, out=target)
    made = moving_digits(3, length=12, size=(64, 96), seed=0, split="train", placement="pixel", idx=idx)
    np.testing.assert_array_equal(made[..., 0], wanted)


def test_a_digit_between_pixels_is_the_mean_over_each_pixel(idx: Path) -> None:
    random = draws("moving_digits", [8], 0, "train", 5)
    picture = drawings(random[:, :2], 28, split="train", idx=idx)[0].astype(np.float64)
    start = random[0, 2:4] * 36
    angle = (2 * random[0, 4] - 1) * np.pi
    made = moving_digits(8, length=6, size=(64, 64), seed=0, split="train", digits=1, idx=idx)[..., 0]
    for time, frame in enumerate(made):
        y, x = 36 - np.abs((start + 3.6 * time * np.array([np.sin(angle), np.cos(angle)])) % 72 - 36)
        middles = np.arange(64)
        down, across = ((1 - np.abs(middles[:, None] - place - np.arange(28))).clip(0, 1) for place in (y, x))
        assert np.abs(frame - down @ picture @ across.T).max() < 2.5  # places of 1/128 pixel, rounded twice


def test_splits_share_no_picture_of_a_file(idx: Path) -> None:
    chosen = {}
    for split in SPLITS:
        picked = drawings(draws("any", range(300), 0, split, 2), 28, split=split, idx=idx)
        chosen[split] = {picture.tobytes() for picture in picked}
    assert [len(chosen[split]) for split in SPLITS] == [16, 2, 2]
    assert len(set.union(*chosen.values())) == 20
    assert len(VARIANTS["train"]) == 8000


def test_a_file_of_too_few_pictures_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one"
    path.write_bytes(bytes.fromhex("00000803 00000001 00000004 00000004") + bytes(16))
    with pytest.raises(UsageError, match="has no picture for train"):
        moving_digits(0, length=2, size=(32, 32), seed=0, split="train", idx=path)


def test_other_sizes_of_pictures_are_resampled(tmp_path: Path) -> None:
    path = tmp_path / "wide"
    path.write_bytes(bytes.fromhex("00000803 0000000a 00000004 00000008") + bytes([200]) * 320)
    frames = moving_digits(0, length=2, size=(64, 64), seed=0, split="test", idx=path, digits=1)
    assert abs(int(frames.max()) - 200) <= 1
    assert (frames > 100).sum(axis=(1, 2, 3)).max() <= 29 * 29


@pytest.mark.parametrize("option", [{"digits": 0}, {"speed": -0.1}, {"placement": "soft"}])
def test_what_no_digit_does_is_refused(option: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(option))):
        moving_digits(0, length=4, size=(32, 32), seed=0, split="train", **option)  # type: ignore[arg-type]


# IDX files


def test_plain_and_gzipped_files_are_the_same(idx: Path, tmp_path: Path) -> None:
    packed = tmp_path / "pictures-idx3-ubyte.gz"
    packed.write_bytes(gzip.compress(idx.read_bytes()))
    for path in (idx, packed):
        pictures = read_idx(path)
        np.testing.assert_array_equal(pictures, PICTURES)
        assert not pictures.flags.writeable


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no IDX file"),
        (b"\0\0\x08\x01" + bytes(100), "no IDX file"),
        (HEADER[:10], "no IDX file"),
        (HEADER + bytes(100), "bytes early|header asks for"),
        (HEADER + bytes(28 * 28 * 20 + 1), "goes on|header asks for"),
        (bytes.fromhex("00000803 ffffffff ffffffff ffffffff"), "over the limit"),
        (bytes.fromhex("00000803 00fffff0 0000001c 0000001c"), "over the limit"),
        (bytes.fromhex("00000803 00000000 0000001c 0000001c"), "are none"),
    ],
)
def test_a_bad_file_is_refused_before_anything_is_allocated(
    tmp_path: Path, content: bytes, why: str, packed: bool
) -> None:
    path = tmp_path / "bad"
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(SeqimgError, match=why):
        read_idx(path)


def test_damaged_compression_is_refused(idx: Path, tmp_path: Path) -> None:
    whole = gzip.compress(idx.read_bytes())
    path = tmp_path / "damaged.gz"
    for content in (whole[:50], whole[:-4], whole[:2000] + b"\xff" * 50 + whole[2050:]):
        path.write_bytes(content)
        os.utime(path, ns=(zlib.crc32(content), zlib.crc32(content)))
        with pytest.raises(SeqimgError, match="cannot read"):
            read_idx(path)
    with pytest.raises(SeqimgError, match="cannot read"):
        read_idx(tmp_path / "missing")


# All of them


def test_another_process_makes_the_same_bytes() -> None:
    program = (
        "import zlib\n"
        "from seqimg.data.generators.requests import generator_of, make_sample\n"
        "for name in ('pans', 'pan', 'motion', 'tracks', 'moving-digits'):\n"
        "    sample = make_sample(generator_of(name), 5, length=6, size=(40, 48), seed=9, split='val')\n"
        "    print(zlib.crc32(sample.frames.tobytes()))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    here = [
        make_sample(generator_of(name), 5, length=6, size=(40, 48), seed=9, split="val").frames
        for name in ("pans", "pan", "motion", "tracks", "moving-digits")
    ]
    assert [int(line) for line in done.stdout.split()] == [zlib.crc32(frames.tobytes()) for frames in here]


def test_draws_are_even_and_unrelated() -> None:
    numbers = draws("evenness", range(20_000), 0, "train", 6)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert np.abs(numbers.mean(axis=0) - 0.5).max() < 0.01
    counts = np.stack([np.histogram(column, 20, (0, 1))[0] for column in numbers.T])
    assert ((counts - 1000) ** 2 / 1000).sum(axis=1).max() < 60  # χ² of 19 degrees of freedom
    related = np.corrcoef(np.concatenate([numbers[:-1], numbers[1:]], axis=1).T) - np.eye(12)
    assert np.abs(related).max() < 0.04
    others = [
        draws("evenness", [0], 1, "train", 6),
        draws("evenness", [0], 0, "val", 6),
        draws("x", [0], 0, "val", 6),
    ]
    assert len({row.tobytes() for row in [*others, numbers[:1]]}) == 4


def test_options_of_a_request(idx: Path) -> None:
    name, options = split_request(f"moving-digits?digits=1&idx={idx}")
    assert (name, options) == ("moving-digits", {"digits": "1", "idx": str(idx)})
    frames = generator_of(f"moving-digits?digits=1&idx={idx}")(
        0, length=2, size=(64, 64), seed=0, split="val"
    )
    wanted = moving_digits(0, length=2, size=(64, 64), seed=0, split="val", digits=1, idx=idx)
    np.testing.assert_array_equal(frames, wanted)
    assert batch_of("pans", {}) is None
    assert batch_of("moving-digits", {}) is not None


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        ("moving-digit", UnavailableError, "moving-digit"),
        ("moving-digits?digit=2", UsageError, "Try: digits=2"),
        ("moving-digits?digits=two", UsageError, "cannot be 'two'"),
        ("moving-digits?placement=soft", UsageError, "cannot be 'soft'"),
        ("pans?speed=2", UsageError, "it has none"),
        ("moving-digits?length=2", UsageError, "no option 'length'"),
    ],
)
def test_a_wrong_request_is_explained(request_: str, error: type[SeqimgError], message: str) -> None:
    with pytest.raises(error) as caught:
        generator_of(request_)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3
