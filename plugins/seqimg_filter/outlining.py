"""Shapes drawn into their frames."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from seqimg.drawing import colour_of, outline
from seqimg.sequences import SequenceInfo
from seqimg.sequences.pixeltypes import Pixels
from seqimg_filter.pixels import Floats, has_alpha, to_pixels, with_channels
from seqimg_filter.shapes import KINDS, Shape

__all__ = ["Drawer"]


class Drawer:
    """Draws the edge of each shape in the colour of its kind, with a box and its name.

    Args:
        info: What the frames are. Grey ones become RGB, or there would be no colours.

    Attributes:
        info: What the drawn ones are.
    """

    def __init__(self, info: SequenceInfo) -> None:
        self._from_grey = info.channels - has_alpha(info) == 1
        self._channels = info.channels
        self.info = replace(with_channels(info, 3) if self._from_grey else info, codec=None)

    def __call__(self, values: Floats, shapes: Sequence[Shape]) -> Pixels:
        """Return a frame `[H, W, C]` with shapes drawn, in the source's dtype."""
        frame = np.repeat(values[..., :1], 3, axis=2) if self._from_grey else values.copy()
        for shape in shapes:
            rows, columns = shape.outline
            frame[rows, columns] = _ink(shape, frame.shape[2])
        corners = torch.tensor([shape.corners for shape in shapes], dtype=torch.float64).reshape(-1, 4)
        drawn = outline(
            torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1))),
            corners,
            [colour_of(KINDS.index(shape.kind)) for shape in shapes],
            [f"{number} {shape.kind}" for number, shape in enumerate(shapes, 1)],
        )
        return to_pixels(drawn.numpy().transpose(1, 2, 0), self.info)


def _ink(shape: Shape, channels: int) -> Any:
    colour = colour_of(KINDS.index(shape.kind))
    return [*colour, 1.0][:channels] if channels in (3, 4) else [sum(colour) / 3] * channels
