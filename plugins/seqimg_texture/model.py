"""The network that textures grow by: noise in, recurrence at two scales, pictures out, on a torus."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, pixel_shuffle

from seqimg.nn import ConvRNN
from seqimg_texture.noise import noise_at

__all__ = ["CELL", "Grower", "Growth"]

Growth = tuple[Tensor, ...]
"""How far textures have grown: states of the coarse and of the fine level `[B, S, h, w]`, the noise each level is
driven by, the clock `[B, 2]` int64 (seed, and steps taken) and the speed `[B]`."""

CELL = 8
"""Pixels of the picture along a side of one position of the coarse level."""

_FINE = 2  # pixels along a side of one position of the fine level
_TOLD = 8  # channels that the coarse level tells the fine one
_KEPT = (
    0.9  # share of a step's noise that is still there in the next: what drives the texture changes smoothly
)


class Grower(nn.Module):
    """A texture that lives: every frame is one step of two ConvGRUs that noise drives.

    There is no border: what leaves on the right comes in on the left (circular padding), so a picture can be laid
    beside itself, and no place differs from another. The coarse level, at an eighth of the size, arranges; the
    fine level, at half of it, draws. Frames that go in are not looked at: their size says how large a texture
    is to be grown.

    Args:
        channels: Channels of the pictures.
        widths: State channels of the coarse and of the fine level.
        noise: Channels of noise for each.

    Example:
        >>> grower = Grower(3, (8, 8)).eval()
        >>> pictures, growth = grower(torch.zeros(1, 4, 3, 20, 30))
        >>> pictures.shape
        torch.Size([1, 4, 3, 20, 30])
    """

    def __init__(self, channels: int, widths: Sequence[int] = (24, 16), *, noise: int = 4) -> None:
        super().__init__()
        self.channels, self.noise = channels, noise
        coarse, fine = widths
        # Reset after the convolution: one step sees one position further, and one ring of padding is enough.
        self.coarse = ConvRNN(noise, coarse, cell="conv_gru", kernel_size=3, reset="after")
        self.told = nn.Conv2d(coarse, _TOLD, 1)
        self.fine = ConvRNN(_TOLD + noise, fine, cell="conv_gru", kernel_size=3, reset="after")
        self.drawn = nn.Conv2d(fine, channels * _FINE**2, 3)

    def start(self, size: tuple[int, int], seeds: Sequence[int], speed: float = 1.0) -> Growth:
        """Return what has not grown yet.

        Args:
            size: Height and width of the pictures; on the torus they are rounded up to multiples of `CELL`.
            seeds: One for each texture.
            speed: Steps a frame.
        """
        rows, columns = (-(-side // CELL) for side in size)
        scale, weight = CELL // _FINE, self.drawn.weight
        clock = torch.tensor([[seed, 0] for seed in seeds])
        coarse, fine = ((self.noise, rows, columns), (self.noise, rows * scale, columns * scale))
        widths = (layer.cells[0].hidden_channels for layer in (self.coarse, self.fine))
        states = [
            weight.new_zeros(len(seeds), width, *where[1:])
            for width, where in zip(widths, (coarse, fine), strict=True)
        ]
        first = [
            noise_at(clock * 2 + torch.tensor([0, which]), where)
            for which, where in enumerate((coarse, fine))
        ]
        noise = [drawn.to(weight) for drawn in first]
        clock[:, 1] = 1
        return (*states, *noise, clock, torch.full((len(seeds),), speed, device=weight.device))

    def forward(self, frames: Tensor, growth: Growth | None = None) -> tuple[Tensor, Growth]:
        """Grow a frame for each that goes in.

        Args:
            frames: `[B, T, C, H, W]`; only their shape counts.
            growth: What an earlier call returned, or None to begin with seeds 0, 1, ….

        Returns:
            Pictures `[B, T, C, H, W]`, around [0, 1], and how far the textures have grown.
        """
        height, width = frames.shape[-2:]
        if growth is None or growth[0].shape[-2:] != (-(-height // CELL), -(-width // CELL)):
            growth = self.start((height, width), range(len(frames)))
        pictures = []
        for _ in range(frames.shape[1]):
            growth = self.step(growth)
            pictures.append(self.picture(growth)[..., :height, :width])
        return torch.stack(pictures, dim=1), growth

    def step(self, growth: Growth) -> Growth:
        """Let a frame's time pass: at speed 2 two steps, at speed ½ half a step, at 0 nothing."""
        speed = growth[-1]
        parts = max(1, int(torch.ceil(speed.max() - 1e-6)))
        share = (speed / parts).reshape(-1, 1, 1, 1)
        for _ in range(parts):
            growth = self._part(growth, share)
        return growth

    def picture(self, growth: Growth) -> Tensor:
        """Draw what has grown: `[B, C, H, W]`, sides multiples of `CELL`."""
        return 0.5 + pixel_shuffle(self.drawn(_wrapped(growth[1])), _FINE)

    def _part(self, growth: Growth, share: Tensor) -> Growth:
        """Take a share of a step, `[B, 1, 1, 1]` in (0, 1]."""
        coarse, fine, noise_coarse, noise_fine, clock, speed = growth
        noise_coarse, noise_fine = (
            _moved(noise, clock, which, share) for which, noise in enumerate((noise_coarse, noise_fine))
        )
        coarse = coarse + share * (_stepped(self.coarse, noise_coarse, coarse) - coarse)
        told = _enlarged(self.told(coarse), CELL // _FINE)
        fine = fine + share * (_stepped(self.fine, torch.cat([told, noise_fine], dim=1), fine) - fine)
        return coarse, fine, noise_coarse, noise_fine, clock + clock.new_tensor([0, 1]), speed


def _moved(noise: Tensor, clock: Tensor, which: int, share: Tensor) -> Tensor:
    """Return noise some time later: as strong as before, and related to what it was."""
    channels, height, width = noise.shape[1:]
    fresh = noise_at(clock * 2 + clock.new_tensor([0, which]), (channels, height, width)).to(noise)
    kept: Tensor = _KEPT**share
    return kept * noise + (1 - kept.square()).sqrt() * fresh


def _stepped(layer: ConvRNN, x: Tensor, state: Tensor) -> Tensor:
    """Return a layer's next state on the torus: a ring more than is needed, for the layer's own zeros to fall on."""
    _, after = layer(_wrapped(x).unsqueeze(1), (_wrapped(state),))
    inside: Tensor = after[0][..., 1:-1, 1:-1]
    return inside


def _wrapped(x: Tensor) -> Tensor:
    """Return `[N, C, H, W]` with a ring of what lies on the other side."""
    return pad(x, (1, 1, 1, 1), mode="circular")


def _enlarged(x: Tensor, times: int) -> Tensor:
    """Return `[N, C, H, W]` enlarged on the torus, bilinearly."""
    larger = interpolate(_wrapped(x), scale_factor=times, mode="bilinear", align_corners=False)
    return larger[..., times:-times, times:-times]
