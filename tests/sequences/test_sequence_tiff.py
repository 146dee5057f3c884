"""TIFF stacks: pages, ImageJ and OME axes, depths, fill values, damage, and what is written."""

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from seqimg.errors import SeqimgError, UsageError
from seqimg.sequences import SequenceError, open_sequence, open_writer, save_sequence


def _stack(*shape: int, dtype: str = "uint16") -> NDArray[Any]:
    values = np.random.default_rng(0).random(shape)
    return values.astype(dtype) if "f" in dtype else (values * 250).astype(dtype)


def _fails(source: Path, **options: Any) -> SeqimgError:
    with pytest.raises(SeqimgError) as caught:
        open_sequence(source, **options)
    assert 1 <= len(str(caught.value).splitlines()) <= 3
    return caught.value


def _check(path: Path, expected: NDArray[Any], **options: Any) -> None:
    with open_sequence(path, **options) as sequence:
        assert sequence.info.frame_count == len(expected)
        frames = list(sequence.timed())
        assert [frame.index for frame in frames] == list(range(len(expected)))
        np.testing.assert_array_equal(np.stack([frame.pixels for frame in frames]), expected)
        assert frames[0].pixels.dtype == expected.dtype
        for index in (len(expected) - 1, 0):
            (frame,) = sequence.frames([index])
            np.testing.assert_array_equal(frame.pixels, expected[index])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 40])
def test_round_trip(tmp_path: Path, dtype: str, channels: int) -> None:
    stack = _stack(5, 6, 7, channels, dtype=dtype)
    saved = save_sequence(stack, tmp_path / "a.tif", fps=12, value_range=(0, 250), fill_value=7)
    assert saved.notes == ()
    _check(saved.path, stack)
    with open_sequence(saved.path) as sequence:
        info = sequence.info
    assert (info.value_range, info.fps, info.fill_value, info.dtype) == ((0, 250), 12, 7, dtype)
    np.testing.assert_array_equal(tifffile.imread(saved.path, key=0), _as_pages(stack)[0])


def _as_pages(stack: NDArray[Any]) -> NDArray[Any]:
    if stack.shape[3] > 4 and stack.dtype.name in ("uint8", "uint16", "float32"):
        return np.moveaxis(stack, 3, 1).reshape(-1, *stack.shape[1:3])
    return stack[..., 0] if stack.shape[3] == 1 else stack


@pytest.mark.parametrize("channels", [1, 7])
def test_imagej_would_read_it(tmp_path: Path, channels: int) -> None:
    stack = _stack(5, 6, 9, channels, dtype="float32")
    save_sequence(stack, tmp_path / "a.tif")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.is_imagej
        assert (file.imagej_metadata or {})["frames"] == 5
        read = file.series[0].asarray()
    np.testing.assert_array_equal(np.moveaxis(read.reshape(5, channels, 6, 9), 1, -1), stack)


def test_one_frame_that_was_written_is_a_sequence(tmp_path: Path) -> None:
    for name, channels in (("a.tif", 1), ("b.tif", 3), ("c.tif", 9)):
        stack = _stack(1, 6, 7, channels)
        save_sequence(stack, tmp_path / name)
        _check(tmp_path / name, stack)
    tifffile.imwrite(tmp_path / "d.tif", stack[0, ..., 0])
    error = _fails(tmp_path / "d.tif")
    assert "one picture, no sequence" in error.message
    assert str(tmp_path) in (error.hint or "")


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(
    ("shape", "how", "options"),
    [
        ((4, 6, 7), {"photometric": "minisblack"}, {}),
        ((4, 6, 7), {"photometric": "minisblack", "compression": "zlib", "metadata": None}, {}),
        ((4, 6, 7, 3), {"photometric": "rgb", "metadata": None}, {}),
        ((4, 32, 48), {"photometric": "minisblack", "tile": (16, 16), "metadata": None}, {}),
        ((4, 6, 7), {"metadata": {"axes": "ZYX"}, "photometric": "minisblack"}, {}),
    ],
)
def test_pages_of_others(
    tmp_path: Path,
    byteorder: str,
    big: bool,
    shape: tuple[int, ...],
    how: dict[str, Any],
    options: dict[str, Any],
) -> None:
    stack = _stack(*shape)
    tifffile.imwrite(tmp_path / "a.tif", stack, byteorder=byteorder, bigtiff=big, **how)
    _check(tmp_path / "a.tif", stack.reshape(*shape[:3], -1), **options)
    (tmp_path / "a.tif").rename(tmp_path / "nameless")
    _check(tmp_path / "nameless", stack.reshape(*shape[:3], -1), **options)


@pytest.mark.parametrize("kind", ["imagej", "ome"])
@pytest.mark.parametrize(
    ("axes", "shape", "told", "order"),
    [
        ("TYX", (4, 6, 7), None, (0, 1, 2)),
        ("ZYX", (4, 6, 7), None, (0, 1, 2)),
        ("TCYX", (4, 5, 6, 7), None, (0, 2, 3, 1)),
        ("ZCYX", (4, 2, 6, 7), None, (0, 2, 3, 1)),
        ("TZYX", (4, 5, 6, 7), "TCHW", (0, 2, 3, 1)),
        ("TZYX", (4, 5, 6, 7), "CTHW", (1, 2, 3, 0)),
    ],
)
def test_stacks_with_axes(
    tmp_path: Path, kind: str, axes: str, shape: tuple[int, ...], told: str | None, order: tuple[int, ...]
) -> None:
    stack = _stack(*shape)
    path = tmp_path / ("a.tif" if kind == "imagej" else "a.ome.tif")
    tifffile.imwrite(path, stack, **{kind: True}, metadata={"axes": axes}, photometric="minisblack")  # type: ignore[arg-type]
    if told:
        assert isinstance(_fails(path), UsageError)
    expected = stack.transpose(order)
    _check(path, expected.reshape(*expected.shape[:3], -1), axes=told)


@pytest.mark.parametrize(
    ("mode", "compression"),
    [
        ("L", "tiff_lzw"),
        ("RGB", "jpeg"),
        ("RGB", "tiff_lzw"),
        ("I;16", "tiff_lzw"),
        ("1", "group4"),
        ("P", None),
    ],
)
def test_pages_packed_in_other_ways(tmp_path: Path, mode: str, compression: str | None) -> None:
    if mode == "I;16":
        pages = [Image.fromarray(page) for page in _stack(4, 16, 24)]
    else:
        pages = [Image.fromarray(page).convert(mode) for page in _stack(4, 16, 24, 3, dtype="uint8")]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:], compression=compression)
    expected = []
    with Image.open(tmp_path / "a.tif") as image:
        for at in range(4):
            image.seek(at)
            shown = image.convert({"1": "L", "P": "RGB"}.get(mode, mode))
            expected.append(np.asarray(shown).reshape(16, 24, -1))
    _check(tmp_path / "a.tif", np.stack(expected))


def test_thumbnails_are_no_frames(tmp_path: Path) -> None:
    stack = _stack(3, 32, 48)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for page in stack:
            writer.write(page, metadata=None, photometric="minisblack")
            writer.write(page[::4, ::4], subfiletype=1, metadata=None, photometric="minisblack")
    _check(tmp_path / "a.tif", stack[..., None])


def test_pages_of_another_kind_are_damage(tmp_path: Path) -> None:
    stack = _stack(4, 32, 48)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for at, page in enumerate(stack):
            writer.write(page[: 16 if at == 2 else 32], metadata=None, photometric="minisblack")
    with (
        open_sequence(tmp_path / "a.tif") as sequence,
        pytest.raises(SequenceError, match="damaged at frame 2"),
    ):
        list(sequence)
    with open_sequence(tmp_path / "a.tif", on_error="skip") as sequence:
        assert [frame.index for frame in sequence.timed()] == [0, 1, 3]
        assert [(lost.index, lost.count) for lost in sequence.damage] == [(2, 1)]
        assert [frame.index for frame in sequence.frames([3, 2, 1])] == [3, 1]


def test_missing_values_as_gdal_states_them(tmp_path: Path) -> None:
    stack = _stack(3, 6, 7, dtype="float32")
    stack[:, 0] = -9999
    for at, (fill, expected) in enumerate((("-9999", -9999), ("nan", None), ("what", None))):
        path = tmp_path / f"{at}.tif"
        tifffile.imwrite(
            path, stack, metadata=None, photometric="minisblack", extratags=[(42113, "s", 0, fill, True)]
        )
        with open_sequence(path) as sequence:
            assert sequence.info.fill_value == expected
            assert (sequence.info.value_range[0] >= 0) == (expected is not None)


@pytest.mark.parametrize("name", ["a.tif", "plain.tif"])
def test_cut_files(tmp_path: Path, name: str) -> None:
    stack = _stack(6, 16, 24)
    if name == "a.tif":
        save_sequence(stack, tmp_path / name)
    else:
        tifffile.imwrite(tmp_path / name, stack, metadata=None, photometric="minisblack")
    data = (tmp_path / name).read_bytes()
    for cut in range(0, len(data), 97):
        (tmp_path / name).write_bytes(data[:cut])
        try:
            with open_sequence(tmp_path / name, on_error="skip") as sequence:
                read = list(sequence.timed())
                lost = sum(lost.count or 0 for lost in sequence.damage)
                assert len(read) + lost == sequence.info.frame_count
                for frame in read:
                    np.testing.assert_array_equal(frame.pixels[..., 0], stack[frame.index])
        except SeqimgError:
            continue


def test_pages_in_a_circle(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", _stack(3, 6, 7), metadata=None, photometric="minisblack")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        places = [page.offset for page in file.pages]
        count = len(file.pages[2].tags)  # type: ignore[union-attr]
    data = bytearray((tmp_path / "a.tif").read_bytes())
    at = places[2] + 2 + 12 * count
    for target in places:
        data[at : at + 4] = struct.pack("<L", target)
        (tmp_path / "a.tif").write_bytes(data)
        assert "circle" in (_fails(tmp_path / "a.tif").why or "")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 6),
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from(["uint8", "float64"]),
)
def test_any_shape(tmp_path: Path, count: int, height: int, width: int, channels: int, dtype: str) -> None:
    stack = _stack(count, height, width, channels, dtype=dtype)
    save_sequence(stack, tmp_path / "a.tif", overwrite=True)
    _check(tmp_path / "a.tif", stack)


@pytest.mark.slow
def test_beyond_four_gigabytes(tmp_path: Path) -> None:
    frame = np.zeros((4096, 8192, 1), np.uint16)
    with open_writer(tmp_path / "a.tif") as writer:
        for at in range(65):
            frame[0, 0] = at
            writer.write(frame)
    assert _head(tmp_path / "a.tif") == b"II+\0"
    with open_sequence(tmp_path / "a.tif") as sequence:
        assert [int(frame.pixels[0, 0, 0]) for frame in sequence.frames([64, 0, 33])] == [64, 0, 33]
    os.unlink(tmp_path / "a.tif")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def test_big_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqimg.sequences.tiff.writer._CLASSIC_BYTES", 1000)
    for channels in (1, 3, 4, 40):
        stack = _stack(5, 6, 7, channels)
        save_sequence(stack, tmp_path / "a.tif", overwrite=True)
        assert _head(tmp_path / "a.tif") == b"II+\0"
        _check(tmp_path / "a.tif", stack)
        assert tifffile.imread(tmp_path / "a.tif").size == stack.size


def test_bombs_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "deflate.tif",
        np.zeros((2, 4000, 4000), np.uint16),
        metadata=None,
        photometric="minisblack",
        compression="zlib",
        compressionargs={"level": 1},
        predictor=False,
        rowsperstrip=4000,
    )
    with tifffile.TiffFile(tmp_path / "deflate.tif") as file:
        tag = file.pages.first.tags
        places = {name: tag[name].offset + 8 for name in ("ImageLength", "RowsPerStrip")}
    data = bytearray((tmp_path / "deflate.tif").read_bytes())
    bomb = zlib.compress(bytes(2**30), 9)
    for place in places.values():
        data[place : place + 4] = struct.pack("<L", 10)
    with tifffile.TiffFile(tmp_path / "deflate.tif") as file:
        offsets, counts = (
            file.pages.first.tags[name].offset + 8 for name in ("StripOffsets", "StripByteCounts")
        )
    data[offsets : offsets + 4] = struct.pack("<L", len(data))
    data[counts : counts + 4] = struct.pack("<L", len(bomb))
    (tmp_path / "deflate.tif").write_bytes(bytes(data) + bomb)
    head = struct.pack("<2sHLH", b"II", 42, 8, 2) + struct.pack("<HHLL", 256, 4, 1, 10)
    (tmp_path / "tags.tif").write_bytes(head + struct.pack("<HHLL", 273, 4, 2**31, 8) + bytes(4))
    with (tmp_path / "tags.tif").open("r+b") as file:
        file.truncate(2**34)  # sparse: it takes no room on the disk
    script = f"""
import faulthandler, resource
faulthandler.dump_traceback_later(20, exit=True)
from seqimg.errors import SeqimgError
from seqimg.sequences import open_sequence
import seqimg.sequences.tiff.reader
used = int(open("/proc/self/statm").read().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (used + 300_000_000,) * 2)
for name in ("deflate", "tags"):
    try:
        list(open_sequence({str(tmp_path)!r} + "/" + name + ".tif"))
    except SeqimgError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "bytes unpacked of one page are over the limit" in done.stdout, done.stdout
    assert "bytes in tag 273 of page 0 are over the limit" in done.stdout, done.stdout
