"""The description of a sequence as JSON can say it, and back, checked like a stranger's."""

from collections.abc import Callable
from dataclasses import fields
from fractions import Fraction
from typing import Any, TypeGuard

from seqimg.sequences.base import DTYPES, SequenceError
from seqimg.sequences.info import SequenceInfo
from seqimg.sequences.limits import check_size

__all__ = ["NonsenseError", "info_from", "info_words", "is_count", "is_number", "plain_fraction"]

Check = Callable[[Any], bool]


class NonsenseError(ValueError):
    """A line is no message."""


def info_words(info: SequenceInfo) -> dict[str, object]:
    """Return a sequence's description as JSON can say it."""
    return {field.name: getattr(info, field.name) for field in fields(info)}


def info_from(words: object) -> SequenceInfo:
    """Return a description.

    Raises:
        NonsenseError: It is none.
    """
    if not isinstance(words, dict) or not words.keys() <= {field.name for field in fields(SequenceInfo)}:
        raise NonsenseError("info is no description of a sequence")
    given = {name: _value(item) for name, item in words.items()}
    for name, value in given.items():
        if name in _CHECKS and not _CHECKS[name](value):
            raise NonsenseError(f"{name} is {value!r:.40}")
    try:
        check_size(given["path"], given["height"], given["width"], given["channels"])
        return SequenceInfo(**given)
    except (SequenceError, TypeError, KeyError) as error:
        raise NonsenseError(str(error)) from error


def plain_fraction(fraction: Fraction) -> dict[str, list[int]]:
    """Return a fraction as JSON can say it."""
    return {"fraction": [fraction.numerator, fraction.denominator]}


def is_count(value: object) -> TypeGuard[int]:
    """Tell whether a value counts something."""
    return type(value) is int and 0 <= value < 2**63


def is_number(value: Any) -> bool:
    """Tell whether a value is a number that a float can hold."""
    return type(value) is float or (type(value) is int and abs(value) < 2**63)


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


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _are(check: Check) -> Check:
    return lambda value: isinstance(value, tuple) and all(map(check, value))


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _is_ratio(value: object) -> bool:
    return isinstance(value, Fraction) and value > 0


_CHECKS: dict[str, Check] = {
    "path": _is_text,
    "format": _is_text,
    "height": is_count,
    "width": is_count,
    "channels": is_count,
    "dtype": lambda value: value in DTYPES,
    "value_range": lambda value: _are(is_number)(value) and len(value) == 2,
    "channel_names": _are(_is_text),
    "fps": _or_none(_is_ratio),
    "frame_count": _or_none(is_count),
    "codec": _or_none(_is_text),
    "fill_value": _or_none(is_number),
    "rotation": lambda value: type(value) is int,
    "pixel_aspect": _is_ratio,
    "pixel_format": _or_none(_is_text),
    "colour_range": _or_none(_is_text),
    "live": lambda value: type(value) is bool,
    "notes": _are(_is_text),
}
