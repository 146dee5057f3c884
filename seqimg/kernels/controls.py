"""What may happen to a state beside its cell's equations."""

from dataclasses import dataclass

from torch import Tensor

__all__ = ["PLAIN", "Controls"]


@dataclass(frozen=True)
class Controls:
    r"""What happens to the state beside the cell's equations, the same for every cell.

    With `cell` the cell's step and P its projection of the input, frame t is computed as

        s ← keep_t ⊙ s + (1 − keep_t) ⊙ restart
        s ← s + update_t ⊙ (cell(P_t + gate_bias_t, s) − s)

    `keep` is 0 at scene cuts and at the seams of packed clips; `update` is 0 beyond a sample's
    last frame, and carries the masks of zoneout.

    Attributes:
        keep: `[B, T]`; None is 1 everywhere.
        restart: `[B, S, H, W]`, the state to start from where `keep` is 0; None is zeros.
        update: `[B, T, 1|S, 1|H, 1|W]`; None is 1 everywhere.
        gate_bias: `[B, 1|T, P, 1|H, 1|W]`, added to the pre-activations; None is 0 everywhere.
        recompute: Keep no gates for the backward pass but compute them a second time there.

    Example:
        >>> import torch
        >>> Controls(keep=torch.tensor([[1.0, 0.0]])).features  # a cut before the second frame
        ('keep',)
    """

    keep: Tensor | None = None
    restart: Tensor | None = None
    update: Tensor | None = None
    gate_bias: Tensor | None = None
    recompute: bool = False

    @property
    def features(self) -> tuple[str, ...]:
        """Names of what is in use; a kernel's choice may depend on them.

        Example:
            >>> Controls(recompute=True).features, PLAIN.features
            (('recompute',), ())
        """
        tensors = ("keep", "restart", "update", "gate_bias")
        used = [name for name in tensors if getattr(self, name) is not None]
        return (*used, *(["recompute"] if self.recompute else []))


PLAIN = Controls()
"""Nothing but the cell's equations."""
