import zlib
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import skimage
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from seqimg.data.generators import motion, moving_digits, pan, pans, photographs, tracks
from seqimg.data.generators.digits import VARIANTS, glyph
from seqimg.data.generators.generator import Generator, Split
from seqimg.data.generators.photographs import PHOTOGRAPHS, level, level_for, photograph
from seqimg.data.generators.requests import make_sample
from seqimg.errors import UnavailableError, UsageError

GENERATORS: dict[str, tuple[Generator, int]] = {
    "pans": (pans, 3),
    "pan": (pan, 3),
    "motion": (motion, 3),
    "tracks": (tracks, 3),
    "moving_digits": (moving_digits, 1),
}
SPLITS: tuple[Split, ...] = ("train", "val", "test")
MOVES = 24  # sequences looked at where motion is random; enough to meet every kind


@pytest.fixture(params=list(GENERATORS))
def generator(request: pytest.FixtureRequest) -> Generator:
    return GENERATORS[request.param][0]


@pytest.mark.parametrize("name", list(GENERATORS))
@settings(max_examples=20, deadline=None)
@given(
    length=st.integers(1, 25),
    height=st.integers(8, 90),
    width=st.integers(8, 90),
    index=st.integers(0, 2**40),
    split=st.sampled_from(SPLITS),
)
def test_any_request_gives_frames_of_that_shape(
    name: str, length: int, height: int, width: int, index: int, split: Split
) -> None:
    make, channels = GENERATORS[name]
    frames = make_sample(make, index, length=length, size=(height, width), seed=3, split=split).frames
    assert frames.shape == (length, height, width, channels)
    assert frames.dtype == np.uint8


def test_a_sequence_depends_on_its_arguments_and_on_nothing_else(generator: Generator) -> None:
    def make(index: int, seed: int = 0, split: Split = "train") -> NDArray[np.uint8]:
        return make_sample(generator, index, length=6, size=(32, 32), seed=seed, split=split).frames

    forward = [make(index) for index in range(5)]
    level.cache_clear()
    photograph.cache_clear()
    backward = [make(index) for index in reversed(range(5))][::-1]
    np.testing.assert_array_equal(forward, backward)
    others = [make(0), make(1), make(0, seed=1), make(0, split="val"), make(0, split="test")]
    assert len({zlib.crc32(frames.tobytes()) for frames in others}) == len(others)


def test_a_longer_moving_digits_sequence_begins_like_a_shorter_one() -> None:
    # 600 frames of 64x64 are made in more than one piece.
    long = moving_digits(2, length=600, size=(64, 64), seed=0, split="train")
    short = moving_digits(2, length=10, size=(64, 64), seed=0, split="train")
    np.testing.assert_array_equal(long[:10], short)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"length": 0}, "length is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"index": -1}, "index is -1"),
        ({"size": (4, 64)}, "frames of 4x64"),
        ({"size": (64, 100_000)}, "frames of 64x100000"),
        ({"length": 10**9}, "1000000000 frames"),
        ({"split": "trian"}, "no split 'trian'"),
    ],
)
def test_what_cannot_be_made_is_refused_in_three_lines(
    generator: Generator, change: dict[str, object], message: str
) -> None:
    request = {"index": 0, "length": 4, "size": (32, 32), "seed": 0, "split": "train"} | change
    with pytest.raises(UsageError, match=message) as caught:
        generator(request.pop("index"), **request)  # type: ignore[arg-type]  # wrong on purpose
    assert len(str(caught.value).splitlines()) <= 3


def test_photographs_are_held_out_whole_and_all_are_inside_scikit_image() -> None:
    names = [name for split in SPLITS for name in PHOTOGRAPHS[split]]
    assert len(set(names)) == len(names)
    folder = Path(skimage.__file__).parent / "data"
    for name in names:
        assert (folder / name).is_file()
        pixels = photograph(name)
        assert min(pixels.shape[:2]) >= 190
        assert pixels.shape[2] in (1, 3)


def test_a_missing_photograph_is_explained() -> None:
    with pytest.raises(UnavailableError, match=r"cannot read the photograph no\.png"):
        photograph("no.png")


def test_a_level_neither_aliases_nor_changes_the_brightness(monkeypatch: pytest.MonkeyPatch) -> None:
    board = (np.indices((128, 128)).sum(axis=0) % 2 * 200).astype(np.uint8)[:, :, None]
    with monkeypatch.context() as patch:
        patch.setattr(photographs, "photograph", lambda _: board)
        level.cache_clear()
        seen = level("board", level_for(3.0)).texels[8:-8, 8:-8]
        level.cache_clear()
    assert np.ptp(seen) <= 4  # finer than the camera can see: an even grey
    assert abs(seen.mean() - 100) < 1


def test_the_camera_moves_steadily_below_its_limits_and_stays_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    # A photograph whose red is x and whose green is y: the frames then say where they looked.
    side = 256
    ramp = np.zeros((side, side, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(side), np.arange(side)[:, None]
    monkeypatch.setattr(photographs, "photograph", lambda _: ramp)
    monkeypatch.setattr(import_module("seqimg.data.generators.camera"), "photograph", lambda _: ramp)
    level.cache_clear()
    speeds, turns, zooms = [], [], []
    for index in range(MOVES):
        frames = pans(index, length=12, size=(48, 64), seed=5, split="val")
        scale, centre = _looked_at(frames)
        factor = scale[1:] / scale[:-1]  # e^λ
        step = np.diff(centre) / scale[:-1]  # v (e^λ - 1) / λ
        assert np.abs(factor - factor.mean()).max() < 3e-3  # what 8 bits a coordinate can tell
        assert np.abs(step - step.mean()).max() < 0.03
        rate = np.log(factor.mean())
        growth = (np.exp(rate) - 1) / rate if abs(rate) > 1e-3 else 1.0
        speeds.append(abs(step.mean() / growth))
        zooms.append(abs(rate.real))
        turns.append(abs(rate.imag))
    level.cache_clear()
    assert 1.5 < max(speeds) < 48 * 3 / 64 + 0.05
    assert 0.03 < max(turns) < 0.052
    assert 0.018 < max(zooms) < 0.032
    # Every kind of move occurs, none is no move at all.
    still = np.array([np.array(speeds) < 0.1, np.array(turns) < 5e-3, np.array(zooms) < 5e-3])
    assert not still.all(axis=0).any()
    assert still.any(axis=1).all()


def _looked_at(frames: NDArray[np.uint8]) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Fit p = c + a u to each frame: a and c over time, mirrored sequences turned back."""
    height, width = frames.shape[1:3]
    grid = (np.arange(width) - (width - 1) / 2) + 1j * (np.arange(height) - (height - 1) / 2)[:, None]
    found = []
    for frame in frames.astype(np.float64):
        assert frame[..., :2].min() >= 0
        place = frame[..., 0] + 1j * frame[..., 1]
        # Near the photograph's border the blur bends the ramp.
        inside = ((frame[..., :2] > 8) & (frame[..., :2] < 247)).all(axis=-1)
        assert inside.sum() > 200
        terms = np.stack([grid[inside], grid[inside].conj(), np.ones(inside.sum())], axis=1)
        direct, mirror, middle = np.linalg.lstsq(terms, place[inside], rcond=None)[0]
        assert min(abs(direct), abs(mirror)) < 0.01 * max(abs(direct), abs(mirror))
        found.append((direct, middle) if abs(direct) > abs(mirror) else (-mirror.conj(), -middle.conj()))
    scale, centre = np.array(found).T
    return scale, centre


def test_long_sequences_move_more_slowly_instead_of_leaving_the_photograph() -> None:
    frames = pans(0, length=600, size=(64, 64), seed=0, split="test")
    assert len(frames) == 600
    assert all(frame.std() > 1 for frame in frames[::50])


def test_frames_agree_with_cubic_sampling_of_the_blurred_photograph(monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module("seqimg.data.generators.camera")
    levels: list[tuple[str, int]] = []
    places: list[NDArray[np.complex128]] = []

    def level_spy(name: str, number: int) -> photographs.Level:
        levels.append((name, number))
        return level(name, number)

    def sample_spy(source: photographs.Level, points: NDArray[np.complex128]) -> NDArray[np.uint8]:
        places.append(points)
        frames: NDArray[np.uint8] = sample(source, points)
        return frames

    sample = module._sample
    monkeypatch.setattr(module, "level", level_spy)
    monkeypatch.setattr(module, "_sample", sample_spy)
    for index in range(3):
        frames = pans(index, length=3, size=(64, 64), seed=0, split="test")
        name, number = levels[-1]
        points = np.concatenate(places)
        places.clear()
        blur = 0.45 * 1.5 * 2 ** (number / 2)
        for channel in range(3):
            blurred = gaussian_filter(photograph(name)[..., channel].astype(np.float64), blur, mode="nearest")
            wanted = map_coordinates(blurred, [points.imag, points.real], order=3, mode="nearest")
            apart = np.abs(frames[..., channel] - wanted)
            assert apart.mean() < 0.6  # rounding alone gives 0.25
            assert apart.max() < 8


def test_glyphs_differ_between_splits_and_fit_their_square() -> None:
    assert not set(VARIANTS["train"]) & set(VARIANTS["val"])
    assert not (set(VARIANTS["train"]) | set(VARIANTS["val"])) & set(VARIANTS["test"])
    drawn = set()
    for digit in range(10):
        for variant in range(0, 10_000, 500):
            picture = glyph(digit, variant, 56)
            assert picture.max() > 230
            edges = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
            assert edges.max() == 0  # nothing is cut off
            drawn.add(picture.tobytes())
    assert len(drawn) == 200


@pytest.mark.parametrize("size", [(64, 64), (40, 72)])
def test_a_digit_bounces_exactly_and_keeps_its_brightness(size: tuple[int, int]) -> None:
    side = round(0.4375 * min(size))
    free = np.array(size) - side
    for index in range(6):
        made = moving_digits(index, length=120, size=size, seed=1, split="train", digits=1)
        frames = made[..., 0].astype(np.float64)
        light = frames.sum(axis=(1, 2))
        assert np.ptp(light) < 0.005 * light.mean()
        middle = np.stack(
            [(frames.sum(axis=2) @ np.arange(size[0])), (frames.sum(axis=1) @ np.arange(size[1]))]
        )
        middle /= light  # [2, T], moves as the digit does
        way = np.abs(np.diff(middle))
        speed = way.max(axis=1)  # reached wherever the digit does not bounce between two frames
        assert np.hypot(*speed) == pytest.approx(0.1 * free.min(), abs=0.03)
        # Between the frames before and after a bounce the way to the wall and back is one step, so
        # each bounce tells where the wall is; all must agree, and the two walls be as far apart as is free.
        for axis in (0, 1):
            before, after = middle[axis, :-1], middle[axis, 1:]
            bounced = way[axis] < speed[axis] - 0.1
            high = bounced & (before > middle[axis].mean())
            low = bounced & ~high
            top = (before + after + speed[axis])[high] / 2
            bottom = (before + after - speed[axis])[low] / 2
            assert len(top) + len(bottom) >= 2 or speed[axis] < 0.8
            for wall in (top, bottom):
                assert not len(wall) or np.ptp(wall) < 0.1
            if len(top) and len(bottom):
                assert top.mean() - bottom.mean() == pytest.approx(free[axis], abs=0.1)


def test_the_brighter_of_two_digits_is_seen() -> None:
    both = moving_digits(4, length=60, size=(64, 64), seed=0, split="test")
    first = moving_digits(4, length=60, size=(64, 64), seed=0, split="test", digits=1)
    assert (both >= first).all()
    only_second = both[first == 0]
    assert only_second.max() == 255
    assert (both.max(axis=(1, 2, 3)) == 255).all()
