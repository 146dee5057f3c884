"""Crafted files are refused by name of the limit, before anything is allocated for what they claim."""

import io
import struct
import subprocess
import sys
import textwrap
import zipfile
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from seqimg.sequences.animations.apng import png_chunk

_PNG = b"\x89PNG\r\n\x1a\n"
_HUGE = 60_000

_READ = """
    import faulthandler, resource, sys
    faulthandler.dump_traceback_later(30, exit=True)
    import seqimg.sequences.pictures.deep_png, seqimg.sequences.tiff.reader, seqimg.sequences.video.reader
    from seqimg.errors import SeqimgError
    from seqimg.sequences import open_sequence

    # What is mapped by now, and a third of what such a frame or bomb would need.
    used = int(open("/proc/self/statm").read().split()[0]) * 4096
    resource.setrlimit(resource.RLIMIT_AS, (used + 256_000_000,) * 2)
    try:
        with open_sequence(sys.argv[1]) as sequence:
            print(sum(1 for _ in sequence))
    except SeqimgError as error:
        print(error)
"""


@cache
def _bomb() -> bytes:
    return zlib.compress(bytes(2**29))


def _read(path: Path) -> str:
    """Read a file in a process that may take little memory; return what it says."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_READ), str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stdout.splitlines()) <= 3
    return done.stdout


def _png(depth: int = 8, colours: int = 0, size: int = _HUGE, *more: bytes) -> bytes:
    header = struct.pack(">LLBBBBB", size, size, depth, colours, 0, 0, 0)
    rows = zlib.compress(bytes(100_000))
    return (
        _PNG
        + png_chunk(b"IHDR", header)
        + b"".join(more)
        + png_chunk(b"IDAT", rows)
        + png_chunk(b"IEND", b"")
    )


def _folder(tmp_path: Path, name: str, content: bytes) -> Path:
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / name).write_bytes(content)
    return tmp_path / "frames"


def _npy(shape: tuple[int, ...]) -> bytes:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return header.getvalue() + bytes(1000)


def _bmp(size: int) -> bytes:
    return (
        b"BM"
        + struct.pack("<LHHLLllHHLLllLL", 54, 0, 0, 54, 40, size, size, 1, 24, 0, 0, 0, 0, 0, 0)
        + bytes(99)
    )


def _still_webp(size: int) -> bytes:
    lossless = bytes([0x2F]) + struct.pack("<L", (size - 1) | (size - 1) << 14) + bytes(40)
    chunk = struct.pack("<4sL", b"VP8L", len(lossless)) + lossless + bytes(len(lossless) % 2)
    return struct.pack("<4sL4s", b"RIFF", 4 + len(chunk), b"WEBP") + chunk


def _tiff(size: int) -> bytes:
    tags = {256: size, 257: size, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: size, 279: size * size % 2**32}
    entries = b"".join(struct.pack("<HHLL", tag, 4, 1, value) for tag, value in tags.items())
    return struct.pack("<2sHLH", b"II", 42, 8, len(tags)) + entries + bytes(4)


@pytest.mark.parametrize("name", ["a.png", "deep.png", "a.bmp", "a.tif"])
def test_huge_pictures(tmp_path: Path, name: str) -> None:
    content = {
        "a.png": _png(),
        "deep.png": _png(16, 2),
        "a.bmp": _bmp(_HUGE),
        "a.tif": _tiff(_HUGE),
    }[name]
    said = _read(_folder(tmp_path, name, content))
    if name in ("a.png", "a.bmp"):
        assert "its pixels are over the limit of Pillow (178,956,970)" in said
    else:
        assert f"frames of {_HUGE} by {_HUGE} with" in said
        assert "are over the limit (268,435,456 pixels" in said


def test_huge_pictures_that_hold_little(tmp_path: Path) -> None:
    # It is within the limits, and takes 676 MB: more than there is here.
    said = _read(_folder(tmp_path, "a.webp", _still_webp(13000)))
    assert "cannot read" in said or "is damaged" in said


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.apng", "stack.tif"])
def test_huge_animations(tmp_path: Path, name: str) -> None:
    gif = (
        b"GIF89a"
        + struct.pack("<HHBBB", 65535, 65535, 0x80, 0, 0)
        + bytes(6)
        + b",\0\0\0\0\xff\xff\xff\xff\0\2\0;"
    )
    webp = struct.pack("<4sL4s4sLL", b"RIFF", 40, b"WEBP", b"VP8X", 10, 2) + b"\xff" * 6 + bytes(40)
    control = png_chunk(b"acTL", struct.pack(">LL", 2**31 - 1, 0))
    content = {"a.gif": gif, "a.webp": webp, "a.apng": _png(8, 2, _HUGE, control), "stack.tif": _tiff(_HUGE)}[
        name
    ]
    (tmp_path / name).write_bytes(content)
    said = _read(tmp_path / name)
    other = {"stack.tif": "one picture, no sequence", "a.gif": "are empty"}.get(name, "over the limit")
    assert "over the limit" in said or other in said, said


@pytest.mark.parametrize("colours", [2, 0])
@pytest.mark.parametrize("depth", [8, 16])
def test_profiles_and_texts_that_unpack_to_gigabytes(tmp_path: Path, depth: int, colours: int) -> None:
    bomb = _bomb()
    for at, chunk in enumerate(
        (
            png_chunk(b"iCCP", b"name\0\0" + bomb),
            png_chunk(b"zTXt", b"name\0\0" + bomb),
        )
    ):
        folder = tmp_path / f"{at}"
        folder.mkdir()
        said = _read(_folder(folder, "a.png", _png(depth, colours, 32, chunk)))
        assert said == "1\n" or "a profile or text in it is over the limit" in said, said


@pytest.mark.parametrize(
    "shape",
    [(10**12, 500, 500), (3, 10**6, 10**6), (1, 2**14, 2**14, 2**10), (2**63 - 1, 1, 1), (3, 2**20, 2**20)],
)
@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_arrays(tmp_path: Path, name: str, shape: tuple[int, ...]) -> None:
    if name == "a.npy":
        (tmp_path / name).write_bytes(_npy(shape))
    else:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("frames.npy", _npy(shape))
    said = _read(tmp_path / name)
    assert "cannot" in said or "ambiguous" in said or "no stack" in said, said


def test_archives_that_claim_or_unpack_too_much(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("frames.npy", _npy((2000, 300, 300)) + bytes(180_000_000))
    assert "bytes unpacked from" in _read(tmp_path / "bomb.npz")
    with zipfile.ZipFile(tmp_path / "long.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        head = np.lib.format.magic(2, 0) + struct.pack("<L", 2**31 - 1)
        archive.writestr("frames.npy", head + b" " * 300_000_000)
    assert "cannot" in _read(tmp_path / "long.npz") or "no stack" in _read(tmp_path / "long.npz")


def test_many_files_are_refused_by_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from seqimg.sequences import SequenceError, open_sequence

    for number in range(6):
        (tmp_path / f"{number}.png").write_bytes(b"")
    monkeypatch.setattr("seqimg.sequences.pictures.listing.MAX_FILES", 5)
    with pytest.raises(SequenceError, match=r"6 files in a folder are over the limit \(5\)"):
        open_sequence(tmp_path)
    monkeypatch.setattr("seqimg.sequences.pictures.listing.MAX_FILES", 50)
    monkeypatch.setattr("seqimg.sequences.pictures.listing.MAX_FRAMES", 5)
    for source in (tmp_path, tmp_path / "*.png", tmp_path / "%d.png"):
        with pytest.raises(SequenceError, match=r"6 pictures are over the limit \(5\)"):
            open_sequence(source)
