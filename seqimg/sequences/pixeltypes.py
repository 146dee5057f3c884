"""The type of a frame's pixels, apart because it needs NumPy."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["Pixels"]

Pixels = NDArray[np.generic]
"""`[H, W, C]`, uint8, uint16 or floating."""
