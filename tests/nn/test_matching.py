"""Block matching against loops, and what counts as a scene cut."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqimg.nn.matching import is_cut, matching_costs, matching_scores
from tests.predict.clips import drifting
from tests.tolerances import relative_error


def _by_loops(frame: np.ndarray, before: np.ndarray, reach: int, patch: int) -> np.ndarray:
    """The same costs, `[D, h, w]`, from the words of the documentation."""
    height, width = frame.shape[1:]
    margin = (patch + 1) // 2
    costs = []
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            rows = np.clip(np.arange(height) + dy, 0, height - 1)
            columns = np.clip(np.arange(width) + dx, 0, width - 1)
            squares = ((frame - before[:, rows][:, :, columns]) ** 2).mean(axis=0)
            costs.append(
                [
                    [
                        squares[
                            max(0, top - margin) : top + patch + margin,
                            max(0, left - margin) : left + patch + margin,
                        ].mean()
                        for left in range(0, width, patch)
                    ]
                    for top in range(0, height, patch)
                ]
            )
    return np.array(costs)


@given(
    patch=st.integers(1, 4),
    cells=st.tuples(st.integers(1, 3), st.integers(1, 4)),
    channels=st.integers(1, 3),
    reach=st.integers(1, 2),
)
@settings(max_examples=15, deadline=None)
def test_costs_are_mean_squared_differences_of_patches(
    patch: int, cells: tuple[int, int], channels: int, reach: int
) -> None:
    size = (patch * cells[0], patch * cells[1])
    generator = torch.Generator().manual_seed(patch)
    frame, before = torch.rand(2, 1, channels, *size, generator=generator, dtype=torch.float64)
    found = matching_costs(frame, before, reach=reach, patch=patch)
    wanted = _by_loops(frame[0].numpy(), before[0].numpy(), reach, patch)
    assert relative_error(found[0], torch.from_numpy(wanted)) < 1e-12


@pytest.mark.parametrize(("down", "across"), [(0, 0), (2, -1), (-3, 3)])
def test_the_likeliest_displacement_is_where_the_picture_came_from(down: int, across: int) -> None:
    generator = torch.Generator().manual_seed(0)
    scene = torch.rand(1, 1, 60, 60, generator=generator)
    before, now = scene[..., 10:42, 10:42], scene[..., 10 + down : 42 + down, 10 + across : 42 + across]
    scores = matching_scores(matching_costs(now, before, reach=3, patch=4), torch.tensor(8.0))
    inner = scores[0, :, 1:-1, 1:-1].argmax(0)
    assert (inner == (down + 3) * 7 + across + 3).all()


def test_scores_do_not_depend_on_contrast() -> None:
    now, before = drifting(1, 2, size=(16, 16))[0].split(1)
    scores = [
        matching_scores(matching_costs(c * now, c * before, reach=2, patch=4), torch.tensor(4.0))
        for c in (1.0, 0.7)
    ]
    assert relative_error(scores[1], scores[0]) < 0.05
    flat = matching_scores(torch.zeros(1, 25, 2, 2), torch.tensor(4.0))
    assert torch.allclose(flat.square().sum(1), torch.ones(1, 2, 2))


def _cut(now: torch.Tensor, before: torch.Tensor) -> bool:
    return bool(is_cut(matching_costs(now[None], before[None], reach=3, patch=4), now[None]))


def test_motion_noise_and_fades_are_no_cuts_but_another_scene_is() -> None:
    clip = drifting(1, 3, size=(32, 32), speed=2)[0]
    other = drifting(1, 1, size=(32, 32), seed=5)[0, 0].rot90(1, (-1, -2))
    noisy = clip[1] + 0.05 * torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert not _cut(clip[1], clip[0])
    assert not _cut(noisy, clip[0])
    assert not _cut(clip[1] * 0.9, clip[0])
    assert not _cut(torch.full((3, 32, 32), 0.5), torch.full((3, 32, 32), 0.52))
    assert _cut(other, clip[0])
    assert _cut(1 - clip[0], clip[0])
    assert _cut(clip[0], torch.zeros(3, 32, 32))
