"""TIFF files with tifffile, which keeps depths that Pillow would lose: 16-bit colour, floats, many channels."""

import logging
from pathlib import Path

import numpy as np
import tifffile

from seqimg.sequences.base import DTYPES, SequenceError
from seqimg.sequences.picture import Picture
from seqimg.sequences.pixeltypes import Pixels

__all__ = ["describe_tiff", "read_tiff"]

_PLAIN = (tifffile.COMPRESSION.NONE, tifffile.COMPRESSION.ADOBE_DEFLATE, tifffile.COMPRESSION.DEFLATE)
_DIRECT = (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB)

# It logs every odd tag; what matters is raised.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def describe_tiff(path: Path) -> Picture | None:
    """Return what the TIFF is, or None where Pillow reads it, and without loss.

    Raises:
        SequenceError: It holds several pictures, or one of a kind that cannot be read whole.
    """
    with tifffile.TiffFile(path) as file:
        if len(file.pages) != 1:
            raise SequenceError(
                f"{path} holds {len(file.pages)} pictures", why="a frame folder has one picture in each file"
            )
        page = file.pages.first
        # tifffile would show absent parts as zeros.
        if not page.dataoffsets or not all(page.dataoffsets) or not all(page.databytecounts):
            raise SequenceError(f"{path} is damaged", why="parts of the picture are missing")
        dtype = str(page.dtype)
        if page.compression in _PLAIN and page.photometric in _DIRECT and dtype in DTYPES:
            height, width = page.imagelength, page.imagewidth
            if page.axes in ("YX", "YXS", "SYX"):
                return Picture(height, width, page.samplesperpixel, dtype, "tiff")
        if dtype in ("bool", "uint8") or (dtype in ("uint16", "float32") and page.axes == "YX"):
            return None
        compression = tifffile.COMPRESSION(page.compression).name
        raise SequenceError(
            f"cannot read {path}",
            why=f"{dtype} pixels, axes {page.axes}, compression {compression} are not supported",
            hint="save it as uint16 or float32, uncompressed or with deflate",
        )


def read_tiff(path: Path) -> Pixels:
    """Decode a TIFF that `describe_tiff` described to `[H, W, C]`."""
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        pixels: Pixels = np.asarray(page.asarray())
        return np.moveaxis(pixels, 0, -1) if page.axes == "SYX" else pixels
