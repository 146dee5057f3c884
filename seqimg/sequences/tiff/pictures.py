"""TIFF files with tifffile, which keeps depths that Pillow would lose: 16-bit colour, floats, many channels."""

import logging
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tifffile

from seqimg.sequences.base import DTYPES, SequenceError
from seqimg.sequences.limits import MAX_PIXELS, check_limit, check_size
from seqimg.sequences.pictures.picture import Picture
from seqimg.sequences.pixeltypes import Pixels
from seqimg.sequences.tiff.tags import look_over

__all__ = ["decode_page", "describe_page", "describe_tiff", "nodata", "opened_tiff", "read_tiff"]

_DEFLATE = (tifffile.COMPRESSION.ADOBE_DEFLATE, tifffile.COMPRESSION.DEFLATE)
_PLAIN = (tifffile.COMPRESSION.NONE, *_DEFLATE)
_DIRECT = (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB)
_NODATA = 42113  # GDAL's tag for the value that stands for missing ones
_DEFLATE_RATIO = 1032
_HARMLESS = 2**28
_PIECE = 2**16

# It logs every odd tag; what matters is raised.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


@contextmanager
def opened_tiff(path: Path) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF whose directories are looked over already."""
    with tifffile.TiffFile(path) as file:
        yield file


def describe_tiff(path: Path) -> tuple[Picture | None, float | None]:
    """Return what the TIFF is, or None where Pillow reads it, and without loss; and its missing value.

    Raises:
        SequenceError: It holds several pictures, or one of a kind that cannot be read whole.
    """
    pages = look_over(path)
    if len(pages.offsets) != 1:
        raise SequenceError(
            f"{path} holds {len(pages.offsets)} pictures",
            why="a frame folder has one picture in each file",
            hint="the file itself, as a sequence",
        )
    with opened_tiff(path) as file:
        page = file.pages.first
        return describe_page(path, page), nodata(page)


def describe_page(path: Path, page: tifffile.TiffPage) -> Picture | None:
    """Return what a page is, or None where Pillow reads it, and without loss.

    Raises:
        SequenceError: It is of a kind that cannot be read whole, or over the limits.
    """
    # tifffile would show absent parts as zeros.
    if not page.dataoffsets or not all(page.dataoffsets) or not all(page.databytecounts):
        raise SequenceError(f"{path} is damaged", why="parts of the picture are missing")
    height, width, dtype = page.imagelength, page.imagewidth, str(page.dtype)
    check_size(path, height, width, page.samplesperpixel)
    if page.is_tiled:
        check_limit(path, "pixels in a tile", page.tilewidth * page.tilelength, MAX_PIXELS)
    is_plain = page.compression in _PLAIN and page.photometric in _DIRECT and dtype in DTYPES
    if is_plain and page.axes in ("YX", "YXS", "SYX"):
        return Picture(height, width, page.samplesperpixel, dtype, "tiff")
    if dtype in ("bool", "uint8") or (dtype in ("uint16", "float32") and page.axes == "YX"):
        return None
    try:
        compression = tifffile.COMPRESSION(page.compression).name
    except ValueError:
        compression = str(page.compression)
    raise SequenceError(
        f"cannot read {path}",
        why=f"{dtype} pixels, axes {page.axes}, compression {compression} are not supported",
        hint="save it as uint16 or float32, uncompressed or with deflate",
    )


def read_tiff(path: Path) -> Pixels:
    """Decode a TIFF that `describe_tiff` described to `[H, W, C]`."""
    with opened_tiff(path) as file:
        return decode_page(path, file.pages.first)


def decode_page(path: Path, page: tifffile.TiffPage) -> Pixels:
    """Decode a page that `describe_page` described to `[H, W]` or `[H, W, C]`."""
    if page.compression in _DEFLATE:
        _refuse_bombs(path, page)
    pixels: Pixels = np.asarray(page.asarray())
    return np.moveaxis(pixels, 0, -1) if page.axes == "SYX" else pixels


def nodata(page: tifffile.TiffPage) -> float | None:
    """Return the value that stands for missing ones, as GDAL notes it, or None."""
    tag = page.tags.get(_NODATA)
    try:
        value = float(str(tag.value).strip("\0 ")) if tag is not None else None
    except ValueError:
        return None
    if value is None or math.isnan(value):
        return None
    # Of an integer file, a value that no pixel can have means nothing.
    if page.dtype is not None and page.dtype.kind == "u":
        fits = value.is_integer() and 0 <= value <= np.iinfo(page.dtype).max
        return value if fits else None
    return value


def _refuse_bombs(path: Path, page: tifffile.TiffPage) -> None:
    """Unpack suspicious parts in small pieces first: tifffile would unpack them whole, whatever comes."""
    handle = page.parent.filehandle
    allowed = page.nbytes + _PIECE
    for offset, size in zip(page.dataoffsets, page.databytecounts, strict=True):
        if size * _DEFLATE_RATIO <= _HARMLESS:
            continue
        handle.seek(offset)
        unpacker, unpacked, left = zlib.decompressobj(), 0, size
        while left > 0 and not unpacker.eof:
            packed = handle.read(min(left, _PIECE))
            if not packed:  # the file ends before the part does
                break
            left -= len(packed)
            while packed and not unpacker.eof:
                unpacked += len(unpacker.decompress(packed, _PIECE))
                packed = unpacker.unconsumed_tail
                check_limit(path, "bytes unpacked of one page", unpacked, allowed)
