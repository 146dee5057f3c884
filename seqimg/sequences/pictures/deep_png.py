"""PNG files with 16-bit colours, which Pillow would turn into 8-bit ones."""

from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np

from seqimg.sequences.base import SequenceError
from seqimg.sequences.limits import check_limit
from seqimg.sequences.pictures.picture import Picture
from seqimg.sequences.pixeltypes import Pixels

__all__ = ["decode_deep_png", "describe_deep_png", "encode_deep_png", "read_deep_png"]

_MAX_FILE = 2**33  # 2**28 pixels of 16-bit RGBA, four times over
_CHANNELS = {2: 3, 4: 2, 6: 4}  # by the header's colour type


def describe_deep_png(path: Path, head: bytes) -> Picture | None:
    """Return what the PNG is if it has 16-bit colours, and None for any other PNG.

    Args:
        path: The file, for messages.
        head: Its first 26 bytes.

    Raises:
        SequenceError: It is 16-bit grey with alpha, which nothing here decodes.
    """
    depth, colour_type = head[24:26]
    if depth != 16 or colour_type not in _CHANNELS:
        return None
    if colour_type == 4:
        raise SequenceError(f"cannot read {path}", why="16-bit grey with alpha is not supported")
    width, height = (int.from_bytes(head[at : at + 4], "big") for at in (16, 20))
    return Picture(height, width, _CHANNELS[colour_type], "uint16", "png")


def read_deep_png(path: Path) -> Pixels:
    """Decode a PNG with 16-bit colours to `[H, W, C]` uint16.

    Raises:
        SequenceError: It is damaged.
    """
    size = path.stat().st_size
    check_limit(path, "bytes in a picture", size, _MAX_FILE)
    return decode_deep_png(path, path.read_bytes())


def decode_deep_png(path: Path, data: bytes) -> Pixels:
    """Decode the bytes of a PNG with 16-bit colours to `[H, W, C]` uint16.

    Profiles and texts, which could unpack to anything, are left out first.

    Raises:
        SequenceError: It is damaged.
    """
    decoder = av.CodecContext.create("png", "r")
    decoder.options = {"err_detect": "crccheck+explode"}
    try:
        frames = [*decoder.decode(av.Packet(_needed_chunks(data))), *decoder.decode(None)]
    except av.error.FFmpegError as error:
        raise SequenceError(f"{path} is damaged", why=error.strerror) from error
    if len(frames) != 1 or frames[0].is_corrupt:
        raise SequenceError(f"{path} is damaged", why="part of the picture is missing")
    pixels: Pixels = frames[0].to_ndarray().copy()
    return pixels


def _needed_chunks(data: bytes) -> bytes:
    kept, at = [data[:8]], 8
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] in (b"IHDR", b"tRNS", b"IDAT", b"IEND"):
            kept.append(data[at : at + 12 + size])
        at += 12 + size
    # What is cut off is damage, not something to leave out.
    return b"".join([*kept, data[at:]])


def encode_deep_png(pixels: Pixels) -> bytes:
    """Encode `[H, W, 3 or 4]` uint16 as a PNG."""
    layout = {3: "rgb48be", 4: "rgba64be"}[pixels.shape[2]]
    encoder = av.CodecContext.create("png", "w")
    encoder.height, encoder.width = pixels.shape[:2]
    encoder.pix_fmt, encoder.time_base = layout, Fraction(1)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=layout)
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
