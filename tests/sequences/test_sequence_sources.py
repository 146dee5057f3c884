"""Pictures named by patterns and lists, fitted sizes, gaps, and links that lead away."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from seqimg.errors import SeqimgError, UsageError
from seqimg.sequences import SequenceError, open_sequence


def _grey(value: int, size: tuple[int, int] = (6, 8)) -> Image.Image:
    return Image.fromarray(np.full(size, value, np.uint8))


def _values(source: object, **options: Any) -> list[tuple[int, int]]:
    with open_sequence(source, **options) as sequence:  # type: ignore[arg-type]
        frames = [(frame.index, int(np.asarray(frame.pixels)[0, 0, 0])) for frame in sequence.timed()]
        picked = sequence.frames([index for index, _ in reversed(frames)])
        assert [(frame.index, int(np.asarray(frame.pixels)[0, 0, 0])) for frame in picked] == frames[::-1]
        begun = [frame.index for frame in sequence.timed(2)]
        assert begun == [index for index, _ in frames if index >= 2]
    return frames


def _fails(source: object, **options: Any) -> SeqimgError:
    with pytest.raises(SeqimgError) as caught:
        open_sequence(source, **options)  # type: ignore[arg-type]
    assert 1 <= len(str(caught.value).splitlines()) <= 3
    return caught.value


@pytest.fixture
def room(tmp_path: Path) -> Path:
    path = tmp_path / "a room é"
    path.mkdir()
    return path


def test_numbers_by_a_pattern(room: Path) -> None:
    for number in (7, 8, 9, 10, 11):
        _grey(number).save(room / f"left_{number:04}.png")
        _grey(0).save(room / f"right_{number:04}.png")
    _grey(0).save(room / "left_7.png")
    assert _values(room / "left_%04d.png") == [(i, i + 7) for i in range(5)]
    with open_sequence(f"{room}/left_%04d.png") as sequence:
        assert sequence.info.sentence().startswith(f"Read {room}/left_%04d.png as 5 frames")
        assert "numbers 7-11" in sequence.info.notes
    assert "no file fits" in _fails(room / "left_%03d.jpg").message
    assert "there is no folder" in (_fails(room / "nowhere" / "%d.png").why or "")


def test_wide_numbers_and_gaps_by_a_pattern(room: Path) -> None:
    for number in (8, 9, 100):
        _grey(number).save(room / f"{number:02}.png")
    assert "lacks 90" in _fails(room / "%02d.png").message
    assert _values(room / "%02d.png", gaps="skip") == [(0, 8), (1, 9), (92, 100)]
    held = _values(room / "%02d.png", gaps="hold")
    assert len(held) == 93
    assert held[50] == (50, 9)


def test_existing_paths_win_over_patterns(room: Path) -> None:
    for name in ("%04d.d", "[1]", "a*"):
        (room / name).mkdir()
        _grey(3).save(room / name / "x.png")
        _grey(5).save(room / "0001.d.png")
        assert _values(room / name) == [(0, 3)]


def test_globs(room: Path) -> None:
    for folder in ("b10", "b9"):
        (room / folder).mkdir()
        for number in (1, 2):
            _grey(int(folder[1:]) * 10 + number).save(room / folder / f"{number}.png")
            (room / folder / f"{number}.txt").touch()
    assert [value for _, value in _values(room / "*" / "*")] == [91, 92, 101, 102]
    assert [value for _, value in _values(room / "b1?" / "*.png")] == [101, 102]
    assert "no file fits" in _fails(room / "c*" / "*.png").message


def test_lists(room: Path) -> None:
    (room / "in").mkdir()
    for number in (1, 2, 5):
        _grey(number).save(room / "in" / f"a b {number}.png")
    _grey(9).save(room / "# nine.png")
    listed = (
        f"\ufeff# shots\nin/a b 5.png\r\n\n  \nin/a b 1.png\n{room}/in/a b 2.png\n./# nine.png\nin/a b 1.png"
    )
    (room / "shots.txt").write_text(listed, encoding="utf-8")
    assert _values(room / "shots.txt") == [(0, 5), (1, 1), (2, 2), (3, 9), (4, 1)]
    (room / "shots.lst").write_text("in/a b 5.png\nin/gone.png\nin/a b 1.png\n")
    assert "gone.png" in _fails(room / "shots.lst").message
    with open_sequence(room / "shots.lst", on_error="skip") as sequence:
        assert [frame.index for frame in sequence.timed()] == [0, 2]
        assert [lost.index for lost in sequence.damage] == [1]
    with open_sequence(room / "shots.lst", on_error="truncate") as sequence:
        assert [frame.index for frame in sequence.timed()] == [0]
        assert [(lost.index, lost.count) for lost in sequence.damage] == [(1, None)]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "write one path"),
        (b"# nothing\n\n", "write one path"),
        (b"Dear all,\n", "line 1, 'Dear all,', is not a file"),
        (b"\0\1\2", "line 1 is no path"),
        (b"#\nhttps://example.org/1.png\n", "line 2 is an address"),
        (b"x" * 100_000, "line 1 is no path"),
    ],
)
def test_texts_that_are_no_lists(room: Path, content: bytes, why: str) -> None:
    (room / "a.txt").write_bytes(content)
    assert why in (_fails(room / "a.txt").why or "")


def test_a_list_has_no_gaps(room: Path) -> None:
    _grey(1).save(room / "1.png")
    (room / "a.txt").write_text("1.png")
    assert isinstance(_fails(room / "a.txt", gaps="hold"), UsageError)


def test_links(room: Path, tmp_path: Path) -> None:
    shots = room / "shots"
    shots.mkdir()
    _grey(1).save(shots / "1.png")
    (shots / "2.png").symlink_to("1.png")
    (shots / "3.png").symlink_to(shots / "gone.png")
    (room / "by-link").symlink_to(shots)
    for source in (shots, room / "by-link", room / "by-link" / "*.png", room / "by-link" / "%d.png"):
        assert _values(source) == [(0, 1), (1, 1)], (
            "links that stay inside are fine, and so is the folder's own"
        )
    _grey(7).save(tmp_path / "secret.png")
    for target in (tmp_path / "secret.png", Path("../../secret.png"), Path("/etc/passwd")):
        (shots / "3.png").unlink()
        (shots / "3.png").symlink_to(target)
        for source in (shots, shots / "*.png", shots / "%d.png"):
            if target.name == "passwd" and source.name == "%d.png":
                continue
            error = _fails(source)
            assert "leads out of it" in error.message
            assert "3.png leads to" in (error.why or "")
    (shots / "3.png").unlink()
    (room / "roll").mkdir()
    (room / "roll" / "in").symlink_to(tmp_path)
    assert "leads out of it" in _fails(room / "roll" / "*" / "*.png").message


def test_sizes_are_fitted_on_request(room: Path) -> None:
    sizes = [(6, 8), (12, 16), (6, 8), (8, 10)]
    for at, size in enumerate(sizes):
        _grey(10 * at, size).save(room / f"{at}.png")
    assert _fails(room).hint == "--fit resize or --fit crop"
    for fit in ("resize", "crop"):
        assert _values(room, fit=fit) == [(i, 10 * i) for i in range(4)]
    with open_sequence(room, fit="crop") as sequence:
        assert "2 of other sizes cropped to that of the first" in sequence.info.notes
        assert all(frame.shape == (6, 8, 1) for frame in sequence)
    assert "differs" in _fails(room, fit="pad").message
    Image.new("RGB", (8, 6)).save(room / "4.png")
    assert _fails(room, fit="resize").hint is None


def test_borders(room: Path) -> None:
    for at, size in enumerate(((6, 8), (4, 5))):
        tifffile.imwrite(room / f"{at}.tif", np.full(size, 5, np.uint16))
    with open_sequence(room, fit="pad", fill_value=65535) as sequence:
        _, second = sequence
        missing = sequence.info.missing(second)
    assert missing is not None
    assert (int(missing.sum()), int((second == 5).sum())) == (48 - 20, 20)
    for at, size in enumerate(((6, 8), (4, 5))):
        tifffile.imwrite(room / f"{at}.tif", np.full(size, 5, np.float32))
    with open_sequence(room, fit="pad") as sequence:
        assert np.isnan(list(sequence)[1]).sum() == 28


def test_fill_values(room: Path) -> None:
    for at in range(2):
        pixels = np.full((4, 5), at + 1, np.float32)
        pixels[0, 0] = -9999
        tifffile.imwrite(room / f"{at}.tif", pixels)
    with open_sequence(room, fill_value=-9999) as sequence:
        info = sequence.info
        assert (info.fill_value, info.value_range) == (-9999, (1, 2))
        assert "-9999 means missing" in info.notes
    for at in range(2):
        pixels = np.full((4, 5), at + 1, np.float32)
        tifffile.imwrite(room / f"{at}.tif", pixels, extratags=[(42113, "s", 0, "-9999", True)])
    with open_sequence(room) as sequence:
        assert sequence.info.fill_value == -9999
    with open_sequence(room, fill_value=-1) as sequence:
        assert sequence.info.fill_value == -1
    tifffile.imwrite(room / "2.tif", pixels)
    assert "missing values are None" in (_fails(room).why or "")
    (room / "p").mkdir()
    _grey(1).save(room / "p" / "1.png")
    assert "255.5 cannot stand" in _fails(room / "p", fill_value=255.5).message


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=()), min_size=1, max_size=60))
def test_any_name_works_or_is_plainly_refused(tmp_path: Path, name: str) -> None:
    try:
        folder = Path(os.fsdecode(os.fsencode(str(tmp_path)) + b"/" + os.fsencode(name)))
    except UnicodeEncodeError:
        assert str(_fails(tmp_path / name))
        return
    if name in (".", "..") or len(os.fsencode(name)) > 250:
        return
    folder.mkdir(exist_ok=True)
    _grey(4).save(folder / "1.png")
    assert _values(folder) == [(0, 4)]


@pytest.mark.parametrize(
    "name", ["-x", "a\nb", "100%d", b"\xff\xfe".decode(errors="surrogateescape"), "n" * 251]
)
def test_odd_names_of_pictures(room: Path, name: str) -> None:
    _grey(4).save(room / "1.png")
    (room / "1.png").rename(room / (name + ".png"))
    assert _values(room) == [(0, 4)]
    (room / "list.txt").write_text(name + ".png\n", errors="surrogateescape")
    if "\n" not in name:
        assert _values(room / "list.txt") == [(0, 4)]
    assert str(_fails(room / ("n" * 300)))


def test_damage_in_the_middle_by_index(room: Path) -> None:
    for number in range(6):
        _grey(number).save(room / f"{number}.png")
    (room / "3.png").write_bytes((room / "3.png").read_bytes()[:-30])
    with open_sequence(room, on_error="skip") as sequence:
        assert [frame.index for frame in sequence.frames([5, 3, 0, 4])] == [5, 0, 4]
        assert sequence.damage[0].index == 3
    with open_sequence(room) as sequence, pytest.raises(SequenceError, match=r"3\.png"):
        list(sequence.frames([3]))
    with open_sequence(room) as sequence, pytest.raises(SequenceError, match="no frame 6"):
        list(sequence.frames([6]))
