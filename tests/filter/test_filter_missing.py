"""Missing values stay missing and spread nowhere; ranges of floats hold."""

import math

import numpy as np
import pytest

from seqimg.sequences import SequenceInfo
from seqimg_filter.stage import Stage
from seqimg_filter.table import operations, parse


def info(dtype: str, value_range: tuple[float, float], fill_value: float | None = None) -> SequenceInfo:
    return SequenceInfo(
        path="", format="array", height=24, width=24, channels=1, dtype=dtype, value_range=value_range,
        fill_value=fill_value,
    )  # fmt: skip


@pytest.mark.parametrize(
    "name", [n for n, e in operations().items() if e.role == "frame" and e.on != "colour"]
)
def test_an_operation_never_spreads_what_is_missing(name: str) -> None:
    rng = np.random.default_rng(0)
    frame = rng.random((24, 24, 1), np.float32)
    frame[6:9, 5:9] = math.nan
    word = {"resize": "resize:width=12", "crop": "crop:width=9", "pad": "pad:left=2,value=0.9"}.get(
        name, name
    )
    found = Stage([parse(word)], info("float32", (0, 1)), from_pixels=True)(frame)
    assert not np.isinf(found).any()
    gone = np.isnan(found).sum()
    if not operations()[name].resizes and name != "swirl":
        assert gone == np.isnan(frame).sum() * found.shape[2]
    else:
        assert gone <= 0.06 * found.size


def test_a_fill_value_comes_back() -> None:
    frame = np.full((24, 24, 1), 1000, np.uint16)
    frame[3:6, 3:6] = 65535
    found = Stage(
        [parse("gaussian:sigma=2")], info("uint16", (0, 4095), 65535), from_pixels=True, into_pixels=True
    )(frame)
    assert (found[3:6, 3:6] == 65535).all(), "missing stays missing"
    found[3:6, 3:6] = 1000
    assert (found == 1000).all(), "and weighs nothing"


def test_a_value_never_turns_into_a_missing_one() -> None:
    frame = np.full((4, 4, 1), 255, np.uint8)
    found = Stage([parse("invert")], info("uint8", (0, 255), 0), from_pixels=True, into_pixels=True)(frame)
    assert (found == 1).all()


def test_nothing_there_at_all() -> None:
    frame = np.full((24, 24, 1), math.nan, np.float32)
    assert np.isnan(
        Stage([parse("sobel"), parse("median")], info("float32", (0, 1)), from_pixels=True)(frame)
    ).all()


def test_floats_keep_what_lies_beyond_their_range_and_infinities_do_no_harm() -> None:
    frame = np.full((24, 24, 1), 7.5, np.float32)
    stage = Stage([parse("gaussian")], info("float32", (0, 5)), from_pixels=True, into_pixels=True)
    np.testing.assert_allclose(stage(frame), 7.5, rtol=1e-6)
    frame[4, 4] = math.inf
    assert np.isfinite(stage(frame)).all()


def test_signed_answers() -> None:
    ramp = np.linspace(0, 1, 24, dtype=np.float32)[None, :, None].repeat(24, axis=0)
    stage = Stage([parse("sobel_v")], info("float32", (0, 100)), from_pixels=True, into_pixels=True)
    assert stage.info.value_range == (-100, 100)
    np.testing.assert_allclose(stage(ramp * 100)[12, 4:-4], 200 / 23, rtol=1e-4)
    np.testing.assert_allclose(stage(100 - ramp * 100)[12, 4:-4], -200 / 23, rtol=1e-4)
    whole = Stage([parse("sobel_v")], info("uint8", (0, 255)), from_pixels=True, into_pixels=True)
    assert (whole(np.full((24, 24, 1), 9, np.uint8)) == 128).all(), "zero is the middle"
