"""What training wants: the style's strokes, what the picture shows, and strokes that stay on things."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from seqimg.nn.features import Extractor, directions, gram
from seqimg_style.flows import long_flow
from seqimg_style.motion import local_mean, moved

__all__ = ["PaintingLoss", "keeping_losses", "keeping_total", "per_frame"]

_DIRECTIONS = 64
_PLACES = 1024  # of a layer, whose features are compared in a step
_LAYERS = 3  # of an extractor; what is coarser is seen at half size
_CONTENT = 3  # among what is seen: the third layer at half size
_TONE = 15  # side of the mean that is broad brightness
_FLOOR = 1e-5  # of a squared difference: less flicker than that is none
_LONG, _BROAD, _CONTRAST = 0.3, 0.3, 0.8  # weights of terms beside their likes
_REGION = 8  # side of the regions whose contrast is to stay


class PaintingLoss:
    """How far painted pictures are from what is wanted of them.

    Pictures are looked at twice, at full and at half size, and so are broad colours. Every layer's style counts as
    a share of what the style's own picture has there, and content as a share of what the picture has, so that the
    same weights serve styles and extractors of all kinds.

    Args:
        extractor: What tells styles and content.
        pictures: The styles' pictures, `[3, h, w]` in [0, 1] each.
        sliced: Compare distributions of features (sliced Wasserstein), not their products.
    """

    def __init__(self, extractor: Extractor, pictures: Sequence[Tensor], *, sliced: bool) -> None:
        self.extractor, self.sliced = extractor, sliced
        with torch.no_grad():
            self.features = [self._seen(picture[None]) for picture in pictures]
        self.products = [[gram(layer) for layer in layers] for layers in self.features]
        broad = [local_mean(_luma(picture[None]), _TONE).flatten() for picture in pictures]
        self.tones = torch.stack([torch.stack([tone.mean(), tone.std()]) for tone in broad])  # [S, 2]

    def __call__(self, painted: Tensor, frames: Tensor, amounts: Tensor) -> dict[str, Tensor]:
        """Compare painted pictures with frames and styles.

        Args:
            painted: `[B, 3, H, W]` in [0, 1].
            frames: What they were painted from, of the same shape.
            amounts: `[B, S]`, how much of each style was asked for.

        Returns:
            `style`, `content`, `tone` (whether what is dark stays darker than what is light), `plain` (how far a
            picture of which little style was asked for is from itself) and `smooth`, a scalar each.
        """
        layers = self._seen(painted)
        with torch.no_grad():
            wanted = self._seen(frames)[_CONTENT]
        shown = layers[_CONTENT]
        content = (shown - wanted).square().mean((1, 2, 3)) / (wanted.square().mean((1, 2, 3)) + _FLOOR)
        less = (1 - amounts.sum(1)).clamp(min=0)
        return {
            "style": torch.stack(
                [self._layer(place, layer, amounts) for place, layer in enumerate(layers)]
            ).mean(),
            "content": content.mean(),
            "tone": self._tone(painted, frames, amounts),
            "plain": ((painted - frames).abs().mean((1, 2, 3)) * less).mean(),
            "smooth": painted.diff(dim=-1).abs().mean() + painted.diff(dim=-2).abs().mean(),
        }

    def _seen(self, pictures: Tensor) -> list[Tensor]:
        """Return the broad colours, and the layers at half and at full size."""
        half = avg_pool2d(pictures, 2)
        fine = self.extractor(pictures, _LAYERS)
        coarse = self.extractor(half, _LAYERS) if min(half.shape[-2:]) >= self.extractor.smallest else fine
        return [4 * avg_pool2d(half, 2), *(layer.float() for layer in (*coarse, *fine))]

    def _tone(self, painted: Tensor, frames: Tensor, amounts: Tensor) -> Tensor:
        """Compare broad brightness with the frames', stretched as the styles' own is."""
        shares = amounts / amounts.sum(1, keepdim=True).clamp(min=_FLOOR)
        mean, spread = (shares @ self.tones).split(1, dim=1)  # [B, 1]
        own, given = (local_mean(_luma(pictures), _TONE).flatten(1) for pictures in (painted, frames))
        scaled = (given - given.mean(1, keepdim=True)) / (given.std(1, keepdim=True) + 0.05)
        wanted = (mean + 1.2 * spread * scaled).clamp(0, 1)
        strength = amounts.sum(1).clamp(max=1)
        off = (own - wanted).square().mean(1) / spread[:, 0].square().clamp(min=_FLOOR)
        tone: Tensor = (off * strength).mean()
        return tone

    def _layer(self, place: int, layer: Tensor, amounts: Tensor) -> Tensor:
        """Return how far the style of one layer is off, the mean over the pictures."""
        if self.sliced:
            return self._distances(place, layer, amounts)
        goal = torch.einsum(
            "bs,sij->bij", amounts, torch.cat([products[place] for products in self.products])
        )
        total = amounts.sum(1)[:, None, None]
        off = (gram(layer) * total - goal).square().mean((1, 2))
        return (off / goal.square().mean((1, 2)).clamp(min=_FLOOR) * total[:, 0, 0]).mean()

    def _distances(self, place: int, layer: Tensor, amounts: Tensor) -> Tensor:
        """Compare distributions, which cannot be mixed as products can: each style by its share."""
        found = layer.new_zeros(())
        generator = torch.Generator().manual_seed(int(torch.randint(2**31, ())))
        picked = _picked(layer, generator)
        for number, features in enumerate(self.features):
            style = features[place]
            ways = directions(layer.shape[1], _DIRECTIONS, generator=generator).to(layer)
            one, other = ((ways @ each).sort(dim=2).values for each in (picked, _picked(style, generator)))
            other = interpolate(other, size=one.shape[2], mode="linear", align_corners=True)
            off = (one - other).square().mean((1, 2)) / other.var()
            found = found + (amounts[:, number] * off).mean()
        return found


def _picked(layer: Tensor, generator: torch.Generator) -> Tensor:
    """Return `[B, C, N]`, the features of some places, drawn at random where there are many."""
    flat = layer.flatten(2)
    if flat.shape[2] <= _PLACES:
        return flat
    return flat[:, :, torch.randperm(flat.shape[2], generator=generator)[:_PLACES]]


def _luma(pictures: Tensor) -> Tensor:
    return pictures.mean(1, keepdim=True)


def keeping_losses(results: Tensor, painted: Tensor, flow: Tensor) -> dict[str, Tensor]:
    """Return how well strokes stay on things, as shares of how badly they do when each frame is painted by itself.

    Args:
        results: `[B, T, 3, H, W]`.
        painted: Each frame as it is painted by itself, of the same shape.
        flow: `[B, T - 1, 3, H, W]`: where each pixel was in the frame before, and whether it was there.

    Returns:
        `short` and `long`, squared differences along the way since the frame before and since the first; `fidelity`,
        the difference to `painted`; `broad`, that of their broad tones; `contrast`, how much less there is of the
        differences between neighbours. A scalar each.
    """
    far = long_flow(flow)
    with torch.no_grad():
        flicker = per_frame(_off(painted[:, 1:], painted[:, :-1], flow), flow).mean() + _FLOOR
        start = painted[:, :1].expand_as(painted[:, 1:])
        drifting = per_frame(_off(painted[:, 1:], start, far), far).mean() + _FLOOR
    difference = (results - painted)[:, 1:].flatten(0, 1)
    first = results[:, :1].expand_as(results[:, 1:])
    return {
        "short": per_frame(_off(results[:, 1:], results[:, :-1], flow), flow).mean() / flicker,
        "long": per_frame(_off(results[:, 1:], first, far), far).mean() / drifting,
        "fidelity": difference.abs().mean() / flicker.sqrt(),
        "broad": avg_pool2d(difference, _REGION, ceil_mode=True).abs().mean() / flicker.sqrt(),
        "contrast": (_contrast(painted[:, 1:]) / (_contrast(results[:, 1:]) + 1e-3) - 1).clamp(min=0).mean(),
    }


def keeping_total(parts: Mapping[str, Tensor], *, temporal: float, fidelity: float) -> Tensor:
    """Weigh what `keeping_losses` returned, and add it up."""
    total = temporal * (parts["short"] + _LONG * parts["long"])
    total = total + fidelity * (parts["fidelity"] + _BROAD * parts["broad"])
    return total + _CONTRAST * parts["contrast"]


def per_frame(off: Tensor, flow: Tensor) -> Tensor:
    """Return the mean of squared differences `[B, T, C, H, W]` where a flow can be told, of each frame: `[B, T]`."""
    seen = flow[:, :, 2:]
    total = (off * seen).sum((2, 3, 4))
    mean: Tensor = total / (off.shape[2] * seen.sum((2, 3, 4))).clamp(min=1)
    return mean


def _off(now: Tensor, before: Tensor, flow: Tensor) -> Tensor:
    """Return the squared differences of frames to those before, moved along, `[B, T, 3, H, W]`."""
    fetched = moved(before.flatten(0, 1), flow[:, :, :2].flatten(0, 1))
    off: Tensor = now - fetched.unflatten(0, now.shape[:2])
    return off.square()


def _contrast(frames: Tensor) -> Tensor:
    """Return how much neighbours differ, region by region."""
    flat = frames.flatten(0, 1)
    slopes = flat.diff(dim=-1)[..., :-1, :].abs().mean(1, keepdim=True)
    slopes = slopes + flat.diff(dim=-2)[..., :-1].abs().mean(1, keepdim=True)
    return avg_pool2d(slopes, _REGION, ceil_mode=True)
