"""A model plus its state: what it remembers, and when it begins anew."""

import pytest
import torch
from torch import Tensor, nn

from seqimg.errors import SeqimgError, UsageError
from seqimg.nn import ConvGRU
from seqimg.streaming import Stream, Streams


class Counting(nn.Module):
    """Says how many frames it remembers."""

    def forward(self, frames: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        before = frames.new_zeros(len(frames)) if state is None else state
        after = before + frames.shape[1]
        return after[:, None], after


def frames(count: int, *size: int) -> Tensor:
    return torch.rand(count, *(size or (3, 16, 12)), generator=torch.Generator().manual_seed(count))


def test_single_steps_are_the_whole_clip() -> None:
    layer, clip = ConvGRU(3, (4, 5)), frames(6)
    with torch.inference_mode():
        whole = layer(clip[None])[0]
    stream = Stream(layer)
    torch.testing.assert_close(torch.cat(list(stream.run(clip)), dim=1), whole, rtol=0, atol=1e-5)
    assert (stream.age, stream.frames_seen, stream.last_reset) == (6, 6, None)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (frames(1, 3, 8, 12)[0], "frames of 12×8 pixels after 12×16"),
        (frames(1, 1, 16, 12)[0], "frames of 1 channels after 3"),
        (frames(1).double()[0], "frames of float64 after float32"),
    ],
)
def test_other_frames_begin_anew(other: Tensor, reason: str) -> None:
    stream = Stream(Counting())
    assert [int(stream.step(frame)) for frame in frames(3)] == [1, 2, 3]
    assert int(stream.step(other)) == 1
    assert stream.last_reset is not None
    assert (stream.last_reset.frame, stream.last_reset.reason) == (3, reason)
    assert (stream.age, stream.frames_seen, stream.resets) == (1, 4, 1)
    assert int(stream.step(other)) == 2


def test_without_memory_every_frame_is_the_first() -> None:
    stream = Stream(Counting(), remember=False)
    assert [int(stream.step(frame)) for frame in frames(3)] == [1, 1, 1]
    assert stream.state is not None
    assert stream.age == 3
    stream.remember = True
    assert int(stream.step(frames(1)[0])) == 2


def test_frames_are_gathered_since_the_last_reset() -> None:
    clip = frames(5)
    clip[1, 0, 0, 0] = torch.nan
    stream = Stream(Counting(), gap=1)
    found = [stream.gather(frame, 2, pts / 25) for pts, frame in enumerate(clip)]
    assert torch.equal(found[-1], clip[None, 3:])
    assert torch.equal(found[1], clip[None, :2].nan_to_num(0))
    assert [one.shape[1] for one in found] == [1, 2, 2, 2, 2]
    assert (stream.age, stream.frames_seen) == (5, 5)
    assert stream.gather(clip[0], 2, 10.0).shape[1] == stream.age == 1
    bare = Stream(Counting(), remember=False)
    assert [bare.gather(frame, 2).shape[1] for frame in clip] == [1] * 5


def test_times_rise() -> None:
    stream, frame = Stream(Counting()), frames(1)[0]
    stream.step(frame, 0.5)
    stream.step(frame)
    for pts in (0.5, 0.4, float("nan"), float("inf")):
        with pytest.raises(SeqimgError, match="comes at"):
            stream.step(frame, pts)
    assert int(stream.step(frame, 0.6)) == 3
    stream.reset("another file")
    assert int(stream.step(frame, 0.0)) == 1
    assert stream.last_reset is not None
    assert (stream.last_reset.frame, stream.last_reset.reason) == (3, "another file")


def test_missing_values_are_the_lower_end() -> None:
    layer, frame = ConvGRU(3, 4), frames(1)[0]
    holed, black = frame.clone(), frame.clone()
    holed[:, :4], black[:, :4] = torch.nan, 0
    torch.testing.assert_close(Stream(layer).step(holed), Stream(layer).step(black), rtol=0, atol=0)


def test_a_pause_begins_anew_only_where_asked_for() -> None:
    frame = frames(1)[0]
    for gap, ages in ((None, [1, 2, 3]), (1.0, [1, 2, 1]), (3.0, [1, 2, 3])):
        stream = Stream(Counting(), gap=gap)
        assert [int(stream.step(frame, pts)) for pts in (0.0, 0.5, 2.5)] == ages
        assert (stream.last_reset is None) == (gap != 1.0)
    assert Stream(Counting(), gap=0.1).last_reset is None


def test_a_cut_begins_anew_where_asked_for() -> None:
    one, other = torch.rand(2, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    shots = [one, one, other, other, one]
    stream = Stream(Counting(), cuts=True)
    assert [int(stream.step(frame)) for frame in shots] == [1, 2, 1, 2, 1]
    assert stream.last_reset is not None
    assert (stream.last_reset.frame, stream.last_reset.reason, stream.resets) == (4, "a cut", 2)
    assert [int(Stream(Counting()).step(frame)) for frame in shots[:1]] == [1]


def test_outputs_come_with_their_time_and_with_resets() -> None:
    one, small = frames(1)[0], frames(1, 3, 8, 8)[0]
    stream = Stream(Counting())
    found = list(stream.timed([(one, 0.0), (one, 0.04), (small, 0.08)]))
    assert [(output.frame, output.pts, int(output.outputs)) for output in found] == [
        (0, 0.0, 1),
        (1, 0.04, 2),
        (2, 0.08, 1),
    ]
    assert [output.reset for output in found] == [None, None, "frames of 8×8 pixels after 12×16"]


def test_leaving_the_block_forgets() -> None:
    with Stream(Counting()) as stream:
        stream.step(frames(1)[0])
    assert stream.state is None
    assert stream.age == 0


def test_streams_check_times_before_anything_is_stepped() -> None:
    streams, frame = Streams[int](Counting()), frames(1)[0]
    streams.step({0: frame, 1: frame}, {0: 1.0, 1: 1.0})
    with pytest.raises(SeqimgError, match="comes at"):
        streams.step({0: frame, 1: frame, 2: frame}, {0: 2.0, 1: 1.0})
    assert [streams[name].age for name in streams] == [1, 1]
    assert len(streams) == 2
    with pytest.raises(UsageError, match="no frame"):
        streams.step({0: frame}, {7: 1.0})


def test_a_state_that_is_not_batch_first_is_refused() -> None:
    class TimeFirst(nn.Module):
        def forward(self, clip: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
            return clip, clip.transpose(0, 1)

    frame = frames(1)[0]
    with pytest.raises(SeqimgError, match="cannot be divided"):
        Streams[int](TimeFirst()).step({0: frame, 1: frame})
