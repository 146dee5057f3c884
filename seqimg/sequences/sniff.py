"""What a file or folder is by its content."""

import os
from pathlib import Path
from typing import BinaryIO

__all__ = ["sniff", "sniff_folder"]

_HEADS = (
    (0, b"\x93NUMPY", "npy"),
    (0, b"GIF8", "gif"),
    (4, b"ftyp", "mp4"),
    (4, b"moov", "mp4"),
    (0, b"\x1a\x45\xdf\xa3", "mp4"),  # Matroska
    (8, b"AVI ", "video"),
    (0, b"FLV\x01", "video"),
    (0, b"OggS", "video"),
    (0, b"\x00\x00\x01\xba", "video"),  # MPEG program stream
    (0, b"YUV4MPEG2 ", "video"),
    (0, b"\x89HDF\r\n\x1a\n", "hdf5"),
)
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ZARR = (".zarray", ".zgroup", "zarr.json")
_CHUNKS = 1000  # that may stand before a PNG's pixels


def sniff(path: Path) -> str | None:
    """Return the name of the built-in format that `path` begins like, or None.

    Still pictures are none: a PNG is one only if it is animated, and a TIFF, whose first bytes do
    not tell, always.

    Example:
        >>> path = Path(tmp) / "clip"
        >>> _ = path.write_bytes(b"GIF89a...")
        >>> sniff(path)
        'gif'
    """
    with path.open("rb") as file:
        head = file.read(24)
        if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and head[20:21] and head[20] & 2:
            return "webp"
        if head[:8] == b"\x89PNG\r\n\x1a\n":
            return "apng" if _is_animated_png(file) else None
    if head.startswith(_TIFF):
        return "tiff"
    return next((name for at, magic, name in _HEADS if head[at : at + len(magic)] == magic), None)


def sniff_folder(path: Path) -> str | None:
    """Return `"zarr"` for a folder that is a Zarr array or group, else None."""
    is_zarr = path.name.lower().endswith(".zarr") or any(os.path.isfile(path / name) for name in _ZARR)
    return "zarr" if is_zarr else None


def _is_animated_png(file: BinaryIO) -> bool:
    file.seek(8)
    for _ in range(_CHUNKS):
        chunk = file.read(8)
        if len(chunk) < 8 or chunk[4:] == b"IDAT":
            return False
        if chunk[4:] == b"acTL":
            return True
        file.seek(int.from_bytes(chunk[:4], "big") + 4, os.SEEK_CUR)
    return False
