"""The terms that losses are made of, each a mean over what is there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from seqimg_predict.masks import masked_mean
from seqimg_predict.structure import similarity

__all__ = ["Compared", "loss_terms"]

_CLIP = (1, 2, 3, 4)
_FLOOR = 1e-4  # (1 % of the value range)²: below it a difference counts as noise
_SOFT = 1e-3  # of charbonnier: errors below it count as their squares do
_FRAMES = 64


@dataclass(frozen=True)
class Compared:
    """Predictions beside what came.

    Attributes:
        outputs: `[B, T, C, H, W]`. For `crps` the second half of B predicts the same clips as the first.
        truth: `[B, T, C, H, W]` in [0, 1], any number where there is no value.
        valid: bool that broadcasts to it, where there is a value; None if everywhere.
        last: The last frames before, `[B, 1, C, H, W]`.
        thresholds: Values in [0, 1] that part weak from strong, ascending.
        balance: The weight of pixels below the first threshold, and from each threshold on.
    """

    outputs: Tensor
    truth: Tensor
    valid: Tensor | None
    last: Tensor
    thresholds: tuple[float, ...] = ()
    balance: tuple[float, ...] = ()

    def error(self) -> Tensor:
        """Return how far off the predictions are; finite where nothing is to be compared."""
        error = self.outputs - self.truth
        return error if self.valid is None else torch.where(self.valid, error, 0)


def loss_terms(compared: Compared, names: Mapping[str, float]) -> dict[str, Tensor]:
    """Return the terms of these names, each a scalar.

    Example:
        >>> frames = torch.zeros(1, 2, 1, 4, 4)
        >>> compared = Compared(frames + 0.5, frames, None, frames[:, :1])
        >>> {name: float(term) for name, term in loss_terms(compared, {"mse": 1.0, "l1": 0.1}).items()}
        {'mse': 0.25, 'l1': 0.5}
    """
    return {name: _TERMS[name](compared) for name in names}


def _mse(compared: Compared) -> Tensor:
    return masked_mean(compared.error().square(), compared.valid)


def _l1(compared: Compared) -> Tensor:
    return masked_mean(compared.error().abs(), compared.valid)


def _charbonnier(compared: Compared) -> Tensor:
    return masked_mean((compared.error().square() + _SOFT**2).sqrt() - _SOFT, compared.valid)


def _relative(compared: Compared) -> Tensor:
    """Each clip's squared error over that of copying its last frame: quiet clips teach as much as lively ones."""
    copied = masked_mean((compared.truth - compared.last).square(), compared.valid, _CLIP)
    errors = masked_mean(compared.error().square(), compared.valid, _CLIP)
    return (errors / (copied + _FLOOR)).mean()


def _gradient(compared: Compared) -> Tensor:
    """How far off the differences of neighbours are, whatever their sign (Mathieu et al. 2016)."""
    total = compared.outputs.new_zeros(())
    valid = None if compared.valid is None else compared.valid.expand_as(compared.truth)
    for dim in (3, 4):
        size = compared.truth.shape[dim] - 1
        if not size:
            continue
        own, true = (
            (frames.narrow(dim, 1, size) - frames.narrow(dim, 0, size)).abs()
            for frames in (compared.outputs, compared.truth)
        )
        both = None if valid is None else valid.narrow(dim, 1, size) & valid.narrow(dim, 0, size)
        off = own - true
        total = total + masked_mean((off if both is None else torch.where(both, off, 0)).abs(), both)
    return total


def _ssim(compared: Compared) -> Tensor:
    """One minus the structural similarity."""
    valid = compared.valid
    truth = compared.truth if valid is None else torch.where(valid, compared.truth, 0)
    outputs = compared.outputs if valid is None else torch.where(valid, compared.outputs, 0)
    whole = None if valid is None else valid.expand_as(truth).flatten(0, 1)
    total, count = outputs.new_zeros((), dtype=torch.float64), 0
    for number, (own, true) in enumerate(
        zip(outputs.flatten(0, 1).split(_FRAMES), truth.flatten(0, 1).split(_FRAMES), strict=True)
    ):
        some = None if whole is None else whole[number * _FRAMES : (number + 1) * _FRAMES]
        (found,), complete = similarity(own, true, (1.0,), some)
        total = total + torch.where(complete, 1 - found, 0).sum()
        count += int(complete.sum())
    return (total / max(count, 1)).to(outputs.dtype)


def _balanced(power: int) -> Callable[[Compared], Tensor]:
    """Errors weighed by how strong the truth is: rare heavy rain counts beside much drizzle (Shi et al. 2017)."""

    def term(compared: Compared) -> Tensor:
        truth = compared.truth.contiguous()
        places = torch.bucketize(truth, truth.new_tensor(compared.thresholds), right=True)
        weights = truth.new_tensor(compared.balance)[places]
        return masked_mean(weights * compared.error().abs().pow(power), compared.valid)

    return term


def _crps(compared: Compared) -> Tensor:
    """The continuous ranked probability score of two draws, its unbiased form (Ferro 2014)."""
    one, other = compared.outputs.chunk(2)
    apart = one - other
    valid = compared.valid
    if valid is not None:
        valid = valid[: len(one)]
        apart = torch.where(valid, apart, 0)
    return _l1(compared) - 0.5 * masked_mean(apart.abs(), valid)


_TERMS: dict[str, Callable[[Compared], Tensor]] = {
    "relative": _relative,
    "mse": _mse,
    "l1": _l1,
    "charbonnier": _charbonnier,
    "gradient": _gradient,
    "ssim": _ssim,
    "balanced_mse": _balanced(2),
    "balanced_mae": _balanced(1),
    "crps": _crps,
}
