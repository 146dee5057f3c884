"""Folders of pictures: order, gaps, depth, and what else lies in them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from seqimg.sequences import Damage, SequenceError, open_sequence, save_sequence

RANDOM = np.random.default_rng(0)


def _grey(value: int, size: tuple[int, int] = (6, 8)) -> Image.Image:
    return Image.fromarray(np.full(size, value, np.uint8))


def _values(folder: Path, **options: Any) -> list[tuple[int, int]]:
    with open_sequence(folder, **options) as sequence:
        return [(frame.index, int(np.asarray(frame.pixels)[0, 0, 0])) for frame in sequence.timed()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "a clip é"
    path.mkdir()
    return path


def test_natural_order(folder: Path) -> None:
    for number in (1, 2, 9, 10, 11, 100):
        _grey(number).save(folder / f"f{number}.png")
    assert _values(folder, gaps="skip") == [(n - 1, n) for n in (1, 2, 9, 10, 11, 100)]


def test_sentence(folder: Path) -> None:
    for number in range(1, 9):
        if number not in (3, 4):
            Image.fromarray(np.full((6, 8), 1000, np.uint16)).save(folder / f"img_{number:03}.png")
    with open_sequence(folder, gaps="skip") as sequence:
        assert sequence.info.sentence().replace("\N{MULTIPLICATION SIGN}", "x") == (
            f"Read {folder}/ as 6 frames, 8x6, 16-bit grey, numbers 1-8, 2 missing (3, 4);"
            " no times found, assuming 25 fps."
        )


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [("skip", [(0, 1), (1, 2), (4, 5)]), ("hold", [(0, 1), (1, 2), (2, 2), (3, 2), (4, 5)])],
)
def test_gaps(folder: Path, gaps: str, expected: list[tuple[int, int]]) -> None:
    for number in (1, 2, 5):
        _grey(number).save(folder / f"{number:04}.png")
    with pytest.raises(SequenceError) as caught:
        open_sequence(folder)
    assert "lacks 2 of the frames 1 to 5" in caught.value.message
    assert caught.value.why == "missing: 3, 4"
    assert _values(folder, gaps=gaps) == expected
    with open_sequence(folder, gaps=gaps) as sequence:  # type: ignore[arg-type]  # a str of the right kind
        assert sequence.info.frame_count == len(expected)
        assert [frame.time for frame in sequence.timed()] == [pytest.approx(i / 25) for i, _ in expected]


def test_regular_steps_are_no_gaps(folder: Path) -> None:
    for number in (0, 10, 20, 30):
        _grey(number).save(folder / f"t{number}.png")
    assert _values(folder) == [(0, 0), (1, 10), (2, 20), (3, 30)]


def test_endless_holding_is_refused(folder: Path) -> None:
    for number in (0, 1, 10**15):
        _grey(1).save(folder / f"{number}.png")
    with pytest.raises(SequenceError, match="lacks"):
        open_sequence(folder, gaps="hold")


def test_one_frame_twice(folder: Path) -> None:
    _grey(1).save(folder / "01.png")
    _grey(1).save(folder / "1.bmp")
    with pytest.raises(SequenceError, match="one frame twice"):
        open_sequence(folder)


def test_no_pictures(folder: Path) -> None:
    with pytest.raises(SequenceError) as caught:
        open_sequence(folder)
    assert caught.value.why == "it is empty"
    (folder / "notes.txt").touch()
    (folder / "more.txt").touch()
    (folder / ".hidden.png").touch()
    with pytest.raises(SequenceError) as caught:
        open_sequence(folder)
    assert "holds no pictures" in caught.value.message
    assert "2 .txt" in (caught.value.why or "")


def test_other_files_are_left_alone(folder: Path) -> None:
    _grey(1).save(folder / "1.png")
    _grey(2).save(folder / "2.PNG")
    (folder / "Thumbs.db").touch()
    (folder / ".DS_Store").touch()
    (folder / "3.png").mkdir()
    assert _values(folder) == [(0, 1), (1, 2)]
    with open_sequence(folder) as sequence:
        assert sequence.info.notes[-1] == "3 other files left alone (.DS_Store, 3.png, Thumbs.db)"


@pytest.mark.parametrize(
    "odd", [_grey(3, (6, 9)), Image.new("RGB", (8, 6)), Image.fromarray(np.zeros((6, 8), np.uint16))]
)
def test_mixed_kinds_name_the_first_odd_one(folder: Path, odd: Image.Image) -> None:
    for number in (1, 2, 4):
        _grey(number).save(folder / f"{number}.png")
    odd.save(folder / "3.png")
    with pytest.raises(SequenceError) as caught:
        open_sequence(folder)
    assert str(folder / "3.png") in caught.value.message
    assert "they are 8 by 6, 1 channel, uint8" in (caught.value.why or "")


def _pillow(mode: str, **options: Any) -> Callable[[Path, NDArray[Any]], object]:
    return lambda path, pixels: Image.fromarray(pixels.squeeze()).convert(mode).save(path, **options)


def _tiff(**options: Any) -> Callable[[Path, NDArray[Any]], object]:
    return lambda path, pixels: tifffile.imwrite(path, pixels.squeeze(), **options)


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "write"),
    [
        ("a.png", (6, 8, 1), "uint8", _pillow("L")),
        ("a.png", (6, 8, 3), "uint8", _pillow("RGB")),
        ("a.png", (6, 8, 4), "uint8", _pillow("RGBA")),
        ("a.bmp", (6, 8, 3), "uint8", _pillow("RGB")),
        (
            "a.webp",
            (6, 8, 3),
            "uint8",
            lambda path, pixels: Image.fromarray(pixels).save(path, lossless=True),
        ),
        ("a.png", (6, 8, 1), "uint16", lambda path, pixels: Image.fromarray(pixels.squeeze()).save(path)),
        ("a.tif", (6, 8, 1), "uint16", _tiff()),
        ("a.tif", (6, 8, 3), "uint16", _tiff(photometric="rgb", compression="zlib")),
        ("a.tif", (6, 8, 3), "float32", _tiff(photometric="rgb")),
        ("a.tiff", (6, 8, 1), "float64", _tiff()),
        ("a.tif", (6, 8, 1), "float16", _tiff(byteorder=">")),
        (
            "a.tif",
            (6, 8, 5),
            "uint8",
            lambda path, pixels: tifffile.imwrite(
                path, np.moveaxis(pixels, -1, 0), planarconfig="separate", photometric="minisblack"
            ),
        ),
        (
            "a.tif",
            (6, 8, 1),
            "uint16",
            lambda path, pixels: Image.fromarray(pixels.squeeze()).save(path, compression="tiff_lzw"),
        ),
        (
            "a.tif",
            (6, 8, 3),
            "uint8",
            lambda path, pixels: Image.fromarray(pixels).save(path, compression="tiff_lzw"),
        ),
    ],
)
def test_depth_survives(
    folder: Path, name: str, shape: tuple[int, ...], dtype: str, write: Callable[[Path, NDArray[Any]], object]
) -> None:
    pixels = (RANDOM.random(shape) * (1 if dtype.startswith("float") else np.iinfo(dtype).max)).astype(dtype)
    write(folder / name, pixels)
    with open_sequence(folder) as sequence:
        info = sequence.info
        (frame,) = sequence
    assert (info.height, info.width, info.channels, info.dtype) == (*shape, dtype)
    assert str(frame.dtype) == dtype
    np.testing.assert_array_equal(frame, pixels)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_png_round_trip(tmp_path: Path, channels: int, dtype: str) -> None:
    frames = [(RANDOM.random((7, 9, channels)) * np.iinfo(dtype).max).astype(dtype) for _ in range(3)]
    saved = save_sequence(frames, tmp_path / "out")
    assert sorted(item.name for item in saved.path.iterdir()) == [f"frame_00000{i}.png" for i in (1, 2, 3)]
    assert (saved.frame_count, saved.codec, saved.notes) == (3, "png", ())
    with open_sequence(saved.path) as sequence:
        for frame, truth in zip(sequence, frames, strict=True):
            np.testing.assert_array_equal(frame, truth)


def test_jpeg_orientation_and_palettes(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:, :16] = 255
    Image.fromarray(pixels).save(folder / "1.jpg", exif=exif, quality=95)
    with open_sequence(folder) as sequence:
        (frame,) = sequence
        assert (sequence.info.height, sequence.info.width) == (32, 16)
        assert sequence.info.notes == ("set upright by their EXIF data",)
    assert np.asarray(frame)[:14].mean() > 250
    assert np.asarray(frame)[18:].mean() < 5


def test_preview_in_a_jpeg_does_not_count(folder: Path) -> None:
    _grey(9, (16, 16)).save(folder / "1.jpg", format="MPO", save_all=True, append_images=[_grey(200)])
    assert _values(folder) == [(0, 9)]


def test_palette_pictures(folder: Path) -> None:
    _grey(7).convert("RGB").quantize(8).save(folder / "1.png")
    assert _values(folder) == [(0, 7)]
    with open_sequence(folder) as sequence:
        assert sequence.info.channels == 3
        assert sequence.info.notes == ("palettes read as RGB",)


def test_float_range_is_found_and_can_be_declared(folder: Path) -> None:
    for number, value in enumerate((-2.0, 3.0)):
        tifffile.imwrite(folder / f"{number}.tif", np.full((4, 5), value, np.float32))
    with open_sequence(folder) as sequence:
        assert sequence.info.value_range == (-2, 3)
        assert "values -2 to 3" in sequence.info.notes
    with open_sequence(folder, value_range=(0, 10)) as sequence:
        assert sequence.info.value_range == (0, 10)


def test_missing_values_do_not_spoil_the_range(folder: Path) -> None:
    pixels = np.full((4, 5), 0.25, np.float32)
    pixels[0, 0] = np.nan
    tifffile.imwrite(folder / "0.tif", pixels)
    with open_sequence(folder) as sequence:
        assert sequence.info.value_range == (0, 1)
        assert "missing values (not finite)" in sequence.info.notes


def test_several_pictures_in_a_file_are_refused(folder: Path) -> None:
    tifffile.imwrite(folder / "stack.tif", np.zeros((3, 16, 16), np.uint16), photometric="minisblack")
    with pytest.raises(SequenceError, match="holds 3 pictures"):
        open_sequence(folder)


def test_absurd_header_is_refused_before_allocation(folder: Path) -> None:
    _grey(1).save(folder / "1.png")
    data = bytearray((folder / "1.png").read_bytes())
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    (folder / "1.png").write_bytes(data)
    with pytest.raises(SequenceError):
        open_sequence(folder)


@pytest.mark.parametrize("damage", ["empty", "text", "cut"])
def test_damaged_picture(folder: Path, damage: str) -> None:
    for number in range(1, 6):
        _grey(number, (60, 80)).save(folder / f"{number}.png")
    whole = (folder / "3.png").read_bytes()
    (folder / "3.png").write_bytes({"empty": b"", "text": b"not a picture", "cut": whole[:-40]}[damage])
    with pytest.raises(SequenceError, match=r"3\.png"), open_sequence(folder) as sequence:
        list(sequence)
    assert _values(folder, on_error="truncate") == [(0, 1), (1, 2)]
    with open_sequence(folder, on_error="skip") as sequence:
        assert [frame.index for frame in sequence.timed()] == [0, 1, 3, 4]
        (found,) = sequence.damage
    assert isinstance(found, Damage)
    assert (found.index, found.count) == (2, 1)
    assert found.reason.startswith("3.png: ")


def test_absent_parts_of_a_tiff_are_not_shown_as_black(folder: Path) -> None:
    path = folder / "1.tif"
    tifffile.imwrite(path, RANDOM.random((64, 64, 3), np.float32), photometric="rgb", tile=(32, 32))
    with tifffile.TiffFile(path) as file:
        table = file.pages.first.tags["TileOffsets"].valueoffset
    data = bytearray(path.read_bytes())
    data[table : table + 4] = bytes(4)
    path.write_bytes(data)
    with pytest.raises(SequenceError, match="is damaged"):
        open_sequence(folder)


def test_damaged_deep_png(folder: Path) -> None:
    save_sequence((RANDOM.random((2, 40, 40, 3)) * 65535).astype(np.uint16), folder / "deep")
    path = folder / "deep" / "frame_000002.png"
    path.write_bytes(path.read_bytes()[:-3000])
    with open_sequence(folder / "deep") as sequence, pytest.raises(SequenceError, match=r"frame_000002\.png"):
        list(sequence)
