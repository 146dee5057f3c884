"""The zero-padded convolution that keeps the size of the picture, with every gate grouped by itself."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import conv2d

__all__ = ["Convolution"]


@dataclass(frozen=True)
class Convolution:
    r"""How a convolution looks around; the weights come with the call.

    $$ y_{o,p} = b_o + \sum_{c,q} w_{o,c,q} \, x_{c,\, p + d ⊙ (q - \lfloor k/2 \rfloor)} $$

    with x zero outside of the picture, kernel size k and dilation d.

    With `groups` = g the channels fall into g blocks, and output block i sees input block i only.
    A cell's weights hold several gates one below the other, `[gates · C, X / g, kh, kw]`; the blocks
    are blocks *of each gate*, so that group i of every gate belongs to group i of the state.
    (`conv2d(..., groups=g)` on the stacked weights would give gate r the first input block, gate z the
    next, and so on.)

    Attributes:
        size: Odd height and width of the kernel.
        dilation: Pixels from one tap to the next.
        groups: Blocks of channels.

    Example:
        >>> import torch
        >>> smooth = Convolution(size=(1, 3))
        >>> smooth(torch.ones(1, 1, 1, 4), torch.ones(1, 1, 1, 3)).flatten().tolist()
        [2.0, 3.0, 3.0, 2.0]
    """

    size: tuple[int, int]
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    @property
    def padding(self) -> tuple[int, int]:
        """Zeros on each side of the picture."""
        return self.size[0] // 2 * self.dilation[0], self.size[1] // 2 * self.dilation[1]

    def shape(self, outputs: int, inputs: int) -> tuple[int, int, int, int]:
        """Return the shape of the weights."""
        return (outputs, inputs // self.groups, *self.size)

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor | None = None, *, gates: int = 1) -> Tensor:
        """Convolve `x [N, X, H, W]` with `weight [gates · C, X / groups, kh, kw]`: `[N, gates · C, H, W]`."""
        parts = gates if self.groups > 1 else 1  # one convolution serves all gates when they see all of x
        biases = [None] * parts if bias is None else list(bias.chunk(parts))
        convolved = [
            conv2d(x, w, b, padding=self.padding, dilation=self.dilation, groups=self.groups)
            for w, b in zip(weight.chunk(parts), biases, strict=True)
        ]
        return torch.cat(convolved, dim=1) if parts > 1 else convolved[0]
