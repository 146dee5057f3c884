"""The network: any size, the same frame by frame, still where the source is still."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqimg.errors import SeqimgError
from seqimg.streaming import Stream
from seqimg_style.memory import Memory
from seqimg_style.model import Restyler, colours
from seqimg_style.motion import local_mean
from seqimg_style.painter import Painter
from tests.predict.clips import drifting


def stirred(styles: int = 1) -> Restyler:
    """A network whose every part does something, as after training."""
    torch.manual_seed(1)
    model = Restyler([(16, 16)] * styles, width=8, blocks=1, state=4)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    return model.eval()


@torch.inference_mode()
@pytest.mark.parametrize("cuts", [(3,), (1, 2, 3, 4, 5)])
def test_pieces_of_a_clip_are_the_clip(cuts: tuple[int, ...]) -> None:
    model, clip = stirred(), drifting(2, 6, 3, (29, 37))
    whole, _ = model(clip)
    found, state = [], None
    for piece in torch.tensor_split(clip, list(cuts), dim=1):
        outputs, state = model(piece, state)
        found.append(outputs)
    assert torch.allclose(torch.cat(found, 1), whole, atol=1e-5)


@torch.inference_mode()
def test_a_stream_is_the_clip() -> None:
    model, clip = stirred(), drifting(1, 5, 3, (24, 30))
    stream = Stream(model)
    outputs = torch.cat([stream.step(frame) for frame in clip[0]], dim=1)
    assert torch.allclose(outputs, model(clip)[0], atol=1e-5)


@torch.inference_mode()
@settings(max_examples=15, deadline=None)
@given(st.integers(1, 41), st.integers(1, 41), st.sampled_from([1, 3]))
def test_results_have_the_size_of_the_source(height: int, width: int, channels: int) -> None:
    outputs, _ = stirred()(torch.rand(1, 3, channels, height, width))
    assert outputs.shape == (1, 3, 6, height, width)
    assert bool(outputs.isfinite().all())
    assert 0 <= float(outputs.min()) <= float(outputs.max()) <= 1


@torch.inference_mode()
def test_a_still_source_is_still() -> None:
    model, clip = stirred(), drifting(1, 3, 3, (40, 52))
    frames = torch.cat([clip, clip[:, -1:].expand(-1, 12, -1, -1, -1)], dim=1)
    results = model(frames)[0][0, :, :3]
    moving = (results[2] - results[1]).abs().max()
    assert float(moving) > 1 / 255
    assert float((results[4:] - results[3:-1]).abs().max()) < 1e-4


@torch.inference_mode()
def test_the_first_frame_is_painted_by_itself() -> None:
    outputs, _ = stirred()(drifting(1, 2, 3, (24, 30)))
    assert torch.equal(outputs[:, 0, :3], outputs[:, 0, 3:])
    assert not torch.allclose(outputs[:, 1, :3], outputs[:, 1, 3:], atol=1e-3)


@torch.inference_mode()
def test_without_memory_every_frame_is_for_itself() -> None:
    model = stirred()
    model.remembers = False
    outputs, _ = model(drifting(1, 4, 3, (24, 30)))
    assert torch.equal(outputs[:, :, :3], outputs[:, :, 3:])


@torch.inference_mode()
def test_grey_is_seen_as_colour() -> None:
    model, grey = stirred(), drifting(1, 3, 1, (24, 30))
    assert torch.allclose(model(grey)[0], model(grey.expand(-1, -1, 3, -1, -1))[0], atol=1e-5)


def test_frames_without_colours_are_refused() -> None:
    with pytest.raises(SeqimgError, match="cannot be restyled"):
        stirred()(torch.rand(1, 2, 5, 24, 30))
    with pytest.raises(SeqimgError, match="cannot be restyled"):
        colours(torch.rand(3, 8, 8))


def test_a_state_of_another_size_is_refused() -> None:
    model = stirred()
    _, state = model(torch.rand(1, 1, 3, 24, 30))
    with pytest.raises(SeqimgError, match="the frames before were"):
        model(torch.rand(1, 1, 3, 24, 32), state)


def test_gradients_go_back_through_all_frames() -> None:
    torch.manual_seed(0)
    memory, clip = Memory(4), drifting(1, 5, 3, (16, 20))
    painted = clip.flip(-1).clone().requires_grad_()
    past = None
    for frame, made in zip(clip.unbind(1), painted.unbind(1), strict=True):
        result, past = memory(frame, made, past)
    result.square().sum().backward()
    assert painted.grad is not None
    reached = painted.grad.abs().amax((0, 2, 3, 4))
    assert bool((reached > 0).all()), reached


@torch.inference_mode()
def test_no_style_at_all_is_the_picture_itself() -> None:
    model, clip = stirred(2), drifting(1, 4, 3, (21, 30))
    for strength, equal in ((0.0, True), (0.4, False)):
        model.amounts = torch.tensor([strength, 0.0])
        outputs, _ = model(clip)
        assert torch.allclose(outputs[:, :, :3], clip, atol=1e-6) == equal


def test_each_style_has_its_own_say_in_a_mixture() -> None:
    painter, picture = stirred(2).painter, torch.rand(1, 3, 24, 24)
    assert isinstance(painter, Painter)
    one, other, both = (
        painter(picture, torch.tensor([shares])) for shares in ([1.0, 0.0], [0.0, 1.0], [0.5, 0.5])
    )
    assert not torch.allclose(one, other, atol=1e-3)
    assert not torch.allclose(both, one, atol=1e-3)


@torch.inference_mode()
def test_small_jumps_pass_and_great_ones_are_cut_down() -> None:
    """g = q max(0, 1 - j / jump): of a running mean both would pass by the same share."""
    memory = Memory(4)
    before = torch.full((1, 3, 24, 24), 0.4)
    frame = before + 0.004  # enough for frames not to stand still, and little enough to match

    def passed(jump: float) -> float:
        _, past = memory(before, before, None)
        result, _ = memory(frame, before + jump, past)
        return float((result - before).mean() / jump)

    going = passed(0.02)
    assert 0.5 < going < 1  # what is let through whole
    assert passed(0.01) == pytest.approx(going, rel=1e-3)
    assert passed(0.1) < 0.5 * going
    assert passed(0.3) < 0.25 * going
    assert passed(0.3) * 0.3 > going * 0.02  # but a great jump is still a jump


@torch.inference_mode()
def test_strokes_move_with_the_plain_thing_they_are_on() -> None:
    """Inside it nothing can be seen to move; that standing still would explain it is no reason to stay behind."""
    generator = torch.Generator().manual_seed(0)
    frame = local_mean(torch.rand(1, 3, 96, 96, generator=generator), 5)
    frame[:, :, 34:62, 34:62] = 0.5
    strokes = local_mean(torch.rand(1, 3, 96, 96, generator=generator), 3)
    after, memory = frame.roll(2, dims=-1), Memory(4)
    _, past = memory(frame, strokes, None)
    result, _ = memory(after, strokes, past)  # strokes of single frames stay on the grid they are painted on
    inside = (..., slice(40, 56), slice(44, 56))
    carried, left = ((result - each)[inside].abs().mean() for each in (strokes.roll(2, dims=-1), strokes))
    assert float(carried) < 0.5 * float(left)
