"""Array stacks: axes, dtypes, ranges, and files that are not what they seem."""

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from seqimg.errors import UsageError
from seqimg.sequences import Damage, SequenceError, open_sequence, save_sequence
from seqimg.sequences.arrays import scattered

DTYPES = ["uint8", "uint16", "float16", "float32", "float64", ">u2", ">f4"]


def _stack(*shape: int, dtype: str = "uint8") -> NDArray[Any]:
    values = np.random.default_rng(0).random(shape)
    return values.astype(dtype) if "f" in dtype else (values * 250).astype(dtype)


def _read(path: Path, **options: Any) -> NDArray[Any]:
    with open_sequence(path, **options) as sequence:
        frames = [frame.copy() for frame in sequence]
        assert sequence.info.frame_count == len(frames)
    return np.stack(frames)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["THW", "THWC", "TCHW"]),
    st.tuples(st.integers(1, 5), st.integers(5, 9), st.integers(5, 9), st.sampled_from([1, 2, 3, 4])),
    st.sampled_from(DTYPES),
    st.booleans(),
)
def test_detected_axes(tmp_path: Path, axes: str, size: tuple[int, ...], dtype: str, packed: bool) -> None:
    sizes = dict(zip("THWC", size, strict=True))
    stack = _stack(*(sizes[letter] for letter in axes), dtype=dtype)
    path = tmp_path / ("a.npz" if packed else "a.npy")
    (np.savez_compressed if packed else np.save)(path, stack)
    order = tuple(axes.index(letter) for letter in "THWC" if letter in axes)
    expected = stack.transpose(order).reshape(*size[:3], -1)
    frames = _read(path)
    np.testing.assert_array_equal(frames, expected)
    assert frames.dtype == np.dtype(dtype).newbyteorder("=")
    with open_sequence(path) as sequence:
        assert f"axes {axes}" in sequence.info.notes
        assert (sequence.info.height, sequence.info.width, sequence.info.channels) == frames.shape[1:]


@given(st.permutations("THWC"), st.booleans())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_given_axes(tmp_path: Path, letters: list[str], fortran: bool) -> None:
    axes = "".join(letters)
    stack = _stack(2, 3, 4, 5)
    np.save(tmp_path / "a.npy", np.asfortranarray(stack) if fortran else stack)
    expected = stack.transpose([axes.index(letter) for letter in "THWC"])
    np.testing.assert_array_equal(_read(tmp_path / "a.npy", axes=axes.lower()), expected)


@pytest.mark.parametrize("fortran", [False, True])
@pytest.mark.parametrize("far", [0, 2**16])
@pytest.mark.parametrize("axes", ["HWT", "CTHW", "HTWC"])
def test_frames_that_are_scattered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, axes: str, far: int, fortran: bool
) -> None:
    for name, value in (("_BLOCK", 3000), ("_PIECE", 500), ("_FAR", far)):
        monkeypatch.setattr(scattered, name, value)
    stack = _stack(*(dict(zip("THWC", (37, 11, 13, 5), strict=True))[letter] for letter in axes))
    np.save(tmp_path / "a.npy", np.asfortranarray(stack) if fortran else stack)
    expected = stack.transpose([axes.index(letter) for letter in "THWC" if letter in axes])
    expected = expected.reshape(*expected.shape[:3], -1)
    np.testing.assert_array_equal(_read(tmp_path / "a.npy", axes=axes), expected)
    with open_sequence(tmp_path / "a.npy", axes=axes) as sequence:
        for frame, place in zip(sequence.frames([30, 5, 6, 36, 5]), [30, 5, 6, 36, 5], strict=True):
            np.testing.assert_array_equal(frame.pixels, expected[place])


def test_scattered_frames_that_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = np.zeros((20, 30, 9), np.uint8)
    np.savez(tmp_path / "a.npz", stack)
    with pytest.raises(SequenceError, match="frame by frame"):
        open_sequence(tmp_path / "a.npz", axes="HWT")
    np.save(tmp_path / "a.npy", stack)
    (tmp_path / "cut.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-1])
    with pytest.raises(SequenceError, match="frame by frame"):
        open_sequence(tmp_path / "cut.npy", axes="HWT", on_error="truncate")
    monkeypatch.setattr(scattered, "MOST_BYTES", 5000)
    with pytest.raises(SequenceError) as caught:
        open_sequence(tmp_path / "a.npy", axes="HWT")
    assert "over the limit" in (caught.value.why or "")


@pytest.mark.parametrize("shape", [(20, 3, 64, 3), (20, 10, 64, 64), (64, 64, 3), (9, 64), (2, 3, 4, 5, 6)])
def test_ambiguous_axes_are_asked_for(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape, np.uint8))
    with pytest.raises(UsageError) as caught:
        open_sequence(tmp_path / "a.npy")
    assert str(shape) in (caught.value.why or "")
    assert caught.value.exit_code == 2


def test_wrong_axes(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((5, 6, 7), np.uint8))
    for axes in ("THWC", "HW", "TXY", "TTHW"):
        with pytest.raises(UsageError, match=axes):
            open_sequence(tmp_path / "a.npy", axes=axes)


def test_many_channels(tmp_path: Path) -> None:
    stack = _stack(3, 6, 7, 40, dtype="float32")
    np.save(tmp_path / "a.npy", stack)
    np.testing.assert_array_equal(_read(tmp_path / "a.npy", axes="THWC"), stack)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 1.0], (0, 1)),
        ([0.2, 0.4], (0, 1)),
        ([-1.0, 1.0], (-1, 1)),
        ([0.0, 255.0], (0, 255)),
        ([7.0, 7.0], (7, 8)),
        ([0.5, np.nan], (0, 1)),
        ([3.0, np.inf], (3, 4)),
    ],
)
def test_float_ranges(tmp_path: Path, values: list[float], expected: tuple[float, float]) -> None:
    np.save(tmp_path / "a.npy", np.array(values, np.float32)[:, None, None].repeat(5, 1).repeat(6, 2))
    with open_sequence(tmp_path / "a.npy") as sequence:
        assert sequence.info.value_range == expected
    with open_sequence(tmp_path / "a.npy", value_range=(0, 9)) as sequence:
        assert sequence.info.value_range == (0, 9)
    with pytest.raises(UsageError, match="value range"):
        open_sequence(tmp_path / "a.npy", value_range=(9, 0))


@pytest.mark.parametrize("dtype", ["bool", "int16", "int64", "complex64", "U3"])
def test_other_dtypes_are_refused_with_a_hint(tmp_path: Path, dtype: str) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 6, 7), dtype))
    with pytest.raises(SequenceError) as caught:
        open_sequence(tmp_path / "a.npy")
    assert "astype" in (caught.value.hint or "")


def test_objects_are_never_loaded(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    np.save(tmp_path / "a.npy", np.full((3, 6, 7), Bomb(), object), allow_pickle=True)
    with pytest.raises(SequenceError, match="cannot read"):
        open_sequence(tmp_path / "a.npy")
    assert not (tmp_path / "exploded").exists()


def test_archives(tmp_path: Path) -> None:
    stack = _stack(3, 6, 7)
    np.savez(tmp_path / "one.npz", anything=stack)
    np.savez(tmp_path / "named.npz", frames=stack, labels=np.arange(3))
    np.savez(tmp_path / "two.npz", a=stack, b=stack)
    for name in ("one.npz", "named.npz"):
        np.testing.assert_array_equal(_read(tmp_path / name)[..., 0], stack)
    with pytest.raises(SequenceError) as caught:
        open_sequence(tmp_path / "two.npz")
    assert caught.value.why == "its stacks: a (3, 6, 7) uint8, b (3, 6, 7) uint8"
    assert caught.value.hint == "--array a"
    np.testing.assert_array_equal(_read(tmp_path / "two.npz", array="b")[..., 0], stack)
    with pytest.raises(UsageError, match="has no array 'c'"):
        open_sequence(tmp_path / "two.npz", array="c")
    np.savez(tmp_path / "odd.npz", **{"../frames": stack})
    with pytest.raises(SequenceError) as caught:
        open_sequence(tmp_path / "odd.npz")
    assert "leads out of it" in (caught.value.why or "")


def test_cut_short(tmp_path: Path) -> None:
    stack = _stack(10, 6, 7)
    np.save(tmp_path / "a.npy", stack)
    data = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(data[: 128 + 4 * 42 + 5])
    with pytest.raises(SequenceError) as caught:
        open_sequence(tmp_path / "a.npy")
    assert caught.value.why == "it ends after 4 of 10 frames"
    np.testing.assert_array_equal(_read(tmp_path / "a.npy", on_error="truncate")[..., 0], stack[:4])


def test_file_that_shrinks_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, _stack(10, 300, 300))
    with open_sequence(path) as sequence:
        frames = iter(sequence)
        next(frames)
        os.truncate(path, 200)
        with pytest.raises(SequenceError, match="damaged at frame"):
            list(frames)


def test_damaged_archive(tmp_path: Path) -> None:
    stack = _stack(40, 60, 70)
    np.savez_compressed(tmp_path / "a.npz", frames=stack)
    data = bytearray((tmp_path / "a.npz").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    (tmp_path / "a.npz").write_bytes(data)
    with (
        open_sequence(tmp_path / "a.npz") as sequence,
        pytest.raises(SequenceError, match="damaged at frame"),
    ):
        list(sequence)
    with open_sequence(tmp_path / "a.npz", on_error="truncate") as sequence:
        kept = list(sequence)
        assert 0 < len(kept) < 40
        assert isinstance(sequence.damage[0], Damage)


@pytest.mark.parametrize(
    "content",
    [
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f4',",
        b"\x93NUMPY\x02\x00\xff\xff\xff\x7f{",
        b"\x93NUMPY\x01\x00\xff\x7f" + b"(" * 20000,
        b"\x93NUMPY\x03\x00\x10\x00\x00\x00{}              ",
        b"no array at all",
        b"PK\x03\x04 no archive",
    ],
)
def test_absurd_headers(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(SequenceError, match="cannot read"):
        open_sequence(tmp_path / "a.npy")


@pytest.mark.parametrize("shape", [(10**12, 500, 500), (3, 10**6, 10**6), (3, -5, 7), (0, 5, 6), (3, 0, 6)])
def test_absurd_shapes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": shape})
    (tmp_path / "a.npy").write_bytes(header.getvalue() + bytes(1000))
    with pytest.raises(SequenceError):
        open_sequence(tmp_path / "a.npy")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("frames.npy", header.getvalue() + bytes(1000))
    with pytest.raises(SequenceError):
        open_sequence(tmp_path / "a.npz")


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 3])
def test_written_stack_is_plain_numpy(tmp_path: Path, dtype: str, channels: int) -> None:
    stack = _stack(11, 6, 7, channels, dtype=dtype)
    saved = save_sequence(iter(stack), tmp_path / "a.npy")
    assert saved.frame_count == 11
    loaded = np.load(tmp_path / "a.npy", allow_pickle=False)
    np.testing.assert_array_equal(loaded, stack)
    assert loaded.dtype == stack.dtype
    np.testing.assert_array_equal(_read(tmp_path / "a.npy"), stack)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 8), max_size=12), st.sampled_from(["a.npy", "a.npz", "packed.npz"]))
def test_any_frame_by_index(tmp_path: Path, indices: list[int], name: str) -> None:
    stack = _stack(9, 6, 7, 3, dtype="uint16")
    write = {"a.npy": np.save, "a.npz": np.savez, "packed.npz": np.savez_compressed}[name]
    write(tmp_path / name, stack)
    with open_sequence(tmp_path / name) as sequence:
        picked = list(sequence.frames(indices))
        assert [frame.index for frame in picked] == indices
        for frame in picked:
            np.testing.assert_array_equal(frame.pixels, stack[frame.index])
        with pytest.raises(SequenceError, match="no frame 9"):
            list(sequence.frames([9]))


def test_a_fill_value_is_no_value(tmp_path: Path) -> None:
    stack = _stack(3, 6, 7, dtype="float32")
    stack[:, 0, 0] = -9999
    np.save(tmp_path / "a.npy", stack)
    with open_sequence(tmp_path / "a.npy", fill_value=-9999) as sequence:
        assert (sequence.info.value_range, sequence.info.fill_value) == ((0, 1), -9999)
        missing = sequence.info.missing(next(iter(sequence)))
    assert missing is not None
    assert int(missing.sum()) == 1
    with pytest.raises(UsageError, match="array means nothing"):
        open_sequence(tmp_path / "a.npy", array="x")


def test_more_than_deflate_can_pack_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_LZMA) as archive:
        buffer = io.BytesIO()
        np.save(buffer, np.zeros((2000, 100, 100), np.uint8))
        archive.writestr("frames.npy", buffer.getvalue())
    with pytest.raises(SequenceError) as caught:
        open_sequence(tmp_path / "a.npz")
    assert "over the limit" in (caught.value.why or "")
    np.savez_compressed(tmp_path / "b.npz", np.zeros((2000, 100, 100), np.uint8))
    with open_sequence(tmp_path / "b.npz") as sequence:
        assert sequence.info.frame_count == 2000, "an honest archive of black frames is read"
