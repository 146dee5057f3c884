"""What a reader in a process of its own says, as lines of JSON: nothing is ever unpickled.

Frames themselves go through shared memory ([seqimg.sequences.isolated.ring][]); these are the words about them.
What arrives is not trusted: a decoder that a file has overpowered may say anything.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from seqimg.errors import SeqimgError
from seqimg.sequences.base import SequenceError
from seqimg.sequences.damage import Damage
from seqimg.sequences.info import SequenceInfo
from seqimg.sequences.isolated.message_info import (
    NonsenseError,
    info_from,
    is_count,
    is_number,
    plain_fraction,
)

__all__ = [
    "MAX_LINE",
    "Alive",
    "Announced",
    "Answer",
    "Ended",
    "Failed",
    "Message",
    "NonsenseError",
    "Opened",
    "Still",
    "Stopped",
    "encode",
    "failure",
    "parse",
    "words_of",
]

MAX_LINE = 2**24
"""Most bytes of one message."""

_MOST_TEXT = 4096


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


@dataclass(frozen=True, slots=True)
class Still:
    """The threads of the decoder wait for each other for ever."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found by looking at a file.

    Attributes:
        words: As they came: whoever asked has to check them.
    """

    words: dict[str, Any]


Message = Opened | Announced | Answer | Ended | Failed | Alive | Still | Stopped


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
        seqimg.sequences.isolated.message_info.NonsenseError: index is -1
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
            return Opened(info_from(words.get("info")))
        case "failed":
            return _failed(words)
        case "answer":
            return Answer(words)
        case "alive":
            return Alive()
        case "still":
            return Still()
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
        return plain_fraction(value)
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


def _count(value: Any, name: str) -> int:
    if not is_count(value):
        raise NonsenseError(f"{name} is {value!r:.40}")
    return int(value)


def _seconds(value: Any) -> float:
    if not is_number(value) or not math.isfinite(value):
        raise NonsenseError("time is no number")
    return float(value)


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise NonsenseError(f"{name} is no text")
    return value


def _text_or_none(value: object, name: str) -> str | None:
    return None if value is None else _text(value, name)
