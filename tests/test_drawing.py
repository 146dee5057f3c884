"""Words and boxes drawn into frames."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqimg.drawing import colour_of, outline, write


@settings(max_examples=30, deadline=None)
@given(
    channels=st.sampled_from([1, 2, 3, 4, 40]),
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    text=st.text(max_size=30),
    at=st.tuples(st.integers(-20, 120), st.integers(-20, 120)),
)
def test_words_fit_any_frame(channels: int, height: int, width: int, text: str, at: tuple[int, int]) -> None:
    frame = torch.full((channels, height, width), 0.5)
    written = write(frame, text, at=at)
    assert written.shape == frame.shape
    assert bool((written >= 0).all() and (written <= 1 + 1e-6).all())
    assert bool((frame == 0.5).all())  # the frame given stays as it was


@pytest.mark.parametrize("channels", [1, 3, 4, 40])
def test_words_are_bright_on_a_dark_plate(channels: int) -> None:
    written = write(torch.full((channels, 60, 100), 0.8), "Il walks\n0.93")
    colours = written[:3]
    assert colours.max() > 0.9
    assert 0.01 < (colours < 0.35).float().mean() < 0.6
    assert bool((written[:, 50:] == 0.8).all())


def test_a_fourth_channel_is_opaque_under_the_words() -> None:
    alpha = write(torch.zeros(4, 60, 100), "words")[3]
    assert alpha[8:12, 8:12].min() > 0.6
    assert alpha[50:].max() == 0


def test_words_grow_with_the_frame() -> None:
    def height(side: int) -> int:
        return int((write(torch.ones(1, side, side), "One")[0] < 0.5).any(1).sum())

    assert 10 <= height(112) <= 20
    assert height(1080) > 2.5 * height(112)


def test_long_lines_are_cut_and_stay_inside() -> None:
    written = write(torch.ones(1, 40, 50), "a very long name of a class that nobody can read")
    assert bool((written[0, :, :3] == 1).all() or (written[0] < 0.5).any())
    assert (written[0] < 0.5).any(0).sum() <= 50


def test_missing_values_are_covered_and_others_stay() -> None:
    frame = torch.full((1, 60, 80), torch.nan)
    written = write(frame, "Il")
    assert bool(torch.isfinite(written[0, 5:12, 5:9]).all())
    assert bool(torch.isnan(written[0, 50:]).all())


def test_boxes_keep_their_inside_and_their_colour() -> None:
    frame = torch.zeros(3, 50, 60)
    drawn = outline(frame, torch.tensor([[10.0, 20, 30, 40]]), [(1.0, 0.0, 0.0)])
    assert drawn[:, 20, 10:30].T.unique(dim=0).tolist() == [[1, 0, 0]]
    assert drawn[:, 39, 10:30].T.unique(dim=0).tolist() == [[1, 0, 0]]
    assert not drawn[:, 21:39, 11:29].any()
    assert not drawn[:, 40:].any()
    assert not frame.any()


def test_captions_stay_inside_and_above_their_boxes() -> None:
    frame = torch.zeros(3, 112, 112)
    boxes = torch.tensor([[40.0, 50, 80, 90], [100, -5, 130, 20], [-50, -50, -10, -10]])
    drawn = outline(frame, boxes, captions=["dog 0.9", "cat", "far away"])
    assert drawn[:, 36:50, 40:50].any()
    assert drawn[:, 0:12, 80:112].any()
    assert not drawn[:, :14, :30].any()  # the third is beyond the frame
    one = outline(frame, boxes[:1], [colour_of(3)])
    assert bool((one.amax((1, 2)) == torch.tensor(colour_of(3))).all())


@settings(max_examples=30, deadline=None)
@given(
    boxes=st.lists(st.tuples(*[st.floats(-(2**40), 2**40, width=32)] * 4), max_size=4),
    channels=st.sampled_from([1, 3, 4, 40]),
)
def test_any_finite_box_can_be_drawn(boxes: list[tuple[float, ...]], channels: int) -> None:
    corners = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    drawn = outline(torch.zeros(channels, 20, 30), corners, captions=["name"] * len(boxes))
    assert drawn.shape == (channels, 20, 30)
    assert bool(torch.isfinite(drawn).all())


def test_what_does_not_fit_together_is_refused() -> None:
    frame, corners = torch.zeros(3, 20, 20), torch.tensor([[1.0, 1, 5, 5]] * 3)
    with pytest.raises(ValueError, match="3 boxes, 2 colours"):
        outline(frame, corners, [(1, 1, 1)] * 2)
    with pytest.raises(ValueError, match="finite"):
        outline(frame, corners * torch.nan)
