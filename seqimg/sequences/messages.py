"""What a reader in a process of its own says, as lines of JSON: nothing is ever unpickled.

Frames themselves go through shared memory ([seqimg.sequences.ring][]); these are the words about them.
What arrives is not trusted: a decoder that a file has overpowered may say anything.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any

from seqimg.errors import SeqimgError
from seqimg.sequences.base import DTYPES, SequenceError
from seqimg.sequences.damage import Damage
from seqimg.sequences.info import SequenceInfo
from seqimg.sequences.limits import check_size

__all__ = [
    "MAX_LINE",
    "Alive",
    "Announced",
    "Ended",
    "Failed",
    "Message",
    "NonsenseError",
    "Opened",
    "Stopped",
    "encode",
    "failure",
    "info_words",
    "parse",
    "words_of",
]

MAX_LINE = 2**24
"""Most bytes of one message."""

_MOST_TEXT = 4096


class NonsenseError(ValueError):
    """A line is no message."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A sequence is open.

    Attributes:
        info: What it is.
    """

    info: SequenceInfo


@dataclass(frozen=True, slots=True)
class Announced:
    """The next slot of the ring holds a frame.

    Attributes:
        index: The frame's place in the source.
        time: Its seconds since the first frame.
        damage: What was left out since the frame before.
    """

    index: int
    time: float
    damage: tuple[Damage, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """The pass has no more frames.

    Attributes:
        damage: What was left out since the last frame.
    """

    damage: tuple[Damage, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """An exception ended the pass, or the attempt to open the sequence.

    Attributes:
        kinds: The names of its class and of that class's bases, the nearest first.
        message: What failed.
        why: The reason.
        hint: What to try.
        damage: What was left out since the last frame.
    """

    kinds: tuple[str, ...]
    message: str
    why: str | None
    hint: str | None
    damage: tuple[Damage, ...]

    @property
    def expected(self) -> bool:
        """Whether the reader itself said so; otherwise it broke down."""
        return _name(SeqimgError) in self.kinds

    def error(self) -> SeqimgError:
        """Return the exception again, of the nearest class that this process knows."""
        known = {_name(kind): kind for kind in _classes(SeqimgError)}
        kind = next((known[name] for name in self.kinds if name in known), SequenceError)
        error: SeqimgError = kind.__new__(kind)
        SeqimgError.__init__(error, self.message, why=self.why, hint=self.hint)
        return error


@dataclass(frozen=True, slots=True)
class Alive:
    """Work goes on."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """A pass that was to stop has; all that was said before concerns it."""


Message = Opened | Announced | Ended | Failed | Alive | Stopped


def encode(words: Mapping[str, object]) -> bytes:
    r"""Return a message as one line; text that is no Unicode, as in odd file names, survives.

    Example:
        >>> encode({"say": "alive"})
        b'{"say":"alive"}\n'
    """
    return json.dumps(words, separators=(",", ":"), default=_plain).encode("ascii") + b"\n"


def parse(line: bytes) -> Message:
    r"""Return what a line says.

    Raises:
        NonsenseError: It says nothing that has a meaning.

    Example:
        >>> parse(b'{"say":"frame","index":3,"time":0.12,"damage":[[1,2,"bad data"]]}\n')
        Announced(index=3, time=0.12, damage=(Damage(index=1, count=2, reason='bad data'),))
        >>> parse(b'{"say":"frame","index":-1,"time":0}')
        Traceback (most recent call last):
            ...
        seqimg.sequences.messages.NonsenseError: index is -1
    """
    words = words_of(line)
    say = words.get("say")
    match say:
        case "frame":
            return Announced(
                _count(words.get("index"), "index"), _seconds(words.get("time")), _damage(words.get("damage"))
            )
        case "end":
            return Ended(_damage(words.get("damage")))
        case "opened":
            return Opened(_info(words.get("info")))
        case "failed":
            return _failed(words)
        case "alive":
            return Alive()
        case "stopped":
            return Stopped()
    raise NonsenseError(f"say is {say!r:.40}")


def words_of(line: bytes) -> dict[str, Any]:
    """Return a line's words.

    Raises:
        NonsenseError: It is no JSON object.
    """
    if len(line) > MAX_LINE:
        raise NonsenseError("the line is too long")
    try:
        words = json.loads(line)
    # Digits without end and brackets without end are refused by Python with errors of their own.
    except (ValueError, RecursionError) as error:
        raise NonsenseError("no JSON") from error
    if not isinstance(words, dict):
        raise NonsenseError("no object")
    return words


def info_words(info: SequenceInfo) -> dict[str, object]:
    """Return a sequence's description as JSON can say it."""
    return {field.name: getattr(info, field.name) for field in fields(info)}


def failure(error: BaseException, damage: list[Damage]) -> dict[str, object]:
    """Return the words for an exception."""
    kinds = [_name(kind) for kind in type(error).__mro__]
    if isinstance(error, SeqimgError):
        message, why, hint = error.message, error.why, error.hint
    else:
        message, why, hint = f"{type(error).__name__}: {error}", None, None
    return {
        "say": "failed",
        "kinds": kinds,
        "message": message[:_MOST_TEXT],
        "why": why and why[:_MOST_TEXT],
        "hint": hint and hint[:_MOST_TEXT],
        "damage": damage,
    }


def _plain(value: object) -> object:
    if isinstance(value, Fraction):
        return {"fraction": [value.numerator, value.denominator]}
    if isinstance(value, Damage):
        return [value.index, value.count, value.reason]
    raise TypeError(f"{type(value).__name__} is not for messages")


def _name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _classes(kind: type[SeqimgError]) -> list[type[SeqimgError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in _classes(child))]


def _failed(words: dict[str, Any]) -> Failed:
    kinds = words.get("kinds")
    if not isinstance(kinds, list):
        raise NonsenseError("kinds are no list")
    return Failed(
        tuple(_text(kind, "kind") for kind in kinds),
        _text(words.get("message"), "message"),
        _text_or_none(words.get("why"), "why"),
        _text_or_none(words.get("hint"), "hint"),
        _damage(words.get("damage")),
    )


def _damage(value: object) -> tuple[Damage, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, list) and len(item) == 3 for item in value):
        raise NonsenseError("damage is no list of three each")
    return tuple(
        Damage(
            _count(index, "index"), None if count is None else _count(count, "count"), _text(reason, "reason")
        )
        for index, count, reason in value
    )


def _info(value: object) -> SequenceInfo:
    """Check a description as strictly as one that a stranger hands in."""
    if not isinstance(value, dict) or not value.keys() <= {field.name for field in fields(SequenceInfo)}:
        raise NonsenseError("info is no description of a sequence")
    given = {name: _value(item) for name, item in value.items()}
    for name in ("height", "width", "channels"):
        _count(given.get(name), name)
    if given.get("frame_count") is not None:
        _count(given["frame_count"], "frame_count")
    if given.get("dtype") not in DTYPES:
        raise NonsenseError("dtype is none of frames")
    for name in ("path", "format"):
        _text(given.get(name), name)
    names, low_high, rate = given.get("channel_names"), given.get("value_range"), given.get("fps")
    if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
        raise NonsenseError("channel_names are no words")
    if not isinstance(low_high, tuple) or len(low_high) != 2 or not all(map(_is_number, low_high)):
        raise NonsenseError("value_range is no pair of numbers")
    if rate is not None and not (isinstance(rate, Fraction) and rate > 0):
        raise NonsenseError("fps is no rate")
    try:
        check_size(given["path"], given["height"], given["width"], given["channels"])
        return SequenceInfo(**given)
    except (SequenceError, TypeError) as error:
        raise NonsenseError(str(error)) from error


def _value(value: object) -> Any:
    """Return a field's value with the types that JSON has not."""
    if isinstance(value, list):
        return tuple(map(_value, value))
    if isinstance(value, dict):
        parts = value.get("fraction")
        if not (isinstance(parts, list) and len(parts) == 2 and all(type(part) is int for part in parts)):
            raise NonsenseError("an object that is no fraction")
        if parts[1] == 0:
            raise NonsenseError("a fraction over zero")
        return Fraction(*parts)
    return value


def _count(value: object, name: str) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise NonsenseError(f"{name} is {value!r:.40}")
    return value


def _seconds(value: Any) -> float:
    if not _is_number(value) or not math.isfinite(value):
        raise NonsenseError("time is no number")
    return float(value)


def _is_number(value: Any) -> bool:
    # Numbers beyond any float would not convert.
    return type(value) is float or (type(value) is int and abs(value) < 2**63)


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise NonsenseError(f"{name} is no text")
    return value


def _text_or_none(value: object, name: str) -> str | None:
    return None if value is None else _text(value, name)
