"""Motion: what is found is what is there, and made clips move as they say."""

from functools import partial

import numpy as np
import pytest
import torch

from seqimg.data import Clip, ClipSource
from seqimg.data.generators import pan
from seqimg_style.flows import long_flow, measured_flow, real_flow, visible
from seqimg_style.motion import chained, motion_between, moved
from seqimg_style.moving import MovedClips, moved_still


def panned(index: int, length: int = 2, side: int = 96) -> tuple[torch.Tensor, torch.Tensor]:
    """A camera's move over a photograph and its exact flow, `[T - 1, 2, H, W]`."""
    sample = pan(index, length=length, size=(side, side), seed=0, split="test")
    assert sample.flow is not None
    frames = torch.from_numpy(sample.frames.transpose(0, 3, 1, 2).copy()).float() / 255
    flow = torch.from_numpy(sample.flow.backward[..., ::-1].transpose(0, 3, 1, 2).copy())
    return frames, flow


@pytest.mark.parametrize("index", range(4))
def test_motion_is_found_to_a_fraction_of_a_pixel(index: int) -> None:
    frames, exact = panned(index)
    found = motion_between(frames[1:], frames[:-1])
    off = (found - exact).norm(dim=1)[:, 12:-12, 12:-12]
    assert float(off.median()) < 0.5
    assert float(exact.norm(dim=1).mean()) > 2 * float(off.median())


def test_nothing_moves_in_equal_frames() -> None:
    frames, _ = panned(0)
    assert float(motion_between(frames, frames).abs().max()) < 1e-4
    assert torch.allclose(moved(frames, torch.zeros(2, 2, 96, 96), sharp=True), frames, atol=1e-5)


def test_moving_fetches_from_where_the_flow_says() -> None:
    picture = torch.arange(20.0).view(1, 1, 4, 5)
    flow = torch.zeros(1, 2, 4, 5)
    flow[:, 0], flow[:, 1] = 1, -2
    assert moved(picture, flow)[0, 0, 1, 3].item() == pytest.approx(picture[0, 0, 2, 1].item())
    assert moved(picture, flow)[0, 0, 3, 0].item() == pytest.approx(picture[0, 0, 3, 0].item())


def test_flows_are_chained_in_the_right_order() -> None:
    later, earlier = torch.zeros(1, 2, 1, 6), torch.zeros(1, 2, 1, 6)
    later[:, 1] = 2
    earlier[:, 1] = torch.arange(6.0)
    assert chained(later, earlier)[0, 1, 0, :4].tolist() == pytest.approx([4, 5, 6, 7])


@pytest.mark.parametrize("seed", range(6))
def test_made_clips_move_as_they_say(seed: int) -> None:
    still, other = panned(2)[0][0], panned(5)[0][0]
    frames, flow = moved_still(still, other, 5, np.random.default_rng(seed))
    assert frames.shape == (5, 3, 96, 96)
    assert flow.shape == (4, 3, 96, 96)
    seen = flow[:, 2:]
    off = ((frames[1:] - moved(frames[:-1], flow[:, :2])).square() * seen).sum() / (3 * seen.sum())
    assert float(off) < 8e-4  # interpolation, and noise of 0.012
    assert 0.6 < float(seen.mean()) <= 1


def test_what_something_passed_in_front_of_was_not_seen() -> None:
    still, other = torch.zeros(3, 64, 64), torch.ones(3, 64, 64)
    for seed in range(20):
        frames, flow = moved_still(still, other, 3, np.random.default_rng(seed))
        off = (frames[1:] - moved(frames[:-1], flow[:, :2])).abs().mean(1)
        wrong = (off > 0.6) & (flow[:, 2] > 0)
        assert not bool(wrong.any()), seed


def test_a_clip_depends_on_seed_and_number_alone() -> None:
    frames, _ = panned(1, length=6)
    clips = [Clip(frames, ClipSource("a", 0)), Clip(frames.flip(-1), ClipSource("b", 0))]

    class Two(list[Clip]):
        owners = (0, 1)

    made = [MovedClips(Two(clips), 4, seed)[1] for seed in (3, 3, 4)]  # type: ignore[arg-type]
    assert torch.equal(made[0].frames, made[1].frames)
    assert not torch.equal(made[0].frames, made[2].frames)
    assert made[0].target is not None
    assert made[0].target.shape == (3, 3, 96, 96)


def test_long_flow_adds_up_and_loses_what_was_hidden_once() -> None:
    step = torch.zeros(1, 3, 3, 4, 8)
    step[:, :, 1], step[:, :, 2] = 1, 1
    step[:, 0, 2, :, 4] = 0
    far = long_flow(step)
    assert far[0, :, 1, 0, 0].tolist() == [1, 2, 3]
    assert far[0, 1, 2, 0].tolist() == [1, 1, 1, 0, 1, 1, 1, 1]


@pytest.mark.parametrize("measure", [real_flow, measured_flow, partial(measured_flow, quick=True)])
def test_real_flow_is_near_the_exact_one(measure: object) -> None:
    assert callable(measure)
    frames, exact = panned(0, length=2, side=64)
    flow = measure(frames)
    seen = flow[:, 2] > 0
    off = (flow[:, :2] - exact).norm(dim=1)
    assert float(seen.float().mean()) > 0.5
    assert float(off[seen].median()) < 0.6


def test_nothing_is_followed_into_another_scene() -> None:
    """There some pixels agree by chance, and a picture that rightly begins anew would count as flicker."""
    (here, moved_on), _ = panned(0, length=2, side=96)
    (there, _), _ = panned(1, length=2, side=96)
    flow = measured_flow(torch.stack([here, moved_on, there]))
    assert float(flow[0, 2].mean()) > 0.5
    assert float(flow[1, 2].max()) == 0


def test_small_steps_of_a_flow_are_no_boundaries() -> None:
    """TV-L1's flow is made of flat pieces: a slow zoom is followed everywhere, what moves against the rest is not."""
    place = torch.arange(48.0) / 48
    steps = (place * 8).round()[None, None, None].expand(1, 1, 48, 48) / 8
    zoom = torch.cat([torch.zeros_like(steps), steps], dim=1)
    assert float(visible(zoom, -zoom)[..., 2:-2].min()) == 1
    against = zoom.clone()
    against[:, 1, :, 24:] -= 2
    found = visible(against, -against)[0, 0]
    assert float(found[:, 22:26].max()) == 0
    assert float(found[:, 30:44].min()) == 1
