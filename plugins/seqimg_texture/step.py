"""What is exported of a texture: noise in, the texture a frame later out."""

from torch import Tensor, nn

from seqimg.nn import crop_to, pad_to_multiple
from seqimg_texture.model import CELL, FINE, Grower, driven

__all__ = ["TextureStep"]


class TextureStep(nn.Module):
    """Grow by one frame, with noise that whoever calls it has drawn.

    Args:
        model: The model.

    Attributes:
        frame_channels: Planes of noise that it takes.

    Example:
        >>> import torch
        >>> step = TextureStep(Grower(3, (8, 8)).eval())
        >>> pictures, state = step(torch.randn(1, 1, step.frame_channels, 20, 30), None)
        >>> pictures.shape
        torch.Size([1, 1, 3, 20, 30])
    """

    def __init__(self, model: Grower) -> None:
        super().__init__()
        self.model, self.frame_channels = model, model.noise

    def forward(
        self, frames: Tensor, state: tuple[Tensor, ...] | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the pictures `[B, 1, C, H, W]` and the next state.

        Args:
            frames: `[B, 1, N, H, W]`, normal noise; each value drives one place of one level at most.
            state: States of both levels and the noise that drives them; zeros, or None, before the first frame.
        """
        size = (frames.shape[-2], frames.shape[-1])
        drawn = pad_to_multiple(frames[:, 0], CELL)
        fresh = (drawn[..., 1::CELL, 1::CELL], drawn[..., ::FINE, ::FINE])
        before = state if state is not None else self.model.blank(fresh)
        noise = [driven(old, new) for old, new in zip(before[2:], fresh, strict=True)]
        coarse, fine = self.model.grown((before[0], before[1]), (noise[0], noise[1]))
        return crop_to(self.model.picture(fine), size)[:, None], (coarse, fine, *noise)
