"""Addresses as they may be shown: names, passwords and tokens are nobody's business."""

import re

__all__ = ["is_address", "masked", "masked_word"]

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.DOTALL)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)")
_PORT = re.compile(r"[^:/@]*:(?!\d*(?:/|$))")


def is_address(source: object) -> bool:
    """Tell whether a source is an address rather than a path.

    Args:
        source: A path or an address.

    Example:
        >>> is_address("rtsp://cam.example/1"), is_address("clip.mp4")
        (True, False)
    """
    return isinstance(source, str) and _ADDRESS.fullmatch(source) is not None


def masked(source: str) -> str:
    """Return an address without credentials; anything else as it is.

    Args:
        source: A path or an address.

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


def masked_word(word: str) -> str:
    """Return a word of a command line without the credentials of addresses in it; rather too little than too much.

    Args:
        word: An option with its value, for instance.

    Example:
        >>> masked_word("--data=http://me:secret@a.example/1.mp4,http://me:secret@b.example/2.mp4?key=abc")
        '--data=http://***@b.example/2.mp4?***'
    """
    found = _SCHEME.search(word)
    if found is None:
        return word
    _, at, rest = word[found.end() :].rpartition("@")
    place, query, _ = rest.partition("?")
    return word[: found.end()] + ("***@" if at else "") + place + ("?***" if query else "")


def _without_values(query: str) -> str:
    return "&".join(
        f"{name}=***" if equals else "***"
        for name, equals, _ in (part.partition("=") for part in query.split("&"))
    )
