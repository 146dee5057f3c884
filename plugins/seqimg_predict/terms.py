"""What a loss is written as: named terms with weights, such as `mse+0.1*gradient`. Imports no torch."""

import re
from math import isfinite

from seqimg.errors import did_you_mean

__all__ = ["BALANCED", "TERMS", "parse_loss"]

TERMS = (
    "relative",
    "mse",
    "l1",
    "charbonnier",
    "gradient",
    "ssim",
    "balanced_mse",
    "balanced_mae",
    "crps",
)
"""The terms there are; [seqimg_predict.losses][] computes them."""

BALANCED = ("balanced_mse", "balanced_mae")
"""Those that need thresholds."""

_TERM = re.compile(r"(?:([0-9.eE-]+)\s*\*\s*)?([a-z0-9_]+)")


def parse_loss(text: str) -> dict[str, float]:
    """Read a loss: terms joined by `+`, each with an optional weight before a `*`.

    Raises:
        ValueError: There is no such term, or a weight is not a positive number.

    Example:
        >>> parse_loss("mse + 0.1*gradient")
        {'mse': 1.0, 'gradient': 0.1}
    """
    found: dict[str, float] = {}
    for part in text.split("+"):
        match = _TERM.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"{part.strip()!r} is no term with a weight; write mse+0.1*gradient")
        factor, name = match.groups()
        if name not in TERMS:
            near = did_you_mean(name, TERMS)
            meant = f"; did you mean {near!r}?" if near else ""
            raise ValueError(f"there is no {name!r}, only {', '.join(TERMS)}{meant}")
        if name in found:
            raise ValueError(f"{name!r} stands in it twice")
        found[name] = _weight(factor)
    return found


def _weight(factor: str | None) -> float:
    try:
        weight = 1.0 if factor is None else float(factor)
    except ValueError:
        weight = 0.0
    if not (isfinite(weight) and weight > 0):
        raise ValueError(f"the weight {factor!r} is not a number above 0")
    return weight
