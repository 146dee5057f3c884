"""The layer: any split of a clip gives the same numbers; what does not fit is refused by name."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqimg.errors import SeqimgError, UnavailableError, UsageError
from seqimg.nn import ConvGRU, ConvRNN, crop_to, pad_to_multiple
from tests.tolerances import STREAMING, relative_error


@given(
    frames=st.integers(1, 6),
    cuts=st.sets(st.integers(1, 5)),
    widths=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    x=st.integers(0, 3),
    size=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    reset=st.sampled_from(["before", "after"]),
    dtype=st.sampled_from([torch.float64, torch.float32]),
)
@settings(max_examples=40, deadline=None)
def test_any_split_of_a_clip_gives_the_same(
    frames: int,
    cuts: set[int],
    widths: list[int],
    x: int,
    size: tuple[int, int],
    reset: str,
    dtype: torch.dtype,
) -> None:
    torch.manual_seed(0)
    layer = ConvRNN(x, widths, reset=reset).to(dtype)
    clip = torch.randn(2, frames, x, *size, dtype=dtype)
    whole, last = layer(clip)
    edges = [0, *sorted(cut for cut in cuts if cut < frames), frames]
    pieces, state = [], None
    for start, stop in pairwise(edges):
        piece, state = layer(clip[:, start:stop], state)
        pieces.append(piece)
    assert relative_error(torch.cat(pieces, dim=1), whole) < STREAMING[dtype]
    assert state is not None
    for found, wanted in zip(state, last, strict=True):
        assert relative_error(found, wanted) < STREAMING[dtype]


def test_gradients_reach_the_first_state_and_every_weight() -> None:
    layer = ConvGRU(2, [3, 3], reset="after")
    clip = torch.randn(1, 4, 2, 5, 5, requires_grad=True)
    state = tuple(zeros.requires_grad_() for zeros in layer.initial_state(clip))
    _, last = layer(clip, state)
    last[-1].square().sum().backward()
    for tensor in (clip, *state, *layer.parameters()):
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all()
        assert tensor.grad.abs().sum() > 0


def test_weights_have_their_canonical_names_and_shapes() -> None:
    shapes = {
        name: tuple(tensor.shape) for name, tensor in ConvGRU(2, [3, 4], reset="after").state_dict().items()
    }
    assert shapes == {
        "levels.0.weight_x": (9, 2, 3, 3),
        "levels.0.weight_h": (9, 3, 3, 3),
        "levels.0.bias_x": (9,),
        "levels.0.bias_h": (9,),
        "levels.1.weight_x": (12, 3, 3, 3),
        "levels.1.weight_h": (12, 4, 3, 3),
        "levels.1.bias_x": (12,),
        "levels.1.bias_h": (12,),
    }


@pytest.mark.parametrize(
    ("clip", "named"),
    [
        (torch.zeros(2, 3, 8, 8), "unsqueeze"),
        (torch.zeros(2, 0, 3, 8, 8), "at least one frame"),
        (torch.zeros(2, 4, 1, 8, 8), "3 input channels, the frames have 1"),
    ],
)
def test_frames_that_do_not_fit_are_refused(clip: torch.Tensor, named: str) -> None:
    with pytest.raises(SeqimgError, match=named):
        ConvGRU(3, 4)(clip)


@pytest.mark.parametrize(
    ("state", "named"),
    [
        ((), "has 0 levels"),
        ((torch.zeros(1, 4, 9, 8),), "these frames need"),
        ((torch.zeros(1, 4, 8, 8, dtype=torch.float64),), "float64"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(state: tuple[torch.Tensor, ...], named: str) -> None:
    with pytest.raises(SeqimgError, match=named):
        ConvGRU(3, 4)(torch.zeros(1, 2, 3, 8, 8), state)


def test_unknown_cells_and_options_are_refused_with_the_nearest() -> None:
    with pytest.raises(UnavailableError, match="conv_gru"):
        ConvRNN(3, 4, cell="conv_gur")
    with pytest.raises(UsageError, match="peephole"):
        ConvRNN(3, 4, peephole=True)
    with pytest.raises(UsageError, match="at least one level"):
        ConvRNN(3, [])


@given(height=st.integers(1, 20), width=st.integers(1, 20), multiple=st.integers(1, 9))
def test_padding_is_undone_by_cropping(height: int, width: int, multiple: int) -> None:
    frames = torch.rand(1, 2, height, width)
    padded = pad_to_multiple(frames, multiple)
    assert padded.shape[-2] % multiple == padded.shape[-1] % multiple == 0
    assert torch.equal(crop_to(padded, (height, width)), frames)
