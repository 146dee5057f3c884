"""The network that textures grow by: no border, any size, the same numbers however it is fed."""

from unittest.mock import patch

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqimg_texture.model import CELL, Grower, Growth
from seqimg_texture.noise import noise_at
from seqimg_texture.pool import Pool, expanded

_SIDES = st.integers(1, 45)


@pytest.fixture(scope="module")
def grower() -> Grower:
    torch.manual_seed(0)
    made = Grower(3, (6, 5), noise=2).eval()
    with torch.no_grad():  # as lively as a trained one
        for parameter in made.parameters():
            parameter.mul_(2)
    return made


def _blank(height: int, width: int, frames: int = 1, batch: int = 1) -> Tensor:
    return torch.zeros(batch, frames, 3, height, width)


@torch.inference_mode()
@settings(max_examples=12, deadline=None)
@given(height=_SIDES, width=_SIDES, cut=st.integers(1, 3))
def test_any_size_in_any_pieces(height: int, width: int, cut: int) -> None:
    torch.manual_seed(0)
    grower = Grower(3, (6, 5), noise=2).eval()
    whole, last = grower(_blank(height, width, 4))
    first, growth = grower(_blank(height, width, cut))
    rest, growth = grower(_blank(height, width, 4 - cut), growth)
    assert whole.shape == (1, 4, 3, height, width)
    assert torch.equal(torch.cat([first, rest], dim=1), whole)
    assert all(torch.equal(one, other) for one, other in zip(growth, last, strict=True))


@torch.inference_mode()
def test_a_torus_has_no_edge(grower: Grower) -> None:
    growth = grower.start((4 * CELL, 6 * CELL), [3])
    pictures = []
    for rolled in (False, True):
        after = _rolled(growth, 1, 2) if rolled else growth
        # Without fresh noise, which is drawn place by place: what is left must not know where it is.
        after = _quiet(grower, after)
        pictures.append(grower.picture(after[1]))
    moved = pictures[0].roll((CELL, 2 * CELL), (-2, -1))
    assert torch.allclose(pictures[1], moved, atol=1e-5)


@torch.inference_mode()
def test_the_seam_is_no_larger_than_what_is_inside(grower: Grower) -> None:
    picture = grower(_blank(64, 64, 30))[0][0, -1]
    inside = (picture[..., 1:] - picture[..., :-1]).abs().mean((0, 1))
    seam = (picture[..., 0] - picture[..., -1]).abs().mean()
    assert seam <= 1.3 * inside[1::2].max()
    across = (picture[..., 0, :] - picture[..., -1, :]).abs().mean()
    assert across <= 1.3 * (picture[..., 1:, :] - picture[..., :-1, :]).abs().mean((0, 2))[1::2].max()


@torch.inference_mode()
def test_seeds_tell_textures_apart_and_nothing_else_does(grower: Grower) -> None:
    def grown(*seeds: int) -> Tensor:
        growth = grower.start((24, 24), seeds)
        for _ in range(5):
            growth = grower.step(growth)
        return grower.picture(growth[1])

    both = grown(1, 2)
    assert torch.allclose(grown(1), both[:1], atol=1e-6)
    assert torch.allclose(grown(2), both[1:], atol=1e-6)
    assert not torch.allclose(both[0], both[1], atol=1e-2)


@torch.inference_mode()
def test_speed_is_how_much_happens_in_a_frame(grower: Grower) -> None:
    def change(speed: float) -> float:
        growth = grower.start((32, 32), [0])
        for _ in range(20):
            growth = grower.step(growth)
        growth = (*growth[:-1], torch.full_like(growth[-1], speed))
        return float((grower.picture(grower.step(growth)[1]) - grower.picture(growth[1])).abs().mean())

    assert change(0.0) == 0
    assert 0 < change(0.1) < change(1.0) < change(3.0)


def test_noise_is_normal_and_a_matter_of_seed_and_moment() -> None:
    noise = noise_at(torch.tensor([[0, 0], [0, 1], [1, 0]]), (2, 50, 50))
    assert noise.mean().abs() < 0.05
    assert (noise.std() - 1).abs() < 0.05
    assert float(torch.corrcoef(noise.flatten(1)).triu(1).abs().max()) < 0.06


@torch.no_grad()
def test_a_pool_keeps_what_has_grown(grower: Grower) -> None:
    torch.manual_seed(0)
    pool = Pool(4, renewed=1e-9)
    growth = pool.take(grower, (16, 16), 4)
    _, after = grower(expanded(_blank(16, 16, batch=4), 3), growth)
    pool.put(after)
    again = pool.take(grower, (16, 16), 4)
    assert sorted(again[4][:, 1].tolist()) == [4, 4, 4, 4]
    assert not any(part.requires_grad for part in again)
    assert pool.take(grower, (24, 16), 2)[0].shape[-2:] == (3, 2)  # of another size all begin anew


def _rolled(growth: Growth, down: int, across: int) -> Growth:
    scale = growth[1].shape[-1] // growth[0].shape[-1]

    def moved(part: Tensor, times: int) -> Tensor:
        return part.roll((down * times, across * times), (-2, -1))

    coarse, fine, noise_coarse, noise_fine, clock, speed = growth
    return (
        moved(coarse, 1),
        moved(fine, scale),
        moved(noise_coarse, 1),
        moved(noise_fine, scale),
        clock,
        speed,
    )


def _quiet(grower: Grower, growth: Growth) -> Growth:
    """Take four steps in which no fresh noise comes."""
    with patch("seqimg_texture.model.noise_at", lambda clock, shape: torch.zeros(len(clock), *shape)):
        for _ in range(4):
            growth = grower.step(growth)
    return growth
