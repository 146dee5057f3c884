"""What a file is by its first bytes."""

from pathlib import Path

__all__ = ["sniff"]

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
)


def sniff(path: Path) -> str | None:
    """Return the name of the built-in format that `path` begins like, or None.

    Example:
        >>> path = Path(tmp) / "clip"
        >>> _ = path.write_bytes(b"GIF89a...")
        >>> sniff(path)
        'gif'
    """
    with path.open("rb") as file:
        head = file.read(16)
    return next((name for at, magic, name in _HEADS if head[at : at + len(magic)] == magic), None)
