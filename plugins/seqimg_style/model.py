"""The network: paint every frame by itself, then carry the picture from frame to frame."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seqimg.errors import SeqimgError
from seqimg_style.memory import Memory, Past
from seqimg_style.painter import Painter, of_itself

__all__ = ["Restyler"]


class Restyler(nn.Module):
    """Restyle any number of frames.

    Args:
        shapes: Height and width of each style's picture, which is kept with the weights.
        width: Channels of the painter.
        blocks: Its residual blocks.
        state: Channels of the memory.

    Attributes:
        amounts: `[S]`, how much of each style; None shares 1 out among them.
        remembers: Whether anything is carried from frame to frame.

    Example:
        >>> model = Restyler([(32, 32)], width=8, blocks=1, state=4).eval()
        >>> outputs, past = model(torch.rand(1, 3, 3, 30, 41))
        >>> outputs.shape
        torch.Size([1, 3, 6, 30, 41])
    """

    def __init__(
        self, shapes: Sequence[tuple[int, int]], width: int = 40, blocks: int = 3, state: int = 24
    ) -> None:
        super().__init__()
        self.styles = len(shapes)
        self.painter = Painter(self.styles, width, blocks)
        self.memory = Memory(state)
        for number, (height, wide) in enumerate(shapes):
            self.register_buffer(f"style_{number}", torch.zeros(3, height, wide, dtype=torch.uint8))
        self.amounts: Tensor | None = None
        self.remembers = True

    def forward(
        self,
        frames: Tensor,
        state: Past | None = None,
        *,
        amounts: Tensor | None = None,
        alone: bool | None = None,
    ) -> tuple[Tensor, Past]:
        """Restyle frames.

        Args:
            frames: `[B, T, C, H, W]` in [0, 1], C is 3, or 1 for grey, which is seen as colour.
            state: What an earlier call returned, or None at the start of a sequence.
            amounts: `[B, S]`, how much of each style; None takes the attribute `amounts`.
            alone: In training, True learns to paint, with the first frame alone, and False to remember, of painted
                frames as they are. None learns nothing of either by itself.

        Returns:
            `[B, T, 6, H, W]` in [0, 1]: the result, and after it each frame as it is painted by itself; and the state
            after the last frame.

        Raises:
            SeqimgError: The frames have another shape than the model or the state needs.
        """
        frames = colours(frames)
        one = (frames.shape[0], *frames.shape[2:])
        if state is not None and state.frame.shape != one:
            raise SeqimgError(
                f"the frames before were {tuple(state.frame.shape)}, these are {one}",
                why="a sequence keeps its size",
                hint="state=None to start afresh",
            )
        amounts = self._wanted(frames, amounts)
        own = of_itself(amounts)
        outputs = []
        for frame in (frames[:, :1] if alone else frames).unbind(1):
            with torch.set_grad_enabled(torch.is_grad_enabled() and alone is not False):
                painted = self.paint(frame, amounts)
            if not self.remembers:
                state = None
            result, state = self.memory(frame, painted, state)
            result = torch.lerp(result, painted, own)  # a picture that is not painted has no strokes to keep
            outputs.append(torch.cat([result, painted], dim=1))
        if state is None:
            raise SeqimgError("the model was given no frames", why="a clip has at least one")
        if not outputs:
            return frames.new_empty(one[0], 0, 6, *one[2:]), state
        return torch.stack(outputs, dim=1), state

    def paint(self, frames: Tensor, amounts: Tensor | None = None) -> Tensor:
        """Paint pictures by themselves.

        Args:
            frames: `[B, 3, H, W]` in [0, 1].
            amounts: `[B, S]`, how much of each style; None takes the attribute `amounts`.
        """
        painted: Tensor = self.painter(frames, self._wanted(frames, amounts))
        return painted

    def _wanted(self, frames: Tensor, amounts: Tensor | None) -> Tensor:
        if amounts is not None:
            return amounts
        wanted = self.amounts
        if wanted is None:
            wanted = frames.new_full((self.styles,), 1 / self.styles)
        return wanted.to(frames).expand(len(frames), -1)

    def learnt(self) -> bool:
        """Tell whether there is a style that it knows."""
        return any(bool(picture.any()) for picture in self.pictures())

    def pictures(self) -> list[Tensor]:
        """Return the styles' pictures, `[3, h, w]` in [0, 1] each."""
        return [getattr(self, f"style_{number}").float() / 255 for number in range(self.styles)]


def colours(frames: Tensor) -> Tensor:
    """Return frames `[…, C, H, W]` with three channels: grey is seen as colour, transparency is left out.

    Raises:
        SeqimgError: C is none of 1, 3 and 4.
    """
    if frames.ndim < 4 or frames.shape[-3] not in (1, 3, 4):
        raise SeqimgError(
            f"frames of shape {tuple(frames.shape)} cannot be restyled",
            why="they need 3 channels for red, green and blue, 4 with transparency, or 1 for grey",
        )
    return frames[..., :3, :, :].expand(*frames.shape[:-3], 3, *frames.shape[-2:])
