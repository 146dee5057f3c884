"""Raw pixels in and out: files, pipes, standard input."""

import io
import os
import subprocess
import sys
import threading
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqimg.errors import UsageError
from seqimg.sequences import Damage, SequenceError, open_sequence, save_sequence
from seqimg.sequences.raw.layout import PIXELS, RawLayout
from seqimg.sequences.raw.piping import RawPipe


def _stack(count: int = 5, height: int = 6, width: int = 8, channels: int = 3, dtype: Any = np.uint8) -> Any:
    rng = np.random.default_rng(0)
    if np.dtype(dtype).kind == "f":
        return rng.random((count, height, width, channels)).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max, (count, height, width, channels), dtype, endpoint=True)


def test_a_file(tmp_path: Path) -> None:
    stack = _stack()
    (tmp_path / "a.rgb").write_bytes(stack.tobytes())
    with open_sequence(tmp_path / "a.rgb", raw="8x6@30000/1001") as sequence:
        info = sequence.info
        assert (info.height, info.width, info.channels, info.dtype) == (6, 8, 3, "uint8")
        assert (info.fps, info.frame_count, info.live) == (Fraction(30000, 1001), 5, False)
        for _ in range(2):
            np.testing.assert_array_equal(np.stack(list(sequence)), stack)
        assert [frame.time for frame in sequence.timed()][1] == pytest.approx(1001 / 30000)
        picked = list(sequence.frames([4, 0, 3, 3]))
        assert [frame.index for frame in picked] == [4, 0, 3, 3]
        for frame in picked:
            np.testing.assert_array_equal(frame.pixels, stack[frame.index])
        with pytest.raises(SequenceError, match="no frame 5"):
            list(sequence.frames([5]))


@pytest.mark.parametrize("pixels", PIXELS)
def test_all_pixel_formats(tmp_path: Path, pixels: str) -> None:
    stored, channels = np.dtype(PIXELS[pixels][0]), PIXELS[pixels][1]
    stack = _stack(channels=channels, dtype=stored.newbyteorder("="))
    shown = stack[..., [2, 1, 0, *range(3, channels)]] if pixels.startswith("bgr") else stack
    (tmp_path / "a.raw").write_bytes(stack.astype(stored).tobytes())
    with open_sequence(tmp_path / "a.raw", raw=f"8x6:{pixels}") as sequence:
        assert sequence.info.dtype == stack.dtype.name
        np.testing.assert_array_equal(np.stack(list(sequence)), shown)


@pytest.mark.parametrize(
    ("dtype", "channels", "pixels"),
    [
        ("uint8", 1, "gray"),
        ("uint8", 3, "rgb24"),
        ("uint8", 4, "rgba"),
        ("uint16", 1, "gray16le"),
        ("uint16", 3, "rgb48le"),
        ("uint16", 4, "rgba64le"),
        ("float32", 1, "grayf32le"),
        ("float32", 3, "rgbf32le"),
        ("float16", 3, "rgbf32le"),
    ],
)
def test_what_is_written_is_read_again(tmp_path: Path, dtype: str, channels: int, pixels: str) -> None:
    stack = _stack(channels=channels, dtype=dtype)
    saved = save_sequence(stack, tmp_path / "a.rgb", fps=Fraction(25, 2))
    assert saved.codec == pixels
    raw = saved.notes[0].removeprefix("read again with --raw ")
    assert raw == f"8x6@25/2:{pixels}"
    with open_sequence(tmp_path / "a.rgb", raw=raw) as sequence:
        assert sequence.info.fps == Fraction(25, 2)
        np.testing.assert_array_equal(np.stack(list(sequence)), stack)


def test_too_many_channels(tmp_path: Path) -> None:
    with pytest.raises(SequenceError, match="40 channels"):
        save_sequence(_stack(channels=40), tmp_path / "a.raw")
    assert list(tmp_path.glob("a*")) == []


def test_a_file_of_another_size_than_said(tmp_path: Path) -> None:
    path = tmp_path / "a.rgb"
    path.write_bytes(_stack().tobytes()[:-10])
    with pytest.raises(SequenceError, match="as 8 by 6 rgb24") as caught:
        open_sequence(path, raw="8x6")
    assert "4.9306 frames" in (caught.value.why or "")
    for policy in ("skip", "truncate"):
        with open_sequence(path, raw="8x6", on_error=policy) as sequence:
            assert len(list(sequence)) == 4
            assert sequence.damage == [Damage(4, 1, "the file ends within the frame")]
    path.write_bytes(b"")
    with pytest.raises(SequenceError):
        open_sequence(path, raw="8x6", on_error="skip")


@pytest.mark.parametrize(
    "raw",
    [
        "", "8", "8x", "8x6x3", "8x6@", "8x6@0", "8x6@1/0", "8x6@1001", "8x6:", "8x6:rgb", "-8x6", "8 x 6",
        "8x6@25:rgb24:", "8x6@nan", "٣x6",
    ],
)  # fmt: skip
def test_what_is_no_description(tmp_path: Path, raw: str) -> None:
    (tmp_path / "a.rgb").write_bytes(bytes(999))
    with pytest.raises(UsageError) as caught:
        open_sequence(tmp_path / "a.rgb", raw=raw)
    assert len(str(caught.value).splitlines()) <= 3


def test_sizes_are_checked_before_anything_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a.rgb").write_bytes(bytes(999))
    for raw in ("0x6", "999999999x999999999", "20000x20000"):
        with pytest.raises(SequenceError, match="cannot handle"):
            open_sequence(tmp_path / "a.rgb", raw=raw)


@given(
    width=st.integers(1, 5000), height=st.integers(1, 5000), rate=st.fractions(1, 1000, max_denominator=1001)
)
def test_descriptions_come_back(width: int, height: int, rate: Fraction) -> None:
    layout = RawLayout.parse(f"{width}x{height}@{rate}:gray")
    assert layout == RawLayout(width, height, rate, "gray")


@given(text=st.text(max_size=30))
def test_any_text_is_refused_or_understood(text: str) -> None:
    with suppress(UsageError, SequenceError):
        RawLayout.parse(text)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(count=st.integers(0, 3), over=st.integers(0, 143), pieces=st.lists(st.integers(1, 200), max_size=5))
def test_a_pipe_in_pieces(tmp_path: Path, count: int, over: int, pieces: list[int]) -> None:
    """However the bytes arrive, frames come whole, and what is left over is said."""
    path = tmp_path / "pipe"
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    data = (bytes(range(256)) * 9)[: count * 144 + over]

    def feed() -> None:
        with path.open("wb", buffering=0) as pipe:
            at = 0
            for size in [*pieces, len(data)]:
                pipe.write(data[at : at + size])
                at += size

    feeder = threading.Thread(target=feed)
    feeder.start()
    with open_sequence(path, raw="8x6", on_error="truncate") as sequence:
        assert sequence.info.live
        if not data:
            with pytest.raises(SequenceError, match="nothing came"):
                list(sequence)
        else:
            assert b"".join(frame.tobytes() for frame in sequence) == data[: count * 144]
            assert [damage.index for damage in sequence.damage] == ([count] if over else [])
    feeder.join()


def test_a_pipe_may_be_called_as_raw_files_are(tmp_path: Path) -> None:
    path = tmp_path / "camera.rgb"
    os.mkfifo(path)
    with pytest.raises(UsageError, match="raw pixels, which do not say what they are"):
        open_sequence(path)
    feeder = threading.Thread(target=lambda: path.write_bytes(bytes(144 * 2)))
    feeder.start()
    with open_sequence(path, raw="8x6") as sequence:
        assert sequence.info.live
        assert len(list(sequence)) == 2
    feeder.join()


def _read_stdin(data: bytes, *, on_error: str = "error") -> "subprocess.CompletedProcess[bytes]":
    script = f"""
import sys
from seqimg.sequences import open_sequence
with open_sequence("-", raw="8x6", on_error={on_error!r}, isolate=True) as sequence:
    for frame in sequence:
        sys.stdout.buffer.write(frame.tobytes())
    print(sequence.damage, file=sys.stderr)
    for again in (lambda: list(sequence), lambda: list(sequence.frames([0]))):
        try:
            again()
        except Exception as error:
            print(error, file=sys.stderr)
"""
    return subprocess.run(
        [sys.executable, "-c", script],
        input=data,
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_standard_input() -> None:
    data = _stack().tobytes()
    done = _read_stdin(data)
    assert done.stdout == data
    assert done.stderr.decode().splitlines() == [
        "[]",
        "standard input was read already",
        "what came through it is gone",
        "- is live",
        "its frames can only be taken as they come",
    ]
    done = _read_stdin(data[:-1])
    assert b"standard input ends within frame 4\nonly 143 of 144 bytes came" in done.stderr
    assert _read_stdin(data[:-1], on_error="skip").stdout == data[:-144]
    assert b"nothing came from standard input" in _read_stdin(b"").stderr


def test_raw_must_be_said(tmp_path: Path) -> None:
    (tmp_path / "a.rgb").write_bytes(bytes(144))
    for source in (tmp_path / "a.rgb", "-"):
        with pytest.raises(UsageError, match="do not say what they are"):
            open_sequence(source)
    np.save(tmp_path / "a.npy", np.zeros((2, 8, 8), np.uint8))
    with pytest.raises(UsageError, match="raw means nothing"):
        open_sequence(tmp_path / "a.npy", raw="8x6")
    # A file whose name says nothing is what the user says it is.
    (tmp_path / "dump.bin").write_bytes(bytes(288))
    with open_sequence(tmp_path / "dump.bin", raw="8x6") as sequence:
        assert len(list(sequence)) == 2


def test_a_pipe_hands_each_frame_on(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(bytes(144))
    with open_sequence(tmp_path / "a.raw", raw="8x6") as sequence:
        info = sequence.info
    received = io.BytesIO()
    pipe = RawPipe(received, info)
    for number in range(1, 4):
        pipe.write(np.full((6, 8, 3), number, np.uint8))
        assert received.getvalue()[-144:] == bytes([number]) * 144
    read, write = os.pipe()
    os.close(read)
    with open(write, "wb", buffering=0) as closed, pytest.raises(BrokenPipeError):
        RawPipe(closed, info).write(np.zeros((6, 8, 3), np.uint8))
