"""What is asked of a bench."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import torch

from seqimg.errors import UsageError, did_you_mean
from seqimg.kernels.bench.programs import Case
from seqimg.kernels.bench.shapes import CLIPS, SCALING, STEPS, Shape

__all__ = ["PARTS", "Part", "Plan", "chosen_dtypes", "chosen_parts"]

Part: TypeAlias = Literal["training", "inference", "memory", "min", "step", "scaling"]
PARTS: tuple[Part, ...] = get_args(Part)

_DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16", "fp64": "float64"}


@dataclass(frozen=True)
class Plan:
    """What is asked of a bench.

    Attributes:
        layer: As of [seqimg.kernels.bench.programs.Case][].
        device: Where.
        dtypes: Names without the prefix.
        parts: Which comparisons.
        clips: Shapes of clips.
        steps: Shapes of single steps.
        scaling: The shape from which one size at a time varies.
        repeats: How often each time is taken.
        compiled: Whether `torch.compile` of the naive formulation is a column.
    """

    layer: str
    device: torch.device
    dtypes: tuple[str, ...] = ("float32", "bfloat16")
    parts: tuple[Part, ...] = PARTS
    clips: tuple[Shape, ...] = CLIPS
    steps: tuple[Shape, ...] = STEPS
    scaling: Shape = SCALING
    repeats: int = 7
    compiled: bool = True

    def case(self, shape: Shape, dtype: str) -> Case:
        """Return one case of this plan."""
        return Case(shape, getattr(torch, dtype), self.device, self.layer)


def chosen_parts(text: str | None) -> tuple[Part, ...]:
    """Read `training,step`; None is all.

    Raises:
        UsageError: There is no such part.
    """
    if text is None:
        return PARTS
    words = text.split(",")
    for word in words:
        if word not in PARTS:
            near = did_you_mean(word, PARTS)
            raise UsageError(
                f"the bench has no part {word!r}" + (f"; did you mean {near}?" if near else ""),
                why=f"it is one or more of {', '.join(PARTS)}",
                hint=f"--only {near or PARTS[0]}",
            )
    return tuple(part for part in PARTS if part in words)


def chosen_dtypes(text: str) -> tuple[str, ...]:
    """Read `fp32,bf16`, in short or in full.

    Raises:
        UsageError: It names no floating type.

    Example:
        >>> chosen_dtypes("fp32,bfloat16")
        ('float32', 'bfloat16')
    """
    known = {**_DTYPES, **{name: name for name in _DTYPES.values()}}
    words = text.split(",")
    for word in words:
        if word not in known:
            near = did_you_mean(word, known)
            raise UsageError(
                f"there is no dtype {word!r}" + (f"; did you mean {near}?" if near else ""),
                why=f"known: {', '.join(known)}",
                hint=f"--dtype {near or 'fp32'}",
            )
    return tuple(dict.fromkeys(known[word] for word in words))
