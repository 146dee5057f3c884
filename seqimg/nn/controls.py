"""From what a caller says about time (lengths, resets, zoneout) to what a kernel does to the state."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from seqimg.cells import Cell
from seqimg.errors import SeqimgError
from seqimg.nn.checks import check_tensor

__all__ = ["GateBias", "Timing", "cut", "level_gate_bias"]

GateBias = Tensor | Sequence[Tensor | None] | None
"""Additive maps for the pre-activations: one tensor for a layer of one level, else one (or None) a level."""


@dataclass(frozen=True)
class Timing:
    """Which frames count, in the order in which one direction sees them.

    Attributes:
        keep: `[B, T]`, 0 where the state starts afresh before a frame, or None.
        valid: `[B, T]`, 0 beyond a sample's last frame, or None.
    """

    keep: Tensor | None = None
    valid: Tensor | None = None

    @classmethod
    def read(cls, x: Tensor, lengths: Tensor | None, reset_mask: Tensor | None) -> "Timing":
        """Check and translate a caller's `lengths [B]` and `reset_mask [B, T]` for frames `x [B, T, …]`.

        Raises:
            SeqimgError: One of them has another shape, or a length is no number of frames.
        """
        batch, frames = x.shape[:2]
        keep = valid = None
        if reset_mask is not None:
            check_tensor("reset_mask", reset_mask)
            if reset_mask.shape != (batch, frames):
                raise SeqimgError(
                    f"reset_mask has shape {tuple(reset_mask.shape)}, the frames need {(batch, frames)}",
                    why="it says for each sample and frame whether the state starts afresh before it",
                )
            keep = reset_mask.to(x.device).logical_not().to(x.dtype)
        if lengths is not None:
            check_tensor("lengths", lengths)
            if lengths.shape != (batch,) or lengths.dtype.is_floating_point or lengths.dtype == torch.bool:
                raise SeqimgError(
                    f"lengths is {lengths.dtype} {tuple(lengths.shape)}, it has to be whole numbers ({batch},)",
                    why="it says how many frames each sample has",
                )
            if not torch.compiler.is_compiling() and bool(((lengths < 0) | (lengths > frames)).any()):
                raise SeqimgError(f"lengths holds {lengths.tolist()}, the clip has {frames} frames")
            time = torch.arange(frames, device=x.device)
            valid = (time < lengths.to(x.device)[:, None]).to(x.dtype)
            keep = (
                None if keep is None else keep.maximum(1 - valid)
            )  # what stays as it is does not start afresh
        return cls(keep, valid)

    def backward(self) -> "Timing":
        """Return what the direction from the last frame to the first sees."""
        keep = self.keep
        if keep is not None:
            # A cut before frame t is met coming from frame t, before t - 1.
            keep = torch.cat([keep[:, 1:], torch.ones_like(keep[:, :1])], dim=1).flip(1)
        return Timing(keep, None if self.valid is None else self.valid.flip(1))

    def update(self, x: Tensor, cell: Cell, zoneout: float, *, training: bool) -> Tensor | None:
        """Return the share of each change that happens, `[B, T, 1|S, 1|H, 1|W]`, or None for all of it.

        Zoneout (Krueger et al., "Zoneout", ICLR 2017, eq. 2) keeps each value of the state with
        probability `zoneout` in training; otherwise every change happens to its expectation.
        """
        spatial = x.shape[3:]
        update = None if self.valid is None else self.valid.view(*self.valid.shape, *(1 for _ in x.shape[2:]))
        if zoneout == 0:
            return update
        if training:
            share = torch.full((*x.shape[:2], cell.state_channels, *spatial), 1 - zoneout, device=x.device)
            change = torch.bernoulli(share).to(x.dtype)
        else:
            change = x.new_full((*x.shape[:2], *(1 for _ in x.shape[2:])), 1 - zoneout)
        return change if update is None else update * change


def cut(given: GateBias, x: Tensor, part: range) -> GateBias:
    """Return what of a gate bias for the clip `x` is for the frames of `part`."""
    if given is None:
        return None
    if not isinstance(given, Tensor):
        return [cast("Tensor | None", cut(bias, x, part)) for bias in given]
    varies = given.ndim == x.ndim and given.shape[1] == x.shape[1]
    return given[:, part.start : part.stop] if varies else given


def level_gate_bias(given: GateBias, level: int, levels: int, cell: Cell, x: Tensor) -> Tensor | None:
    """Return the `[B, 1|T, P, 1|H, 1|W]` for one level.

    Raises:
        SeqimgError: It does not fit the cell or the frames.
    """
    if given is None:
        return None
    each = [given] if isinstance(given, Tensor) else list(given)
    if len(each) != levels:
        raise SeqimgError(f"gate_bias is given for {len(each)} levels, this layer has {levels}")
    bias = each[level]
    if bias is None:
        return None
    check_tensor(f"gate_bias of level {level}", bias)
    if bias.ndim == x.ndim - 1:
        bias = bias.unsqueeze(1)
    batch, frames, _, *spatial = x.shape
    wanted = (batch, frames, cell.projected_channels, *spatial)
    fits = bias.ndim == len(wanted) and all(
        got == want or (got == 1 and axis not in (0, 2))
        for axis, (got, want) in enumerate(zip(bias.shape, wanted, strict=True))
    )
    if not fits:
        raise SeqimgError(
            f"gate_bias of level {level} has shape {tuple(bias.shape)}, it has to fit {wanted}",
            why="axes of time, height and width may also be 1",
        )
    return bias
