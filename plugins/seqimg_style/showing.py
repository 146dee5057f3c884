"""What `seqimg style run` writes."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from seqimg.cuts import Cuts
from seqimg.errors import UsageError
from seqimg.streaming import Stream
from seqimg.task import Seen, Shown
from seqimg_style.config import StyleRun
from seqimg_style.model import Restyler, colours

__all__ = ["show", "wanted_amounts", "with_colour"]

_LUMA = (0.299, 0.587, 0.114)


def show(stream: Stream, frames: Iterable[Seen], options: StyleRun) -> Iterator[Shown]:
    """Yield every frame restyled, in its own size.

    Raises:
        UsageError: Shares of other styles are asked for than the model knows.
    """
    model = stream.model
    assert isinstance(model, Restyler)
    if not model.learnt():
        raise UsageError(
            "the model knows no style",
            why="it was kept by style stabilise, and only takes flicker out of frames",
        )
    model.amounts, model.remembers = wanted_amounts(model, options), options.memory
    cuts = Cuts()
    for seen in frames:
        cut = options.reset_on_cut and options.memory and cuts(seen.frame)
        if cut:
            stream.reset("a cut")
        picture = stream.step(seen.frame)[0, -1, :3]
        if options.keep_colour:
            picture = with_colour(picture, colours(seen.frame[None])[0].to(picture))
        yield Shown(picture)


def with_colour(picture: Tensor, source: Tensor) -> Tensor:
    """Return the brightness of one picture in the colours of another, both `[3, H, W]` in [0, 1].

    Example:
        >>> grey, red = torch.full((3, 1, 1), 0.5), torch.tensor([0.8, 0.3, 0.3]).view(3, 1, 1)
        >>> [round(float(value), 2) for value in with_colour(grey, red).flatten()]
        [0.85, 0.35, 0.35]
    """
    weights = picture.new_tensor(_LUMA)[:, None, None]
    shift: Tensor = (weights * (picture - source)).sum(0, keepdim=True)
    return (source + shift).clamp(0, 1)


def wanted_amounts(model: Restyler, options: StyleRun) -> Tensor:
    """Return how much of each style is asked for, `[S]`.

    Raises:
        UsageError: The model knows no style, or another number of them.
    """
    if not model.learnt():
        raise UsageError(
            "the model knows no style",
            why="it was kept by style stabilise, and only takes flicker out of frames",
        )
    shares = options.blend or (1.0,) * model.styles
    if len(shares) != model.styles:
        raise UsageError(
            f"--blend has {len(shares)} {'share' if len(shares) == 1 else 'shares'}",
            why=f"the model knows {model.styles} {'style' if model.styles == 1 else 'styles'}",
        )
    return options.strength * torch.tensor(shares) / sum(shares)
