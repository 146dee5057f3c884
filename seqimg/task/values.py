"""What passes between a task and the core: losses, answers, and what is shown of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seqimg.data import Batch
from seqimg.rows import Row

__all__ = ["Answers", "Baseline", "Example", "Frame", "Losses", "Seen", "Shown"]

Frame = NDArray[np.generic]
"""One picture `[H, W, C]` in its source's dtype."""

Baseline = Callable[[Batch], Tensor]
"""A simpler answer: from a batch to outputs of the same shape as the model's."""


@dataclass(frozen=True)
class Losses:
    """A loss and the named parts that make it up.

    Attributes:
        total: What is minimised: a scalar.
        parts: Scalars by name, for the log.

    Example:
        >>> import torch
        >>> mse = torch.tensor(0.5)
        >>> Losses(mse, {"mse": mse}).total.item()
        0.5
    """

    total: Tensor
    parts: Mapping[str, Tensor]


@dataclass(frozen=True)
class Answers:
    """A batch with what was said of it.

    Attributes:
        batch: The clips.
        outputs: Outputs of `model`, and of each baseline by its name.

    Example:
        >>> import torch
        >>> from seqimg.data import ClipSource
        >>> batch = Batch(torch.zeros(1, 4, 3, 8, 8), (ClipSource("a", 0),))
        >>> Answers(batch, {"model": torch.zeros(1, 5)}).outputs["model"].shape
        torch.Size([1, 5])
    """

    batch: Batch
    outputs: Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame of a source, as a task is shown it.

    Attributes:
        frame: `[C, H, W]` float32 in [0, 1]; missing values are NaN.
        index: Its place in the source, from 0.
        time: Seconds since the source's first frame.

    Example:
        >>> import torch
        >>> Seen(torch.zeros(3, 8, 8), index=12, time=0.48).index
        12
    """

    frame: Tensor
    index: int
    time: float


@dataclass(frozen=True, slots=True)
class Shown:
    """What a task has to say at one moment of a run.

    Attributes:
        picture: A picture `[C, H, W]` in [0, 1] for the video that `run` writes; NaN where a value is missing.
        rows: What goes into a table, by the names in `Task.columns`.
        line: What people read at once, as one line.

    Example:
        >>> Shown(rows=({"frame": 12, "label": "run"},), line="run").picture is None
        True
    """

    picture: Tensor | None = None
    rows: tuple[Row, ...] = ()
    line: str | None = None


@dataclass(frozen=True)
class Example:
    """One case for people to look at: what went in, what was right, what the model said.

    All are `[T, H, W, C]` float32 in [0, 1].

    Attributes:
        name: What it is called.
        context: `[T, H, W, C]`, what went in.
        truth: `[T, H, W, C]`, what was right.
        answer: `[T, H, W, C]`, what the model said.

    Example:
        >>> frames = np.zeros((3, 8, 8, 1), np.float32)
        >>> Example("clip.mp4, frame 12", context=frames, truth=frames, answer=frames).name
        'clip.mp4, frame 12'
    """

    name: str
    context: NDArray[np.float32]
    truth: NDArray[np.float32]
    answer: NDArray[np.float32]
