"""Which format a path is of, by its suffix."""

import os
import re
from pathlib import PurePath
from typing import Literal

from seqimg.plugins.manager import plugin_host
from seqimg.plugins.specs import FormatSpec

__all__ = ["by_scheme", "by_suffix", "for_folder", "schemes", "suffixes", "unlike_files"]

Part = Literal["reader", "writer"]


def by_suffix(name: str, part: Part) -> FormatSpec | None:
    """Return the format with a reader or writer whose suffix ends the file name, the longest if several.

    Example:
        >>> by_suffix("Clip.MP4", "writer").name, by_suffix("clip.avi", "writer")
        ('mp4', None)
    """
    endings = {suffix: spec for spec in _with(part) for suffix in spec.suffixes if suffix}
    fitting = [suffix for suffix in endings if name.lower().endswith(suffix)]
    return endings[max(fitting, key=len)] if fitting else None


def by_scheme(source: str) -> FormatSpec | None:
    """Return the format that reads addresses beginning like this one, or None if it is no such address.

    Example:
        >>> by_scheme("clip.mp4") is None
        True
    """
    scheme, colon, rest = source.partition(":")
    if not colon or (not rest.startswith("//") and os.path.lexists(source)):
        return None  # a file may be called camera:0
    return next((spec for spec in _with("reader") if scheme.lower() in spec.schemes), None)


def unlike_files(source: str, *, raw: bool = False) -> FormatSpec | None:
    """Return the format of what is no file with a name that says it: standard input, raw pixels, cameras.

    Args:
        source: What the user wrote.
        raw: Whether the user said what raw pixels are.

    Example:
        >>> unlike_files("-").name, unlike_files("/dev/video0").name, unlike_files("clip.mp4")
        ('raw', 'camera', None)
    """
    host = plugin_host()
    if source == "-" or (raw and by_suffix(PurePath(source).name, "reader") is None):
        return host.formats.get("raw")
    return host.formats.get("camera") if re.fullmatch(r"/dev/video\d+", source) else None


def schemes() -> list[str]:
    """Return every scheme that can be read, sorted."""
    return sorted({scheme for spec in _with("reader") for scheme in spec.schemes})


def for_folder(part: Part) -> FormatSpec | None:
    """Return the format of folders."""
    return next((spec for spec in _with(part) if "" in spec.suffixes), None)


def suffixes(part: Part) -> list[str]:
    """Return every suffix that can be read or written, sorted."""
    return sorted({suffix for spec in _with(part) for suffix in spec.suffixes if suffix})


def _with(part: Part) -> list[FormatSpec]:
    return [spec for spec in plugin_host().formats.values() if getattr(spec, part) is not None]
