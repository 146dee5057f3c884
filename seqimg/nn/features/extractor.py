"""One face for all that turns pictures into features at several scales."""

import numpy as np
import torch
from torch import Tensor, nn

from seqimg.errors import SeqimgError

__all__ = ["Extractor", "pink_noise"]

_PROBE = 96  # side of the picture that the layers' strengths are measured on
_LAYERS = 4
_LEAST = 1e-6


class Extractor(nn.Module):
    """A frozen network whose layers look at pictures from fine to coarse.

    Every layer is scaled once, so that its mean square on a fixed picture of pink noise is 1: a loss over several
    extractors or layers means the same for each.

    Args:
        network: Maps pictures `[B, 3, H, W]` in [0, 1] and a number to the features of so many layers, finest first.
        id: Name, and what tells these weights from others.
        content: Which layer says best what a picture shows.

    Attributes:
        id: What to write down beside anything that was measured by it.
        content: Which layer says best what a picture shows, whatever its style.
        smallest: Smallest side of a picture it understands, in pixels.

    Example:
        >>> class Halves(nn.Module):
        ...     def forward(self, pictures, layers):
        ...         return [nn.functional.avg_pool2d(pictures, 2**place) for place in range(layers)]
        >>> [tuple(layer.shape) for layer in Extractor(Halves(), "halves", content=1)(torch.rand(1, 3, 32, 32), 2)]
        [(1, 3, 32, 32), (1, 3, 16, 16)]
    """

    def __init__(self, network: nn.Module, id: str, *, content: int, smallest: int = 16) -> None:
        super().__init__()
        self.network, self.id, self.content, self.smallest = network.eval(), id, content, smallest
        for parameter in network.parameters():
            parameter.requires_grad_(False)
        with torch.no_grad():
            found = network(pink_noise(_PROBE)[None], _LAYERS)
        self.scales = [float(layer.square().mean().clamp(min=_LEAST).rsqrt()) for layer in found]

    def forward(self, pictures: Tensor, layers: int | None = None) -> tuple[Tensor, ...]:
        """Return the features of pictures, one tensor `[B, F, h, w]` a layer, finest first.

        Args:
            pictures: `[B, 3, H, W]` in [0, 1], red, green and blue; both sides at least `smallest`.
            layers: How many layers, from the finest on, all if None: the coarsest of a deep network cost most.

        Raises:
            SeqimgError: The pictures are no such pictures.
        """
        if pictures.ndim != 4 or pictures.shape[1] != 3 or min(pictures.shape[-2:]) < self.smallest:
            raise SeqimgError(
                f"{self.id} cannot look at pictures of shape {tuple(pictures.shape)}",
                why=f"it takes [B, 3, H, W] with sides of at least {self.smallest} pixels",
            )
        found = self.network(pictures, len(self.scales) if layers is None else layers)
        return tuple(layer * scale for layer, scale in zip(found, self.scales, strict=False))

    def train(self, mode: bool = True) -> "Extractor":
        """Do nothing: a frozen network is always in evaluation mode.

        Args:
            mode: Makes no difference.
        """
        return super().train(False)


def pink_noise(side: int) -> Tensor:
    """Return a picture `[3, side, side]` in [0, 1] with the spectrum of photographs, always the same one."""
    # Raw bits, not a distribution: their stream is promised never to change.
    bits = np.random.PCG64(20170802).random_raw(3 * side * side).astype(np.float64) / 2.0**64
    spectrum = np.fft.rfft2(bits.reshape(3, side, side) - 0.5)
    down, across = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    spectrum /= np.maximum(np.hypot(down, across), 1 / side)
    noise = np.fft.irfft2(spectrum, s=(side, side))
    return torch.from_numpy((0.5 + 0.2 * noise / noise.std()).clip(0, 1).astype(np.float32))
