"""The detector: any split, any size, and before training the image detector it is built around."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqimg.errors import SeqimgError, UsageError
from seqimg.nn.backbones import allow_backbone
from seqimg.streaming import Stream
from seqimg_detect.model import Detector
from tests.tolerances import STREAMING, relative_error

TOLERANCE = STREAMING[torch.float32]


def _remembering(channels: int = 3, **options: object) -> Detector:
    """A model whose memory speaks."""
    torch.manual_seed(0)
    settings_ = {"classes": 2, "widths": (4, 6, 8), "memory": 5} | options
    model = Detector(channels, **settings_)  # type: ignore[arg-type]
    for parameter in model.recall.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model(torch.rand(2, 2, channels, 32, 32), rivals=True)  # what is normalised has been seen
    return model.eval()


@given(
    cut=st.integers(1, 5),
    size=st.tuples(st.integers(1, 37), st.integers(1, 37)),
    channels=st.integers(1, 5),
    stride=st.sampled_from([2, 4, 8]),
    cell=st.sampled_from(["conv_gru", "conv_gru_lite", "conv_lstm"]),
)
@settings(max_examples=25, deadline=None)
def test_any_split_gives_the_same_maps(
    cut: int, size: tuple[int, int], channels: int, stride: int, cell: str
) -> None:
    model = _remembering(channels, stride=stride, cell=cell)
    clip = torch.rand(2, 6, channels, *size)
    with torch.no_grad():
        whole, after = model(clip)
        first, state = model(clip[:, :cut])
        rest, state = model(clip[:, cut:], state)
    assert whole.shape == (2, 6, 6, -(-size[0] // stride), -(-size[1] // stride))
    assert relative_error(torch.cat([first, rest], 1), whole) < TOLERANCE
    assert all(relative_error(one, other) < TOLERANCE for one, other in zip(state, after, strict=True))


def test_frame_by_frame_equals_the_clip() -> None:
    model, clip = _remembering(), torch.rand(1, 9, 3, 30, 42)
    stream = Stream(model)
    streamed = torch.cat([stream.step(frame) for frame in clip[0]], 1)
    with torch.no_grad():
        assert relative_error(streamed, model(clip)[0]) < TOLERANCE


def test_before_training_it_is_its_image_detector() -> None:
    torch.manual_seed(0)
    model, clip = Detector(3, 2).eval(), torch.rand(2, 4, 3, 24, 32)
    with torch.no_grad():
        assert torch.equal(model(clip)[0].flatten(0, 1), model.image(clip.flatten(0, 1)))


def test_memory_reaches_later_frames() -> None:
    model, clip = _remembering(), torch.rand(1, 5, 3, 24, 24)
    other = clip.clone()
    other[:, 0] = torch.rand(3, 24, 24)
    with torch.no_grad():
        difference = (model(clip)[0] - model(other)[0]).abs().amax((0, 2, 3, 4))
    assert bool((difference[1:] > 1e-4).all())


def test_the_companion_shares_nothing_and_is_returned_beside() -> None:
    model, clip = _remembering(), torch.rand(2, 3, 3, 16, 16)
    assert model.companion is not None
    own = {parameter.data_ptr() for name, parameter in model.named_parameters() if "companion" not in name}
    assert own.isdisjoint(parameter.data_ptr() for parameter in model.companion.parameters())
    with torch.no_grad():
        both, _ = model(clip, rivals=True)
        assert torch.equal(both[:, 0], model(clip)[0])
        assert torch.equal(both[:, 1], model.without_memory(clip))
        shuffled = model.without_memory(clip[:, [2, 0, 1]])
    torch.testing.assert_close(shuffled, both[:, 1, [2, 0, 1]])


def test_untrained_boxes_are_of_a_sensible_size_and_unsure() -> None:
    maps = Detector(1, 3, stride=8)(torch.rand(1, 1, 1, 64, 64))[0]
    assert bool((maps[:, :, :3].sigmoid() < 0.1).all())
    assert bool(((maps[:, :, 3:] > 0.5) & (maps[:, :, 3:] < 5)).all())


@pytest.mark.parametrize("shape", [(2, 3, 16, 16), (1, 0, 3, 16, 16), (1, 2, 4, 16, 16)])
def test_frames_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(SeqimgError, match="cannot read frames of shape"):
        Detector(3, 1)(torch.rand(shape))


def test_too_few_levels_for_the_stride_are_refused() -> None:
    with pytest.raises(UsageError, match="stride of 16 needs 4 levels") as caught:
        Detector(3, 1, stride=16, widths=(8, 8))
    assert caught.value.hint == "--widths 24,48,64,64"


def test_without_rivals_there_is_no_companion() -> None:
    model = Detector(3, 1, rivals=False)
    assert model(torch.rand(1, 2, 3, 8, 8), rivals=True)[0].shape == (1, 2, 5, 2, 2)
    with pytest.raises(SeqimgError, match="no companion"):
        model.without_memory(torch.rand(1, 2, 3, 8, 8))


class Strided(torch.nn.Conv2d):
    """An image network of one layer, whose positions stand for 8 pixels."""

    def __init__(self) -> None:
        super().__init__(3, 5, 8, stride=8)


class Pooled(torch.nn.Sequential):
    """An image network that returns vectors."""

    def __init__(self) -> None:
        super().__init__(
            torch.nn.Conv2d(3, 5, 8, stride=8), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
        )


@pytest.mark.parametrize(
    ("freeze", "channels", "shared"), [(True, 3, True), (False, 3, False), (True, 4, False)]
)
def test_an_image_network_may_look(freeze: bool, channels: int, shared: bool) -> None:
    allow_backbone(f"{__name__}:Strided")
    model = _remembering(channels, stride=8, backbone=f"{__name__}:Strided", freeze=freeze)
    clip = torch.rand(1, 4, channels, 21, 30)
    assert (model.companion_eye is None) == shared
    with torch.no_grad():
        whole, _ = model(clip)
        first, state = model(clip[:, :1])
        rest, _ = model(clip[:, 1:], state)
        both, _ = model(clip, rivals=True)
        assert torch.equal(both[:, 1], model.without_memory(clip))
    assert whole.shape == (1, 4, 6, 3, 4)
    assert relative_error(torch.cat([first, rest], 1), whole) < TOLERANCE
    model.train()(clip, rivals=True)[0].sum().backward()
    assert model.eye is not None
    learnt = [parameter.grad is not None for parameter in model.eye.backbone.network.parameters()]
    assert learnt == [not freeze] * 2


def test_image_networks_that_do_not_fit_are_refused() -> None:
    for name, stride, words in (("Strided", 4, "stands for 8 pixels"), ("Pooled", 8, "no maps")):
        allow_backbone(f"{__name__}:{name}")
        with pytest.raises(UsageError, match=f"does not fit --grid {stride}") as caught:
            Detector(3, 1, stride=stride, backbone=f"{__name__}:{name}")
        assert words in (caught.value.why or "")


def test_a_single_position_can_be_learnt_from() -> None:
    model = Detector(3, 2, stride=16, widths=(4, 6, 6, 6), memory=4).train()
    for frames in (torch.rand(1, 1, 3, 16, 16), torch.rand(1, 1, 3, 8, 9)):
        maps, _ = model(frames, rivals=True)
        maps.square().sum().backward()
        assert maps.shape[-2:] == (1, 1)
        assert all(weight.grad is None or bool(weight.grad.isfinite().all()) for weight in model.parameters())
