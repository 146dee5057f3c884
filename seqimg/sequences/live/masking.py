"""Addresses as they may be shown: names, passwords and tokens are nobody's business."""

import re

__all__ = ["is_address", "masked"]

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.DOTALL)
_PORT = re.compile(r"[^:/@]*:(?!\d*(?:/|$))")


def is_address(source: object) -> bool:
    """Tell whether a source is an address rather than a path."""
    return isinstance(source, str) and _ADDRESS.fullmatch(source) is not None


def masked(source: str) -> str:
    """Return an address without credentials; anything else as it is.

    Example:
        >>> masked("rtsp://admin:secret@cam.example/1?token=abc&v")
        'rtsp://***@cam.example/1?token=***&***'
        >>> masked("clip@home.mp4")
        'clip@home.mp4'
    """
    found = _ADDRESS.fullmatch(source)
    if found is None:
        return source
    scheme, rest, query = found.groups()
    host, slash, path = rest.partition("/")
    if "@" in host:
        host = "***@" + host.rpartition("@")[2]
    elif _PORT.match(host) and "@" in path:
        # What stands behind the colon is no port: a password with a slash in it.
        host, slash, path = "***@" + path.rpartition("@")[2], "", ""
    return scheme + host + slash + path + ("" if query is None else "?" + _without_values(query))


def _without_values(query: str) -> str:
    return "&".join(
        f"{name}=***" if equals else "***"
        for name, equals, _ in (part.partition("=") for part in query.split("&"))
    )
