"""From a cell to what the choice of its kernel depends on."""

from collections.abc import Sequence
from dataclasses import fields

from seqimg.cells import Cell
from seqimg.kernels.select import CallSignature

__all__ = ["signature_of"]


def signature_of(
    cell: Cell, device: str, dtype: str, features: Sequence[str] = (), *, op: str = "sequence"
) -> CallSignature:
    """Return the signature of a call.

    Args:
        cell: What is computed.
        device: Device type.
        dtype: dtype name without the prefix.
        features: What of [seqimg.kernels.Controls][] is in use.
        op: `"sequence"` or `"step"`.

    Example:
        >>> from seqimg.cells.gru import GRUCell
        >>> signature_of(GRUCell(input_channels=1, hidden_channels=2), "cpu", "float32").op
        'gru.sequence'
    """
    options = tuple((field.name, getattr(cell, field.name)) for field in fields(cell))
    return CallSignature(f"{cell.family}.{op}", device, dtype, options, tuple(features))
