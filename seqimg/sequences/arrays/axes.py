"""Which axis of a stack is which."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from seqimg.errors import UsageError

__all__ = ["Axes", "detect_axes", "given_axes", "named_axes"]

_FEW = (1, 2, 3, 4)
_NAMES = {
    "T": ("t", "time", "times", "frame", "frames", "step", "valid_time"),
    "H": ("h", "y", "height", "row", "rows", "lat", "latitude", "northing"),
    "W": ("w", "x", "width", "column", "columns", "col", "lon", "longitude", "easting"),
    "C": ("c", "channel", "channels", "band", "bands", "variable", "feature"),
}


@dataclass(frozen=True)
class Axes:
    """The meaning of each axis: `letters` out of T time, H height, W width and, if any, C channels.

    Example:
        >>> axes = Axes("TCHW")
        >>> axes.sizes((9, 3, 48, 64))
        {'T': 9, 'C': 3, 'H': 48, 'W': 64}
        >>> axes.order_for("THWC")
        (0, 2, 3, 1)
    """

    letters: str

    def sizes(self, shape: Sequence[int]) -> dict[str, int]:
        """Return the size of each axis by its letter."""
        return dict(zip(self.letters, shape, strict=True))

    def order_for(self, letters: str) -> tuple[int, ...]:
        """Return the axes in the order of `letters`, for `transpose`; absent ones are left out."""
        return tuple(self.letters.index(letter) for letter in letters if letter in self.letters)

    def keeps_frames_together(self, *, fortran: bool) -> bool:
        """Tell whether the bytes of each frame stand next to each other."""
        return self.letters[-1 if fortran else 0] == "T"

    def to_hwc(self, frame: NDArray[Any]) -> NDArray[Any]:
        """Return one frame, its axes in stored order without time, as `[H, W, C]`."""
        within = Axes(self.letters.replace("T", ""))
        ordered = frame.transpose(within.order_for("HWC"))
        return ordered if "C" in self.letters else ordered[:, :, None]


def given_axes(path: object, shape: Sequence[int], letters: str) -> Axes:
    """Check the user's word on the axes.

    Raises:
        UsageError: It does not fit the shape.
    """
    upper = letters.upper()
    if sorted(upper) not in (sorted("THW"), sorted("THWC")):
        raise UsageError(
            f"axes {letters!r} are not an order", why="give T, H and W once each, and C if there are channels"
        )
    if len(upper) != len(shape):
        raise UsageError(f"axes {letters!r} do not fit {path}", why=f"its shape is {tuple(shape)}")
    return Axes(upper)


def detect_axes(path: object, shape: Sequence[int]) -> Axes:
    """Tell the axes from the shape, where only one reading is possible.

    Time comes first. Channels are the last axis or the one after time, and 1 to 4 of them.

    Raises:
        UsageError: The shape has two readings or none.

    Example:
        >>> detect_axes("a.npy", (9, 48, 64)), detect_axes("a.npy", (9, 3, 48, 64))
        (Axes(letters='THW'), Axes(letters='TCHW'))
    """
    readings = []
    if len(shape) == 3 and shape[2] not in _FEW:
        readings = ["THW"]
    elif len(shape) == 4:
        readings = [letters for letters, at in (("THWC", 3), ("TCHW", 1)) if shape[at] in _FEW]
    if len(readings) == 1:
        return Axes(readings[0])
    why = (
        f"its shape {tuple(shape)} could be {' or '.join(readings)}"
        if readings
        else f"its shape is {tuple(shape)}"
    )
    if len(shape) not in (3, 4):
        raise UsageError(f"{path} is no stack of frames", why=f"{why}; 3 or 4 axes are needed")
    raise UsageError(
        f"the axes of {path} are ambiguous",
        why=why,
        hint='--axes THWC, or whatever their order is (in Python: axes="THWC")',
    )


def named_axes(names: Sequence[str]) -> Axes | None:
    """Tell the axes from their names, or return None where one means nothing or two mean the same.

    Example:
        >>> named_axes(("time", "lat", "lon")), named_axes(("time", "", ""))
        (Axes(letters='THW'), None)
    """
    letters = [
        next((letter for letter, known in _NAMES.items() if name.casefold() in known), "") for name in names
    ]
    is_stack = sorted(letters) in (sorted("THW"), sorted("THWC"))
    return Axes("".join(letters)) if is_stack else None
