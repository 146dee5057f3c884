"""Pictures of whatever tasks give: any size, any number of channels, with and without missing values."""

import io
import json
import struct
import threading
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from seqimg.live.hub import packed
from seqimg.live.pictures import QUALITIES, Moment
from tests.support.live import moment_of


def _moment(frame: torch.Tensor, answer: torch.Tensor | None = None, **more: Any) -> Moment:
    return Moment(1, 0, 0.0, 0.0, frame, answer, **more)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 7),
    st.integers(1, 70),
    st.integers(1, 70),
    st.sampled_from(["input", "output", "difference"]),
    st.booleans(),
)
def test_any_picture_can_be_sent(channels: int, height: int, width: int, part: Any, missing: bool) -> None:
    frame = torch.rand(channels, height, width) * 1.4 - 0.2
    if missing:
        frame[:, 0, 0] = torch.nan
    encoded = _moment(frame, frame.flip(0)).encoded(part, "medium")
    assert encoded is not None
    image = Image.open(io.BytesIO(encoded.data))
    image.load()
    assert image.size == (width, height) == (encoded.width, encoded.height)


def test_large_pictures_are_made_smaller_for_slow_lines() -> None:
    moment = _moment(torch.rand(3, 1080, 1920))
    for quality, (longer, _) in QUALITIES.items():
        encoded = moment.encoded("input", quality)
        assert encoded is not None
        assert (encoded.width, encoded.full) == (min(longer, 1920), 1920)
        assert abs(encoded.width / encoded.height - 16 / 9) < 0.01


def test_each_is_made_once_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    pixels = Moment.pixels
    monkeypatch.setattr(Moment, "pixels", lambda self, part: (made.append(part), pixels(self, part))[1])
    moment = _moment(torch.rand(3, 90, 90), torch.rand(3, 90, 90))
    threads = [threading.Thread(target=moment.encoded, args=("output", "low")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ["output"]


def test_there_is_no_difference_to_an_answer_of_another_size_and_the_answer_is_sent() -> None:
    moment = _moment(torch.rand(3, 20, 20), torch.rand(3, 20, 60))
    assert moment.encoded("difference", "low") is None
    about, pictures = moment_of(packed(moment, ("difference",), "low"))
    assert [part["part"] for part in about["parts"]] == ["output"]
    assert len(pictures) == 1
    about, _ = moment_of(packed(_moment(torch.rand(3, 20, 20)), ("output", "bare"), "low"))
    assert [part["part"] for part in about["parts"]] == ["input"], "nothing is answered yet"


def test_no_difference_is_black_and_a_large_one_is_bright() -> None:
    frame = torch.full((3, 8, 8), 0.5)
    answer = frame.clone()
    answer[:, :, 4:] = 1.0
    pixels = _moment(frame, answer).pixels("difference")
    assert pixels is not None
    assert pixels[0, 0].max() < 10
    assert pixels[0, 7].min() > 150


def test_a_snapshot_is_exact() -> None:
    answer = (torch.arange(48).reshape(3, 4, 4) / 255).float()
    image = Image.open(io.BytesIO(_moment(torch.zeros(3, 4, 4), answer).png()))
    assert (np.asarray(image).transpose(2, 0, 1) == np.arange(48).reshape(3, 4, 4)).all()


def test_words_are_such_as_a_page_can_read() -> None:
    row = {"a": float("nan"), "b": float("inf"), "c": "x" * 5000, "d": True, "e": None, "f": 0.5, "g": "ü<b>"}
    moment = _moment(torch.rand(1, 4, 4), line="l" * 9999, rows=(row,))
    data = packed(moment, ("input",), "low")
    (length,) = struct.unpack(">I", data[:4])
    about = json.loads(data[4 : 4 + length], parse_constant=lambda name: pytest.fail(name))
    assert about["rows"] == [
        {"a": None, "b": None, "c": "x" * 300, "d": True, "e": None, "f": 0.5, "g": "ü<b>"}
    ]
    assert len(about["line"]) == 300
