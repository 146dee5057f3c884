"""What a decoder says is believed only if it is a message; nothing else can come of it."""

import json
from contextlib import suppress
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqimg.sequences import Damage, SequenceInfo
from seqimg.sequences.isolated.message_info import info_words
from seqimg.sequences.isolated.messages import (
    Announced,
    Ended,
    Failed,
    NonsenseError,
    Opened,
    encode,
    failure,
    parse,
)

TEXT = st.text(st.characters(exclude_categories=()), max_size=20)  # surrogates of odd file names as well
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
)
WORDS = st.fixed_dictionaries(
    {"say": st.sampled_from(["frame", "end", "opened", "failed", "alive", "stopped"]) | JSON},
    optional=dict.fromkeys(("index", "time", "damage", "info", "kinds", "message", "why", "hint"), JSON),
)
DAMAGE = st.builds(Damage, st.integers(0, 2**62), st.none() | st.integers(0, 2**62), TEXT)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
INFO = st.builds(
    SequenceInfo,
    path=TEXT,
    format=TEXT,
    height=st.integers(1, 4000),
    width=st.integers(1, 4000),
    channels=st.integers(1, 40),
    dtype=st.sampled_from(["uint8", "uint16", "float16", "float32", "float64"]),
    value_range=st.tuples(NUMBERS, NUMBERS),
    fps=st.none() | st.fractions(Fraction(1, 100), 1000),
    frame_count=st.none() | st.integers(0, 2**40),
    codec=st.none() | TEXT,
    fill_value=st.none() | NUMBERS,
    rotation=st.sampled_from([0, 90, 180, 270]),
    pixel_aspect=st.fractions(Fraction(1, 100), 100),
    live=st.booleans(),
    notes=st.lists(TEXT, max_size=3).map(tuple),
)


@given(line=st.binary(max_size=200))
def test_any_bytes(line: bytes) -> None:
    with suppress(NonsenseError):
        parse(line)


@given(words=WORDS)
def test_any_words(words: dict[str, Any]) -> None:
    with suppress(NonsenseError):
        message = parse(json.dumps(words).encode())
        if isinstance(message, Opened):
            assert message.info.height > 0
        if isinstance(message, Announced):
            assert message.index >= 0


@given(info=INFO, name=st.sampled_from(list(SequenceInfo.__dataclass_fields__)), value=JSON)
def test_descriptions_with_one_odd_value(info: SequenceInfo, name: str, value: Any) -> None:
    words = info_words(info) | {name: value}
    with suppress(NonsenseError):
        message = parse(encode({"say": "opened", "info": words}))
        assert isinstance(message, Opened)
        message.info.sentence()


@given(info=INFO)
def test_descriptions_come_back(info: SequenceInfo) -> None:
    assert parse(encode({"say": "opened", "info": info_words(info)})) == Opened(info)


@given(index=st.integers(0, 2**62), time=NUMBERS, damage=st.lists(DAMAGE, max_size=3))
def test_frames_come_back(index: int, time: float, damage: list[Damage]) -> None:
    line = encode({"say": "frame", "index": index, "time": time, "damage": damage})
    assert line.count(b"\n") == 1
    assert parse(line) == Announced(index, time, tuple(damage))
    assert parse(encode({"say": "end", "damage": damage})) == Ended(tuple(damage))


@given(text=TEXT)
def test_errors_come_back(text: str) -> None:
    message = parse(encode(failure(ValueError(text), [])))
    assert isinstance(message, Failed)
    assert not message.expected
    assert message.message == f"ValueError: {text}"


NUMBER = b'{"say":' + b"9" * 100_000 + b"}"


@pytest.mark.parametrize(
    "line",
    [b"", b"\n", b"null", b"[]", b"[" * 100_000, NUMBER, b'{"say":"frame"}', b'{"say":"fr\xff"}'],
    ids=range(8),
)
def test_nonsense(line: bytes) -> None:
    with pytest.raises(NonsenseError):
        parse(line)
