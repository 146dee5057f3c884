"""What restyled sequences are measured by: how much they flicker, and what that cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from seqimg.nn.features import extractor, sliced_wasserstein
from seqimg_style.flows import long_flow
from seqimg_style.losses import per_frame
from seqimg_style.motion import local_mean, moved

__all__ = ["CONVENTIONS", "Truth", "collection", "sums_of"]

_BROAD = 9  # side of the mean that is a frame's low-pass
_DIRECTIONS = 128
_TINY = 1e-12

CONVENTIONS = {
    "flicker": "warp_error as a share of that of the same frames painted one by one: 1 is no better.",
    "warp_error": "Mean over frames of the mean squared difference (RGB in [0, 1], mean over channels and the pixels "
    "that can be followed) to the frame before, moved by the flow of the source (Lai et al. 2018; exact flow where the "
    "data have it, else TV-L1 (attachment 60, 12 warps) on frames of at most 256 pixels; without what is hidden, "
    "or begins another scene).",
    "warp_error_long": "The same to the first frame of the clip, the flow being chained, from the third frame on.",
    "fidelity": "Mean absolute difference to the same frame painted by itself, RGB in [0, 1].",
    "sharpness": "Mean absolute difference of neighbours, as a share of that of the same frame painted by itself.",
    "drift": "How fast, per frame, the mean absolute difference of low-pass (9×9 mean) result and low-pass painted "
    "frame grows: the slope of a straight line through each clip.",
    "style_distance": "Sliced Wasserstein distance, by fixed directions, of the features (random-multiscale) of each "
    "clip's last frame to those of the style's picture; the mean over several styles.",
}
"""How each metric is computed."""

_LOWER = ("flicker", "warp_error", "warp_error_long", "fidelity", "style_distance")


@dataclass(frozen=True)
class Truth:
    """What restyled clips are measured with.

    Attributes:
        flow: `[B, T - 1, 3, H, W]`: where each pixel was in the frame before, down and across, and whether it was
            there.
        real: `[B, T]`, 1 for real frames, 0 for padding.
    """

    flow: Tensor
    real: Tensor

    def __getitem__(self, some: slice) -> "Truth":
        return Truth(self.flow[some], self.real[some])


def sums_of(outputs: Tensor, truth: Truth, style: Callable[[Tensor], Tensor] | None) -> Tensor:
    """Return what the figures are computed of, added up over clips.

    Args:
        outputs: `[B, T, 6, H, W]`: results, and the frames painted one by one.
        truth: How things move.
        style: Distance of frames `[B, 3, H, W]` to the styles, `[B]`; None to leave it out.
    """
    results, painted = outputs[:, :, :3], outputs[:, :, 3:]
    far, real = long_flow(truth.flow), truth.real

    def followed(frames: Tensor, before: Tensor, flow: Tensor, first: int) -> Tensor:
        fetched = moved(before.flatten(0, 1), flow[:, :, :2].flatten(0, 1)).unflatten(0, frames.shape[:2])
        errors = per_frame((frames - fetched).square(), flow)
        # Where nothing can be followed there is nothing to say.
        counts = real[:, 1:] * (flow[:, :, 2].sum((2, 3)) > 0)
        return torch.stack([(errors * counts)[:, first:].sum(), counts[:, first:].sum()])

    def short(frames: Tensor) -> Tensor:
        return followed(frames[:, 1:], frames[:, :-1], truth.flow, 0)

    later = followed(results[:, 1:], results[:, :1].expand_as(results[:, 1:]), far, 1)
    weights = real[:, :, None, None, None]
    pixels = real.sum() * results[0, 0].numel()
    parts = [
        short(results),
        short(painted)[:1],
        later,
        torch.stack([((results - painted).abs() * weights).sum(), pixels]),
        torch.stack([(_slopes(results) * real).sum(), (_slopes(painted) * real).sum()]),
        _drift(results, painted, real),
    ]
    if style is None:
        parts.append(results.new_zeros(2))
    else:
        last = real.sum(1).long() - 1
        frames = results[torch.arange(len(results), device=results.device), last]
        parts.append(torch.stack([style(frames).sum(), real.new_tensor(float(len(results)))]))
    return torch.cat([part.double() for part in parts])


_FIGURES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "flicker": lambda s: (s[0] + _TINY) / (s[2] + _TINY),
    "warp_error": lambda s: s[0] / s[1].clamp(min=1),
    "warp_error_long": lambda s: s[3] / s[4].clamp(min=1),
    "fidelity": lambda s: s[5] / s[6].clamp(min=1),
    "sharpness": lambda s: (s[7] + _TINY) / (s[8] + _TINY),
    "drift": lambda s: s[9] / s[10].clamp(min=1),
    "style_distance": lambda s: s[11] / s[12].clamp(min=1),
}
_COUNT = 13


class StyleDistance:
    """The distance of frames to the styles' pictures, as `style_distance` tells.

    Args:
        pictures: What gives the pictures, `[3, h, w]` in [0, 1] each, once it is needed.
    """

    def __init__(self, pictures: Callable[[], Sequence[Tensor]]) -> None:
        self._pictures = pictures
        self._extractor = extractor("random-multiscale")

    def __call__(self, frames: Tensor) -> Tensor:
        """Return the distances `[B]` of frames `[B, 3, H, W]`."""
        self._extractor.to(frames.device)
        smallest = self._extractor.smallest
        if min(frames.shape[-2:]) < smallest:
            size = [max(side, smallest) for side in frames.shape[-2:]]
            frames = torch.nn.functional.interpolate(frames, size=size, mode="bilinear", align_corners=False)
        wanted = [self._extractor(picture[None].to(frames)) for picture in self._pictures()]
        distances = []
        for frame in frames:
            layers = self._extractor(frame[None])
            each = [
                sliced_wasserstein(layer, other, count=_DIRECTIONS)
                for picture in wanted
                for layer, other in zip(layers, picture, strict=True)
            ]
            distances.append(torch.stack(each).mean())
        return torch.stack(distances)


class StyleFigure(Metric):  # type: ignore[misc, unused-ignore]
    """One of the figures, added up over clips.

    Args:
        name: Which.
        style: Distance of frames to the styles.
    """

    is_differentiable = False
    full_state_update = False

    if TYPE_CHECKING:
        sums: Tensor

    def __init__(self, name: str, style: Callable[[Tensor], Tensor] | None) -> None:
        super().__init__()
        self.name, self.style = name, style
        self.add_state("sums", torch.zeros(_COUNT, dtype=torch.float64), dist_reduce_fx="sum")

    @property
    def higher_is_better(self) -> bool | None:
        """Whether more is better; None if neither end is the good one."""
        return False if self.name in _LOWER else True if self.name == "sharpness" else None

    def update(self, outputs: Tensor, truth: Truth) -> None:
        """Take in outputs `[B, T, 6, H, W]` and how things move."""
        self.sums += sums_of(outputs, truth, self.style)

    def compute(self) -> Tensor:
        """Return the figure."""
        return _FIGURES[self.name](self.sums).float()


def collection(
    style: Callable[[Tensor], Tensor] | None, names: Sequence[str] = tuple(_FIGURES)
) -> MetricCollection:
    """Return figures as one collection that adds up only once."""
    metrics = {name: StyleFigure(name, style) for name in names}
    return MetricCollection(cast("dict[str, Metric]", metrics), compute_groups=[list(names)])


def _slopes(frames: Tensor) -> Tensor:
    """Return the mean absolute difference of neighbours of each frame, `[B, T]`."""
    found = frames.new_zeros(frames.shape[:2])
    for dim in (-1, -2):
        if frames.shape[dim] > 1:
            found = found + frames.diff(dim=dim).abs().mean((2, 3, 4))
    return found


def _drift(results: Tensor, painted: Tensor, real: Tensor) -> Tensor:
    """Return the sum over clips of the slopes of their differences, and how many clips there are."""
    difference = local_mean((results - painted).flatten(0, 1), _BROAD).abs().mean((1, 2, 3))
    off = difference.unflatten(0, results.shape[:2])
    times = torch.arange(off.shape[1], device=off.device).to(off).expand_as(off)
    # The first frame of a clip is always painted by itself, and says nothing.
    counts = real * (times > 0)
    number = counts.sum(1).clamp(min=1)
    centred = times - ((times * counts).sum(1) / number)[:, None]
    slope = (centred * off * counts).sum(1) / (centred.square() * counts).sum(1).clamp(min=1)
    return torch.stack([slope.sum(), slope.new_tensor(float(len(slope)))])
