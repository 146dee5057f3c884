"""The value range of frames whose dtype does not tell it."""

import math
from dataclasses import replace

import numpy as np

from seqimg.sequences.base import Sequence, SequenceError, SequenceInfo
from seqimg.sequences.isolated.pulse import pulse

__all__ = ["found_range", "missing_note"]


def missing_note(fill_value: float | None) -> tuple[str, ...]:
    """Say what stands for missing values, if anything but NaN does.

    Example:
        >>> missing_note(-9999.0), missing_note(None)
        (('-9999 means missing',), ())
    """
    return () if fill_value is None or math.isnan(fill_value) else (f"{fill_value:g} means missing",)


def found_range(sequence: Sequence) -> SequenceInfo:
    """Read a float sequence once and return its info with the value range it uses.

    Values inside [0, 1] mean that range; otherwise it runs from the least finite value to the greatest.

    Raises:
        SequenceError: It has no finite value.
    """
    low, high, missing = math.inf, -math.inf, False
    for frame in sequence:
        pulse()
        finite = np.isfinite(frame)
        absent = sequence.info.missing(frame)
        if absent is not None:
            finite &= ~absent
        if not finite.all():
            missing, frame = True, frame[finite]
        if frame.size:
            low, high = min(low, float(frame.min())), max(high, float(frame.max()))
    info = sequence.info
    if low > high:
        raise SequenceError(f"cannot read {info.path}", why="it has no finite value")
    notes = [*info.notes]
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low == high:
        high = low + 1  # a constant sequence, shown as the lower end
    notes.append(f"values {low:g} to {high:g}")
    if missing:
        notes.append("missing values" if info.fill_value is not None else "missing values (not finite)")
    return replace(info, value_range=(low, high), notes=tuple(notes))
