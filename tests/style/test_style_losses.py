"""The losses of painting: nothing where a picture is what is wanted, more where it is not."""

import pytest
import torch

from seqimg.nn.features import Extractor, extractor
from seqimg_style.losses import PaintingLoss


def picture(seed: int, side: int = 64) -> torch.Tensor:
    drawn = torch.rand(1, 3, side // 8, side // 8, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(drawn, size=(side, side), mode="bicubic").clamp(0, 1)


@pytest.mark.parametrize("sliced", [True, False])
def test_a_styles_own_picture_has_its_style(sliced: bool) -> None:
    style, other = picture(0), picture(1) / 3
    loss = PaintingLoss(extractor("random-multiscale"), [style[0]], sliced=sliced)
    own, else_ = (loss(painted, style, torch.ones(1, 1)) for painted in (style, other))
    assert float(own["style"]) < 0.01
    assert float(else_["style"]) > 10 * float(own["style"])
    assert float(own["content"]) == pytest.approx(0, abs=1e-6)
    assert float(else_["content"]) > 0.1


@pytest.mark.parametrize("sliced", [True, False])
def test_no_style_is_asked_for_where_there_is_none(sliced: bool) -> None:
    style, frame = picture(0), picture(1)
    loss = PaintingLoss(extractor("random-multiscale"), [style[0]], sliced=sliced)
    plain = loss(frame, frame, torch.zeros(1, 1))
    assert {name: float(part) for name, part in plain.items() if name in ("style", "tone", "plain")} == {
        "style": 0,
        "tone": 0,
        "plain": 0,
    }
    assert float(loss(style, frame, torch.zeros(1, 1))["plain"]) > 0.05


@pytest.mark.parametrize("sliced", [True, False])
def test_shares_say_which_style_counts(sliced: bool) -> None:
    styles = [picture(0), picture(1) / 3]
    loss = PaintingLoss(extractor("random-multiscale"), [style[0] for style in styles], sliced=sliced)
    right, wrong = (
        float(loss(styles[0], styles[0], torch.tensor([shares]))["style"])
        for shares in ([1.0, 0.0], [0.0, 1.0])
    )
    assert right < 0.01 < wrong


class Linear(torch.nn.Module):
    """Differences of neighbours at several sizes: half of the contrast is half of each."""

    def forward(self, pictures: torch.Tensor, layers: int) -> list[torch.Tensor]:
        sizes = [torch.nn.functional.avg_pool2d(pictures, 2**place) for place in range(layers)]
        return [torch.cat([size - size.roll(1, dims=-1), size - size.roll(1, dims=-2)], 1) for size in sizes]


@pytest.mark.parametrize("sliced", [True, False])
def test_one_weight_is_the_same_for_a_weak_and_a_strong_style(sliced: bool) -> None:
    style, painted = picture(0), 0.7 * picture(0) + 0.3 * picture(1)
    losses = []
    for contrast in (1, 0.3):
        torch.manual_seed(0)  # directions and places are drawn
        loss = PaintingLoss(Extractor(Linear(), "linear", content=1), [contrast * style[0]], sliced=sliced)
        losses.append(float(loss(contrast * painted, style, torch.ones(1, 1))["style"]))
    assert losses[0] > 0.05
    assert losses[1] == pytest.approx(losses[0], rel=0.01)


def test_dark_is_to_stay_darker_than_light() -> None:
    ramp = torch.linspace(0.2, 0.8, 64).expand(1, 3, 64, 64)
    loss = PaintingLoss(extractor("random-multiscale"), [picture(0)[0]], sliced=True)
    same, turned = (float(loss(painted, ramp, torch.ones(1, 1))["tone"]) for painted in (ramp, ramp.flip(-1)))
    assert turned > 2 * same
