"""The type of a frame's pixels, apart because it needs NumPy."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["PICTURE_CHANNELS", "Pixels"]

Pixels = NDArray[np.generic]
"""`[H, W, C]`, uint8, uint16 or floating."""

PICTURE_CHANNELS = (1, 3, 4)
"""How many channels make a picture that video can show: grey, RGB, RGBA."""
