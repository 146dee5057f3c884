"""How textures are compared, what with, and what stands beside them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d

from seqimg_texture.baselines import mean_colour, other_crop, random_phase
from seqimg_texture.config import TextureConfig
from seqimg_texture.examples import example_datasets
from seqimg_texture.looking import chosen_features, features_of, moving
from seqimg_texture.losses import Wanted
from seqimg_texture.measures import Distance, Motion, texture_distance
from seqimg_texture.targets import Targets

NAME = "random-multiscale"


def _stripes(period: int, shift: int = 0) -> Tensor:
    across = (torch.arange(64) + shift) % period < period // 2
    return across.float().expand(1, 1, 64, 64).clone()


def test_the_distance_tells_textures_apart_and_not_their_place() -> None:
    same = texture_distance(_stripes(8, 4), _stripes(8), NAME)
    other = texture_distance(_stripes(16), _stripes(8), NAME)
    upright = texture_distance(_stripes(8).transpose(-1, -2), _stripes(8), NAME)
    assert same < 0.1 * other
    assert same < 0.1 * upright
    assert float(texture_distance(_stripes(8), _stripes(8), NAME)) == 0
    assert texture_distance(_stripes(16), _stripes(8), NAME) == other  # the directions are fixed


@torch.no_grad()
def test_targets_know_what_an_example_is_like() -> None:
    torch.manual_seed(0)
    targets = Targets([_stripes(8)[0], _stripes(8, 3)[0]], NAME)
    assert targets.distance(_stripes(8, 2)) < 0.1 * targets.distance(_stripes(12))
    assert torch.isfinite(Targets([torch.full((1, 32, 32), 0.5)], NAME).distance(_stripes(8)))


@torch.no_grad()
def test_targets_know_what_lies_a_way_apart() -> None:
    """Lines 32 pixels apart, or anywhere: near each of them all looks alike."""

    def lines(places: list[int]) -> Tensor:
        picture = torch.zeros(1, 128, 128)
        for place in places:
            picture[:, :, place : place + 3] = 1
        return picture

    torch.manual_seed(0)
    targets = Targets([lines([5, 37, 69, 101]), lines([20, 52, 84, 116])], NAME)
    assert {look.away for look in targets.pairs} == {(0, 2), (0, 4), (0, 8), (2, 0), (4, 0), (8, 0)}
    regular, irregular = lines([11, 43, 75, 107])[None], lines([5, 15, 60, 101])[None]

    def distance(picture: Tensor) -> float:
        return float(torch.stack([targets.distance(picture) for _ in range(20)]).mean())

    assert distance(regular) < 0.8 * distance(irregular)
    targets.layers = {}  # only pairs of places
    assert distance(regular) < 0.85 * distance(irregular)


def test_gradients_lead_to_the_example() -> None:
    torch.manual_seed(0)
    wanted = Targets([torch.full((3, 32, 32), 0.2)], NAME)
    picture = torch.full((1, 3, 32, 32), 0.6, requires_grad=True)
    wanted.distance(picture).backward()
    assert picture.grad is not None
    assert picture.grad.mean() > 0


def test_motion_is_seen_in_colours() -> None:
    generator = torch.Generator().manual_seed(0)
    blobs = avg_pool2d(torch.rand(2, 1, 104, 104, generator=generator), 9, 1)  # [2, 1, 96, 96]

    def moved(which: int, step: int) -> Tensor:
        return torch.stack([blobs[which].roll(step * time, -1) for time in range(3)])[None]

    right = moving(moved(0, 2))
    apart = {step: float(texture_distance(moving(moved(1, step)), right, NAME)) for step in (2, 0, -2)}
    assert apart[2] < 0.5 * min(apart[0], apart[-2])


def test_metrics_add_up_over_clips() -> None:
    torch.manual_seed(0)
    outputs, truth = torch.rand(2, 3, 1, 32, 32), torch.rand(2, 3, 1, 32, 32)
    whole, parts = Distance(NAME, motion=True), Distance(NAME, motion=True)
    whole.update(outputs, truth)
    for place in range(2):
        parts.update(outputs[place : place + 1], truth[place : place + 1])
    assert torch.isclose(whole.compute(), parts.compute())
    still = Motion()
    still.update(outputs[:, :1].expand(-1, 2, -1, -1, -1), truth)
    assert still.compute() == 0


def test_baselines() -> None:
    torch.manual_seed(0)
    crops = torch.rand(2, 2, 3, 24, 20)
    assert torch.equal(other_crop(crops)[0], crops[1])
    assert torch.equal(other_crop(crops[:1]), crops[:1].flip(-1, -2))
    noise = 0.5 + 0.05 * torch.randn(1, 1, 1, 32, 32)
    spectrum = torch.fft.rfft2(random_phase(noise)).abs()
    assert torch.allclose(spectrum, torch.fft.rfft2(noise).abs(), atol=0.05)
    assert torch.allclose(mean_colour(crops).var((-1, -2)), torch.zeros(()), atol=1e-6)


def test_a_still_example_asks_for_a_steady_motion() -> None:
    torch.manual_seed(0)
    clips = [torch.rand(1, 1, 32, 32) for _ in range(2)]
    wanted = Wanted(clips, NAME, motion=0.1)
    last = torch.rand(1, 1, 32, 32)
    found = {}
    for change in (0.0, 0.1, 1.0):
        before = last + change * wanted.contrast
        found[change] = float(wanted.parts(torch.stack([before, last], dim=1))["motion"])
    assert found[0.1] < 1e-6 < min(found[0.0], found[1.0])
    assert "moves" in Wanted([torch.rand(3, 1, 32, 32)], NAME, 0.1).parts(torch.rand(1, 3, 1, 32, 32))


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_what_is_measured_with_is_not_learnt_from(tmp_path: Path, frames: int) -> None:
    columns = np.broadcast_to(np.arange(200, dtype=np.uint8)[None, None, :, None], (frames, 40, 200, 1))
    np.save(tmp_path / "columns.npy", columns)
    config = TextureConfig(data=(str(tmp_path / "columns.npy"),), crop=32)
    with example_datasets(config, "test") as data:
        train = torch.stack([data.train[number].frames for number in range(0, 256, 8)])
        tested = torch.stack([data.test[number].frames for number in range(len(data.test))])
        assert train.shape[1:] == (3 if frames > 2 else 1, 1, 32, 32)
        assert float(train.max() * 255) < 139.5 < float(tested.min() * 255) + 1
        assert torch.equal(data.train[5].frames, data.train[5].frames)
        assert len(data.train) == 256
        assert {tuple(data.test[number].frames.shape[-2:]) for number in range(len(data.test))} == {(32, 32)}


def test_what_is_missing_is_filled_with_the_mean(tmp_path: Path) -> None:
    holes = np.full((48, 96), 0.25, np.float32)
    holes[::3, ::3] = np.nan
    np.save(tmp_path / "holes.npy", holes[None])
    with example_datasets(
        TextureConfig(data=(str(tmp_path / "holes.npy"),), value_range=(0, 1)), "test"
    ) as data:
        assert torch.allclose(data.train[0].frames, torch.tensor(0.25))


def test_features_of_small_grey_pictures() -> None:
    assert chosen_features(NAME) == NAME
    layers = features_of(torch.rand(1, 1, 7, 9), NAME)
    assert all(torch.isfinite(layer).all() for layer in layers)


def test_a_small_picture_of_16_bits(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 65535, (20, 24)).astype(np.uint16)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    with example_datasets(TextureConfig(data=(str(tmp_path / "grey.png"),)), "test") as data:
        assert data.channels == 1
        assert "No room to hold" in data.readings[-1]
        assert data.train[0].frames.shape == (1, 1, 20, 24)
        assert torch.allclose(data.test[0].frames[0, 0], torch.from_numpy(grey / 65535).float())
