"""Operations on frames as people write them, `gaussian:sigma=2,mode=reflect`: a name, a colon, and parameters."""

import re
from collections.abc import Iterable, Iterator

from seqimg.errors import UsageError

__all__ = ["joined", "split_word"]

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def split_word(text: str) -> tuple[str, dict[str, str]]:
    """Split `NAME:KEY=VALUE,KEY=VALUE`.

    Args:
        text: What somebody wrote.

    Raises:
        UsageError: It is not written so.

    Example:
        >>> split_word("gaussian:sigma=2,mode=reflect")
        ('gaussian', {'sigma': '2', 'mode': 'reflect'})
    """
    name, colon, rest = (part.strip() for part in text.strip().partition(":"))
    if not _NAME.fullmatch(name) or (colon and not rest):
        raise _unreadable(text)
    values: dict[str, str] = {}
    for part in rest.split(",") if rest else ():
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not (equals and value and _NAME.fullmatch(key)):
            raise _unreadable(text)
        if key in values:
            raise UsageError(f"{name} has {key} twice", why=f"in {text!r}")
        values[key] = value
    return name, values


def joined(words: Iterable[str]) -> Iterator[str]:
    """Put together again what was cut at the commas between parameters.

    Args:
        words: The pieces, in their order.

    Example:
        >>> list(joined(["gaussian:sigma=1", "mode=reflect", "sobel"]))
        ['gaussian:sigma=1,mode=reflect', 'sobel']
    """
    whole = ""
    for word in words:
        if "=" in word and ":" not in word.partition("=")[0] and whole:
            whole += ("," if ":" in whole else ":") + word
        else:
            if whole:
                yield whole
            whole = word
    if whole:
        yield whole


def _unreadable(text: str) -> UsageError:
    return UsageError(
        f"{text!r} is no operation", why="it is written NAME or NAME:KEY=VALUE,…", hint="gaussian:sigma=2"
    )
