"""Whole sequences measured clip by clip, and frames out of order."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqimg.data import Batch, Clip, ClipSource, collate
from seqimg.errors import SeqimgError
from seqimg_classify.answers import Scoring, real_frames
from seqimg_classify.protocols import Carried, PooledRival, model_step, shuffled
from tests.classify.clips import batch_of, task_of
from tests.tolerances import STREAMING

TOLERANCE = STREAMING[torch.float32]


def chunks(frames: torch.Tensor, length: int) -> list[Batch]:
    """Cut `[T, C, H, W]` into clips that follow one another, two in a batch, the last padded."""
    clips = []
    for number, first in enumerate(range(0, len(frames), length)):
        some = frames[first : first + length]
        padded = torch.cat([some, some.new_zeros(length - len(some), *some.shape[1:])])
        source = ClipSource("a.mp4", first, view=number, ends=first + length >= len(frames))
        clips.append(Clip(padded, source, label=0, length=len(some)))
    return [collate(clips[place : place + 2]) for place in range(0, len(clips), 2)]


@given(
    st.sampled_from(["rows", "convgru"]),
    st.sampled_from(["last", "mean"]),
    st.booleans(),
    st.integers(1, 5),
    st.integers(2, 11),
)
@settings(max_examples=25, deadline=None)
def test_a_sequence_in_clips_is_answered_as_in_one(
    model: str, answer: str, several: bool, length: int, frames: int
) -> None:
    torch.manual_seed(0)
    task = task_of(model=model, answer=answer, several=several, protocol="streaming")
    network = task.build_model().eval()
    sequence = torch.rand(frames, 3, 12, 16)
    with torch.inference_mode():
        outputs, ends = [], []
        for batch in chunks(sequence, length):
            outputs.append(task.forward(network, batch))
            ends.append(task.expected(batch))
        whole = network(sequence[None])[0]
    wanted = Scoring(answer, several).clips(whole, torch.tensor([frames]))
    assert bool(ends[-1].ends[-1])
    assert sum(int(truth.ends.sum()) for truth in ends) == 1
    found = task._judged().clips(outputs[-1][-1:], ends[-1].lengths[-1:])
    assert (found - wanted).abs().max() < TOLERANCE


@given(st.integers(1, 4), st.integers(1, 9))
@settings(max_examples=15, deadline=None)
def test_the_pooled_rival_averages_over_all_clips(length: int, frames: int) -> None:
    logits = torch.randn(frames, 2, 1, 1)  # a frame's logits are its only values

    def running_mean(some: torch.Tensor) -> torch.Tensor:
        return some[..., 0, 0].cumsum(1) / torch.arange(1, some.shape[1] + 1)[:, None]

    carried = Carried(PooledRival(running_mean), Scoring())
    found = [carried(batch) for batch in chunks(logits, length)]
    last = int(real_frames(chunks(logits, length)[-1])[-1])
    assert torch.allclose(found[-1][-1, last - 1], logits.mean(0)[:, 0, 0], atol=1e-6)


def test_clips_out_of_order_are_an_error() -> None:
    task = task_of(protocol="streaming")
    first, second = chunks(torch.rand(12, 3, 12, 16), 3)
    carried = Carried(model_step(task.build_model().eval()), Scoring())
    carried(first)
    with pytest.raises(SeqimgError, match=r"do not follow one another"):
        carried(replace(second, sources=second.sources[::-1]))


def test_shuffling_keeps_frames_and_padding_and_is_the_same_in_any_batch() -> None:
    batch = batch_of(7, 4)
    found = shuffled(batch)
    assert not torch.equal(found[0], batch.frames[0])
    for item, length in enumerate((7, 4)):
        before, after = (
            set(map(float, frames[item, :length].sum((1, 2, 3)))) for frames in (batch.frames, found)
        )
        assert before == after
    assert not found[1, 4:].any()
    alone = batch_of(7, 4).frames[:1]
    assert torch.equal(shuffled(Batch(alone, batch.sources[:1])), found[:1])
