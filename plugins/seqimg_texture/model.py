"""The network that textures grow by: noise in, recurrence at two scales, pictures out, on a torus."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, pixel_shuffle

from seqimg.nn import ConvRNN
from seqimg_texture.noise import noise_at

__all__ = ["CELL", "FINE", "Grower", "Growth", "driven"]

Growth = tuple[Tensor, ...]
"""How far textures have grown: states of the coarse and of the fine level `[B, S, h, w]`, the noise each level is
driven by, the clock `[B, 2]` int64 (seed, and steps taken) and the speed `[B]`."""

CELL = 8
"""Pixels of the picture along a side of one position of the coarse level."""

FINE = 2
"""Pixels along a side of one position of the fine level."""

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
        self.drawn = nn.Conv2d(fine, channels * FINE**2, 3)

    def start(self, size: tuple[int, int], seeds: Sequence[int], speed: float = 1.0) -> Growth:
        """Return what has not grown yet.

        Args:
            size: Height and width of the pictures; on the torus they are rounded up to multiples of `CELL`.
            seeds: One for each texture.
            speed: Steps a frame.
        """
        rows, columns = (-(-side // CELL) for side in size)
        scale, weight = CELL // FINE, self.drawn.weight
        clock = torch.tensor([[seed, 0] for seed in seeds])
        sizes = ((self.noise, rows, columns), (self.noise, rows * scale, columns * scale))
        first = [
            noise_at(clock * 2 + torch.tensor([0, which]), size).to(weight)
            for which, size in enumerate(sizes)
        ]
        clock[:, 1] = 1
        states = self.blank(first)[:2]
        return (*states, *first, clock, torch.full((len(seeds),), speed, device=weight.device))

    def blank(self, noise: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return states and noise of both levels before anything was driven: zeros, in the places of this noise."""
        states = [
            drawn.new_zeros(len(drawn), layer.cells[0].hidden_channels, *drawn.shape[2:])
            for layer, drawn in zip((self.coarse, self.fine), noise, strict=True)
        ]
        return (states[0], states[1], torch.zeros_like(noise[0]), torch.zeros_like(noise[1]))

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
            pictures.append(self.picture(growth[1])[..., :height, :width])
        return torch.stack(pictures, dim=1), growth

    def step(self, growth: Growth) -> Growth:
        """Let a frame's time pass: at speed 2 two steps, at speed ½ half a step, at 0 nothing."""
        speed = growth[-1]
        parts = max(1, int(torch.ceil(speed.max() - 1e-6)))
        share = (speed / parts).reshape(-1, 1, 1, 1)
        for _ in range(parts):
            growth = self._part(growth, share)
        return growth

    def picture(self, fine: Tensor) -> Tensor:
        """Draw the fine level's state: `[B, C, H, W]`, sides multiples of `CELL`."""
        return 0.5 + pixel_shuffle(self.drawn(_wrapped(fine)), FINE)

    def grown(
        self, states: tuple[Tensor, Tensor], noise: tuple[Tensor, Tensor], share: Tensor | float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Return the next states of both levels, driven by noise, after a share of a step."""
        coarse, fine = states
        coarse = coarse + share * (_stepped(self.coarse, noise[0], coarse) - coarse)
        told = _enlarged(self.told(coarse), CELL // FINE)
        fine = fine + share * (_stepped(self.fine, torch.cat([told, noise[1]], dim=1), fine) - fine)
        return coarse, fine

    def _part(self, growth: Growth, share: Tensor) -> Growth:
        """Take a share of a step, `[B, 1, 1, 1]` in (0, 1]."""
        coarse, fine, noise_coarse, noise_fine, clock, speed = growth
        noise_coarse, noise_fine = (
            driven(noise, _fresh(noise, clock, which), share)
            for which, noise in enumerate((noise_coarse, noise_fine))
        )
        coarse, fine = self.grown((coarse, fine), (noise_coarse, noise_fine), share)
        return coarse, fine, noise_coarse, noise_fine, clock + clock.new_tensor([0, 1]), speed


def driven(noise: Tensor, fresh: Tensor, share: Tensor | float = 1.0) -> Tensor:
    """Return noise a share of a step later: as strong as before, and related to what it was."""
    kept = _KEPT**share
    return kept * noise + (1 - kept**2) ** 0.5 * fresh


def _fresh(noise: Tensor, clock: Tensor, which: int) -> Tensor:
    channels, height, width = noise.shape[1:]
    return noise_at(clock * 2 + clock.new_tensor([0, which]), (channels, height, width)).to(noise)


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
