"""What a transform promises, and how several become one."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from seqimg.data.clips import Clip
from seqimg.errors import UsageError

__all__ = ["Compose", "Sometimes", "Transform", "check_share"]


class Transform(Protocol):
    """A change to a clip that depends on nothing but the clip and the random source.

    Example:
        >>> from dataclasses import replace
        >>> class Darken:
        ...     keeps_labels = True
        ...     def __call__(self, clip, rng):
        ...         return replace(clip, frames=clip.frames * float(rng.uniform(0.5, 1)))
        >>> transform: Transform = Darken()
    """

    @property
    def keeps_labels(self) -> bool:
        """Whether a class that fits a clip still fits it afterwards."""
        ...

    def __call__(self, clip: Clip, rng: np.random.Generator) -> Clip:
        """Return the changed clip; the one given stays as it is.

        Args:
            clip: The clip.
            rng: The only source of chance it may use.
        """
        ...


@dataclass(frozen=True)
class Compose:
    """One transform after the other.

    Args:
        transforms: The first to be applied first.

    Example:
        >>> from seqimg.data import ClipSource
        >>> import torch
        >>> from seqimg.data.transforms import Flip, Noise
        >>> clip = Clip(torch.rand(4, 3, 16, 16), ClipSource("a", 0))
        >>> both = Compose((Flip(), Noise(0.1)))
        >>> both(clip, np.random.default_rng(0)).frames.shape, both.keeps_labels
        (torch.Size([4, 3, 16, 16]), False)
    """

    transforms: tuple[Transform, ...]

    @property
    def keeps_labels(self) -> bool:
        """Whether all of them do."""
        return all(transform.keeps_labels for transform in self.transforms)

    def __call__(self, clip: Clip, rng: np.random.Generator) -> Clip:
        """Apply them in order."""
        for transform in self.transforms:
            clip = transform(clip, rng)
        return clip


@dataclass(frozen=True)
class Sometimes:
    """A transform applied to a share of the clips.

    Args:
        transform: The transform.
        share: Probability, 0 to 1.

    Example:
        >>> from seqimg.data.transforms import Flip
        >>> Sometimes(Flip(share=1), share=0.2).keeps_labels
        False
    """

    transform: Transform
    share: float = 0.5

    def __post_init__(self) -> None:
        check_share("share", self.share)

    @property
    def keeps_labels(self) -> bool:
        """Whether the transform does."""
        return self.transform.keeps_labels

    def __call__(self, clip: Clip, rng: np.random.Generator) -> Clip:
        """Apply it, or not."""
        return self.transform(clip, rng) if rng.random() < self.share else clip


def check_share(name: str, value: float) -> None:
    """Refuse what is not between 0 and 1.

    Raises:
        UsageError: It is not.
    """
    if not 0 <= value <= 1:
        raise UsageError(f"{name} is {value}", why="it must be 0 to 1")
