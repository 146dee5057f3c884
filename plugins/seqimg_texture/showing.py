"""What `seqimg texture run` shows, and the live page: a texture that lives, a frame for each that comes."""

from collections.abc import Iterable, Iterator
from typing import cast

import torch
from torch import Tensor

from seqimg.errors import UsageError
from seqimg.streaming import Stream
from seqimg.task import Seen, Shown
from seqimg_texture.config import TextureRun
from seqimg_texture.model import CELL, Grower, Growth

__all__ = ["alive", "check_tileable"]

_MARGIN = (
    4 * CELL
)  # of a texture that is not tileable: what is cut off lies between its edges, so that nothing repeats


def alive(stream: Stream, frames: Iterable[Seen], options: TextureRun) -> Iterator[Shown]:
    """Yield a picture of the living texture, in the size of the frames, for each frame.

    What frames show is not looked at. A stream that has grown already goes on from there, unless the size or the
    seed is another one.

    Raises:
        UsageError: The texture is to be tileable, and a side is no multiple of `CELL`.
    """
    shown: Tensor | None = None
    for seen in frames:
        height, width = seen.frame.shape[-2:]
        if shown is None or shown.shape[-2:] != (height, width) or not options.still:
            shown = _next(stream, (height, width), options)
        yield Shown(shown)


def check_tileable(size: tuple[int, int]) -> None:
    """Refuse sides (height, width) that cannot be laid beside themselves.

    Raises:
        UsageError: One is no multiple of `CELL`.
    """
    if any(side % CELL for side in size):
        height, width = (max(1, round(side / CELL)) * CELL for side in size)
        raise UsageError(
            f"a texture of {size[1]}×{size[0]} pixels is not tileable",
            why=f"its sides have to be multiples of {CELL}",
            hint=f"{width}x{height}, or without --tileable",
        )


def _next(stream: Stream, size: tuple[int, int], options: TextureRun) -> Tensor:
    """Grow a frame's time and return the picture, `[C, H, W]` in [0, 1]."""
    grower = cast(Grower, stream.model)
    if options.tileable:
        check_tileable(size)
    margin = 0 if options.tileable else _MARGIN
    height, width = size
    canvas = (height + 2 * margin, width + 2 * margin)
    with torch.inference_mode():
        stream.state = _grown(grower, stream.state, canvas, options)
        picture = stream.step(torch.empty(1, 1, 1).expand(grower.channels, *canvas))[0, -1]
    return picture[:, margin : margin + height, margin : margin + width].clamp(0, 1).cpu()


def _grown(grower: Grower, growth: Growth | None, canvas: tuple[int, int], options: TextureRun) -> Growth:
    """Return what has grown so far, or a texture of this seed and size once it has settled."""
    rows, columns = (-(-side // CELL) for side in canvas)
    fits = growth is not None and growth[0].shape[-2:] == (rows, columns)
    if growth is None or not fits or int(growth[4][0, 0]) != options.seed:
        growth = grower.start(canvas, [options.seed])
        for _ in range(options.settle):
            growth = grower.step(growth)
    return (*growth[:-1], torch.full_like(growth[-1], options.speed))
