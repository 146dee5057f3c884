"""Transforms of whole clips: one draw a clip, boxes and masks that move along, the same result for the same rng."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqimg.data import Boxes, Clip, ClipSource, Transformed, collate
from seqimg.data.transforms import (
    Colour,
    Compose,
    Crop,
    Cutout,
    DropFrames,
    Flip,
    Mixup,
    Noise,
    Resize,
    Reverse,
    Rotate,
    Sometimes,
    Transform,
)
from seqimg.errors import SeqimgError, UsageError

GEOMETRIC: list[Transform] = [
    Crop((9, 7)),
    Crop((9, 7), "middle"),
    Crop((8, 8), "three", 2),
    Crop((8, 8), "five", 4),
    Resize((17, 33)),
    Resize(11),
    Flip("sideways", 1.0),
    Flip("upside-down", 1.0),
    Rotate(180),
    Reverse(1.0),
    DropFrames(0.5),
    Compose((Flip(), Rotate(30), Crop((12, 12)), Resize((20, 24)), Reverse())),
]
EVERY: list[Transform] = [
    *GEOMETRIC,
    Colour(0.4, 0.4, 0.4, 0.3),
    Noise(0.1),
    Cutout(0.5),
    Sometimes(Flip(), 0.5),
]


def _clip(frames: int = 3, size: tuple[int, int] = (16, 20), channels: int = 3, seed: int = 0) -> Clip:
    """Noise with a mask and a box that wanders."""
    rng = np.random.default_rng(seed)
    pixels = torch.from_numpy(rng.random((frames, channels, *size), np.float32))
    mask = torch.from_numpy(rng.random((frames, channels, *size)) > 0.2)
    boxes = Boxes.of([[0, 0, 1, 1]] * frames, range(frames), range(frames))
    return Clip(pixels.masked_fill(~mask, 0), ClipSource("clip", 5), mask=mask, label=1, boxes=boxes)


def _same(one: Clip, other: Clip) -> bool:
    return (
        torch.equal(one.frames, other.frames)
        and one.source == other.source
        and (one.mask is None) == (other.mask is None)
        and (one.mask is None or torch.equal(one.mask, other.mask))
        and torch.equal(one.boxes.corners, other.boxes.corners)
        and torch.equal(one.boxes.frames, other.boxes.frames)
    )


@settings(deadline=None, max_examples=60)
@given(
    change=st.sampled_from(GEOMETRIC),
    size=st.tuples(st.integers(10, 32), st.integers(10, 32)),
    place=st.tuples(st.floats(0, 0.9), st.floats(0, 0.9), st.floats(0.1, 1), st.floats(0.1, 1)),
    seed=st.integers(0, 1000),
)
def test_a_box_still_encloses_what_it_was_drawn_around(
    change: Transform, size: tuple[int, int], place: tuple[float, float, float, float], seed: int
) -> None:
    """A bright rectangle on black; after the change every bright pixel lies in the box of its frame."""
    top, left = int(place[0] * size[0]), int(place[1] * size[1])
    bottom = min(size[0], top + max(3, int(place[2] * size[0])))
    right = min(size[1], left + max(3, int(place[3] * size[1])))
    frames = torch.zeros(4, 1, *size)
    frames[1:, :, top:bottom, left:right] = 1
    boxes = Boxes.of([[left, top, right, bottom]] * 3, [1, 2, 3], [4, 4, 4])
    changed = change(Clip(frames, ClipSource("a", 0), boxes=boxes), np.random.default_rng(seed))
    assert changed.boxes is not None
    height, width = changed.frames.shape[-2:]
    down, across = 0.51, 0.51
    if isinstance(change, Compose):
        # A turned edge lies between pixels. Those that are enlarged afterwards, 12 at most, are above 0.6 up to 0.4 of
        # one beyond the middle of the last bright one.
        down, across = (
            0.51 + 0.4 * side / min(before, 12) for side, before in zip((20, 24), size, strict=True)
        )
    for number, picture in enumerate(changed.frames[:, 0]):
        rows, columns = torch.nonzero(picture > 0.6, as_tuple=True)
        corners = changed.boxes.in_frame(number).corners
        assert len(corners) <= 1
        if len(rows):
            assert len(corners) == 1
            box = corners[0].tolist()
            assert box[0] - across <= columns.min()
            assert columns.max() + 1 <= box[2] + across
            assert box[1] - down <= rows.min()
            assert rows.max() + 1 <= box[3] + down
        if len(corners):
            assert corners.min() >= 0
            assert corners[0, 2] <= width
            assert corners[0, 3] <= height


@settings(deadline=None, max_examples=60)
@given(
    change=st.sampled_from(EVERY),
    frames=st.integers(1, 4),
    size=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    seed=st.integers(0, 1000),
)
def test_the_same_rng_gives_the_same_clip_of_any_size(
    change: Transform, frames: int, size: tuple[int, int], seed: int
) -> None:
    clip = _clip(frames, size)
    kept = replace(clip, frames=clip.frames.clone())
    one, other = (change(clip, np.random.default_rng(seed)) for _ in range(2))
    assert _same(one, other)
    assert _same(clip, kept)  # the one given stays as it is
    assert len(one.frames) == frames
    assert one.frames.isfinite().all()
    assert one.frames.min() >= 0
    assert one.frames.max() <= 1 + 1e-5
    if one.mask is not None:
        assert one.mask.shape == one.frames.shape
        assert not one.frames[~one.mask].any()


@pytest.mark.parametrize("change", [Flip(share=0.5), Rotate(90), Crop((3, 3)), Cutout(0.9)])
def test_one_draw_holds_for_all_frames(change: Transform) -> None:
    still = replace(_clip(5), mask=None)
    still = replace(still, frames=still.frames[:1].expand(5, -1, -1, -1).contiguous())
    for seed in range(10):
        frames = change(still, np.random.default_rng(seed)).frames
        assert all(torch.equal(frame, frames[0]) for frame in frames)


def test_flips_and_reverse_undo_themselves() -> None:
    clip, rng = _clip(), np.random.default_rng(0)
    for change in (Flip("sideways", 1.0), Flip("upside-down", 1.0)):
        assert _same(change(change(clip, rng), rng), clip)
    back = Reverse(1.0)(clip, rng)
    assert back.source.indices == (7, 6, 5)
    assert torch.equal(back.frames, clip.frames.flip(0))
    assert torch.equal(Reverse(1.0)(back, rng).frames, clip.frames)


def test_padding_stays_at_the_end() -> None:
    clip = replace(_clip(5), mask=None, length=3)
    back = Reverse(1.0)(clip, np.random.default_rng(0))
    assert torch.equal(back.frames[:3], clip.frames[:3].flip(0))
    assert torch.equal(back.frames[3:], clip.frames[3:])


def test_no_turn_changes_nothing_and_a_quarter_turn_is_exact() -> None:
    clip = replace(_clip(2, (9, 9)), mask=None)
    assert torch.allclose(Rotate(0)(clip, np.random.default_rng(0)).frames, clip.frames, atol=1e-5)

    class Quarter(np.random.Generator):
        def uniform(self, *_: object) -> float:  # type: ignore[override]
            return 90.0

    turned = Rotate(180)(clip, Quarter(np.random.PCG64(0)))
    assert torch.allclose(turned.frames, clip.frames.rot90(-1, (-2, -1)), atol=1e-4)
    corner = turned.boxes.in_frame(0).corners[0]
    assert torch.allclose(corner, torch.tensor([8.0, 0.0, 9.0, 1.0]), atol=1e-4)


def test_a_box_with_nothing_left_is_dropped() -> None:
    boxes = Boxes.of([[0, 0, 2, 2], [0, 0, 20, 2]], [0, 1], [3, 8])
    clip = Clip(torch.zeros(2, 1, 4, 20), ClipSource("a", 0), boxes=boxes)
    cut = Crop((4, 4), "three", 2)(clip, np.random.default_rng(0)).boxes
    assert cut.ids.tolist() == [8]
    assert cut.corners.tolist() == [[0, 0, 4, 2]]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(SeqimgError, match="1 channels, not red, green and blue"):
        Colour()(_clip(channels=1), np.random.default_rng(0))
    for make in (lambda: Rotate(200), lambda: Crop((0, 3)), lambda: Colour(hue=2), lambda: DropFrames(-1)):
        with pytest.raises(UsageError):
            make()

    class Clips:
        owners = (0,)

        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: int) -> Clip:
            return _clip()

    assert len(Transformed(Clips(), Flip(), 0)) == 1
    with pytest.raises(UsageError, match="does not keep labels"):
        Transformed(Clips(), Flip(), 0, labels=True)
    kept = Transformed(Clips(), Compose((Noise(), Crop((4, 4)))), 0, labels=True)
    assert _same(kept[3], kept[3])
    assert not torch.equal(kept[3].frames, kept[4].frames)


def test_hue_keeps_greys_and_turns_colours_into_each_other() -> None:
    red = torch.zeros(1, 3, 1, 1)
    red[:, 0] = 0.9
    from seqimg.data.transforms.colour import _hue

    third = torch.einsum("dc,tchw->tdhw", _hue(1 / 3), red).flatten()
    assert torch.allclose(third, torch.tensor([0.0, 0.9, 0.0]), atol=1e-6)
    grey = torch.full((1, 3, 1, 1), 0.4)
    assert torch.allclose(torch.einsum("dc,tchw->tdhw", _hue(0.2), grey), grey, atol=1e-6)


def test_mixup_blends_labels_as_it_blends_frames() -> None:
    clips = [replace(_clip(seed=n, frames=n + 1), boxes=None, label=n, mask=None) for n in range(3)]
    batch = collate(clips)
    mixed = Mixup(classes=4, alpha=1.0)(batch, np.random.default_rng(2))
    assert torch.allclose(mixed.labels.sum(1), torch.ones(3))
    assert (mixed.lengths >= batch.lengths).all()
    share = mixed.labels.max(1).values
    assert ((share > 0) & (share <= 1)).all()
    for number in range(3):
        blend = sum(mixed.labels[number, other] * batch.frames[other] for other in range(3))
        assert torch.allclose(mixed.frames[number], blend, atol=1e-5)
    with pytest.raises(SeqimgError, match="one class a clip"):
        Mixup(3)(collate([replace(clip, label=None) for clip in clips]), np.random.default_rng(0))


def test_batches_hold_masks_boxes_and_lengths_of_clips_of_any_length() -> None:
    clips = [_clip(frames=2), replace(_clip(frames=4), mask=None)]
    batch = collate(clips)
    assert batch.lengths.tolist() == [2, 4]
    assert not batch.mask[0, 2:].any()
    assert batch.mask[1].all()
    assert torch.equal(batch.mask[0, :2], clips[0].mask)
    assert batch.labels.tolist() == [1, 1]
    assert len(batch.boxes) == 2
    assert torch.equal(batch.valid(), batch.mask)
    with pytest.raises(SeqimgError, match="do not go into one batch"):
        collate([_clip(), _clip(size=(8, 8))])
