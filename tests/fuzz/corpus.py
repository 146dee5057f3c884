"""Small sequences of every kind that can be read, made on the spot."""
# ruff: noqa: E501 -- bytes of crafted files

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import h5py
import numpy as np
import tifffile
import zarr
from PIL import Image

from tests.sequences.numbered import HEIGHT, WIDTH, encode, numbered

COUNT = 24
Maker = Callable[[Path], object]


def _stack(count: int = COUNT) -> Any:
    return np.stack(list(numbered(count)))


def _y4m(path: Path) -> None:
    with av.open(str(path), "w", format="yuv4mpegpipe") as container:
        stream = container.add_stream("wrapped_avframe", rate=25)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        for pixels in numbered(COUNT):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _animation(kind: str) -> Maker:
    def make(path: Path) -> None:
        pictures = [Image.fromarray(pixels) for pixels in numbered(COUNT)]
        pictures[0].save(path, kind, save_all=True, append_images=pictures[1:], duration=40, loop=0)

    return make


def _folder(suffix: str, **options: Any) -> Maker:
    def make(path: Path) -> None:
        path.mkdir()
        for number, pixels in enumerate(numbered(6)):
            Image.fromarray(pixels).save(path / f"{number:03}{suffix}", **options)

    return make


def _deep_folder(path: Path) -> None:
    path.mkdir()
    for number, pixels in enumerate(numbered(6)):
        tifffile.imwrite(path / f"{number:03}.tif", pixels.astype(np.uint16) * 257, compression="zlib")


def _hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("frames", data=_stack(), chunks=(1, HEIGHT, WIDTH, 3), compression="gzip")


def _zarr(path: Path) -> None:
    array = zarr.open_array(
        str(path), mode="w", shape=(6, HEIGHT, WIDTH, 3), chunks=(1, HEIGHT, WIDTH, 3), dtype="u1"
    )
    array[:] = _stack(6)


CORPUS: dict[str, Maker] = {
    "h264.mp4": lambda path: encode(path, "libx264", COUNT, options={"g": "6", "bf": "2"}),
    "mpeg4.mp4": lambda path: encode(path, "mpeg4", COUNT, options={"g": "6"}),
    "vp9.webm": lambda path: encode(path, "libvpx-vp9", COUNT, options={"g": "6", "cpu-used": "8"}),
    "vp8.webm": lambda path: encode(path, "libvpx", COUNT, options={"g": "6", "cpu-used": "8"}),
    "h264.mkv": lambda path: encode(path, "libx264", COUNT, options={"g": "6"}),
    "mjpeg.avi": lambda path: encode(path, "mjpeg", COUNT, pixel_format="yuvj420p"),
    "mpeg4.avi": lambda path: encode(path, "mpeg4", COUNT, options={"g": "6", "bf": "2"}),
    "mpeg2.ts": lambda path: encode(path, "mpeg2video", COUNT, options={"g": "6"}),
    "h264.ts": lambda path: encode(path, "libx264", COUNT, options={"g": "6"}),
    "a.gif": _animation("GIF"),
    "a.webp": _animation("WEBP"),
    "a.apng": _animation("PNG"),
    "a.y4m": _y4m,
    "stack.tif": lambda path: tifffile.imwrite(path, _stack(), photometric="rgb", compression="zlib"),
    "imagej.tif": lambda path: tifffile.imwrite(
        path, _stack()[..., 0].astype(np.float32), imagej=True, metadata={"axes": "TYX"}
    ),
    "a.npy": lambda path: np.save(path, _stack()),
    "float.npy": lambda path: np.save(path, _stack()[..., 0].astype(np.float32)),
    "a.npz": lambda path: np.savez_compressed(path, frames=_stack()),
    "a.h5": _hdf5,
    "a.zarr": _zarr,
    "png": _folder(".png"),
    "jpeg": _folder(".jpg", quality=90),
    "bmp": _folder(".bmp"),
    "webp": _folder(".webp"),
    "tiff": _folder(".tif", compression="tiff_lzw"),
    "deep": _deep_folder,
}
"""How to make each; what has no suffix is a folder of pictures."""


def part_to_hurt(path: Path) -> Path:
    """Return the file that damage goes to: of a folder the third."""
    if path.is_file():
        return path
    files = sorted(item for item in path.rglob("*") if item.is_file())
    return files[len(files) // 2]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, *chunks: bytes, depth: int = 8) -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + b"".join(chunks)
        + _chunk(b"IDAT", zlib.compress(b"\0" * 99))
        + _chunk(b"IEND", b"")
    )


def _npy(text: str, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode() + data


def _zip(name: str, data: bytes, **changes: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return out.getvalue()


def _tiff(*entries: tuple[int, int, int, int], following: int = 0) -> bytes:
    """One directory: tag, type, count, value each."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return (
        b"II*\0"
        + struct.pack("<I", 8)
        + struct.pack("<H", len(entries))
        + body
        + struct.pack("<I", following)
    )


_SHAPE = "{'descr': '|u1', 'fortran_order': False, 'shape': (%s)}\n"
_BOMB = zlib.compress(bytes(50_000_000))
_TIFF_HEAD = (
    (256, 4, 1, 64),
    (257, 4, 1, 48),
    (258, 3, 1, 8),
    (259, 3, 1, 1),
    (262, 3, 1, 1),
    (277, 3, 1, 1),
    (278, 4, 1, 48),
)

CRAFTED: dict[str, bytes] = {
    "huge.gif": b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\xf7\0\0" + bytes(768) + b",\0\0\0\0\xff\xff\xff\xff\0\x08\0;",
    "frames.gif": b"GIF89a\x08\0\x08\0\xf0\0\0\0\0\0\xff\xff\xff" + b"!\xf9\4\0\1\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0" * 60_000 + b";",
    "endless.gif": b"GIF89a\x08\0\x08\0\xf0\0\0\0\0\0\xff\xff\xff" + b"!\xfe\xff" + b"x" * 255 + b"\xff" * 200_000,
    "huge.npy": _npy(_SHAPE % "9999999, 9999999, 9999999, 3"),
    "empty.npy": _npy(_SHAPE % "0, 8, 8"),
    "negative.npy": _npy(_SHAPE % "-1, 8, 8", bytes(64)),
    "overflow.npy": _npy(_SHAPE % "4294967297, 4294967297, 4"),
    "many.npy": _npy(_SHAPE % "999999999999, 1, 1, 1", b"abc"),
    "object.npy": _npy("{'descr': '|O', 'fortran_order': False, 'shape': (4, 8, 8)}\n", b"cos\nsystem\n(S'false'\ntR."),
    "code.npy": _npy("__import__('os').system('false')\n"),
    "deep.npy": _npy("(" * 9000 + "\n"),
    "long.npy": b"\x93NUMPY\2\0" + struct.pack("<I", 2**32 - 1) + b"{'descr'",
    "bomb.npz": _zip("frames.npy", _npy(_SHAPE % "1000000, 8, 8, 1") + bytes(64_000_000)),
    "outside.npz": _zip("../../etc/frames.npy", _npy(_SHAPE % "2, 8, 8", bytes(128))),
    "many.npz": _zip("a.txt", b"x"),
    "zip64.npz": _zip("frames.npy", _npy(_SHAPE % "2, 8, 8", bytes(128)))[:-30] + b"\xff" * 30,
    "huge.tif": _tiff((256, 4, 1, 2**31), (257, 4, 1, 2**31), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 9), (279, 4, 1, 9)),
    "loop.tif": _tiff(*_TIFF_HEAD, (273, 4, 1, 8), (279, 4, 1, 64), following=8),
    "strips.tif": _tiff(*_TIFF_HEAD, (273, 4, 2**31, 8), (279, 4, 2**31, 8)),
    "far.tif": _tiff(*_TIFF_HEAD, (273, 4, 1, 2**32 - 1), (279, 4, 1, 2**32 - 1)),
    "tags.tif": b"II*\0\x08\0\0\0\xff\xff" + bytes(2000),
    "big.tif": b"II+\0\x08\0\0\0" + struct.pack("<Q", 2**63) + bytes(90),
    "huge.webp": b"RIFF\xff\xff\xff\x7fWEBPVP8X\x0a\0\0\0\x02\0\0\0\xff\xff\xff\xff\xff\xff" + bytes(90),
    "huge.apng": _png(2**31 - 1, 2**31 - 1, _chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))),
    "bomb.apng": _png(64, 48, _chunk(b"acTL", struct.pack(">II", 9, 0)), _chunk(b"iCCP", b"x\0\0" + _BOMB), _chunk(b"zTXt", b"x\0\0" + _BOMB)),
    "huge.y4m": b"YUV4MPEG2 W999999 H999999 F25:1 Ip A1:1 C420\nFRAME\n" + bytes(99),
    "odd.y4m": b"YUV4MPEG2 W-8 H0 F0:0 Ip A0:0 C999\nFRAME\n" + bytes(99),
    "line.y4m": b"YUV4MPEG2 " + b"W8 " * 50_000,
    "huge.mp4": b"\0\0\0\x14ftypisom\0\0\2\0isom\xff\xff\xff\xffmoov" + b"\xff\xff\xff\xfftrak" * 500,
    "nested.mp4": b"\0\0\0\x14ftypisom\0\0\2\0isom" + b"".join(struct.pack(">I", 8 * (2000 - i)) + b"moov" for i in range(2000)),
    "size64.mp4": b"\0\0\0\x14ftypisom\0\0\2\0isom\0\0\0\1moov" + struct.pack(">Q", 2**63 - 1) + bytes(99),
    "huge.mkv": b"\x1aE\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xfe" + b"\x18S\x80g\x01\xff\xff\xff\xff\xff\xff\xff" * 99,
    "huge.avi": b"RIFF\xff\xff\xff\xffAVI LIST\xff\xff\xff\xffhdrlavih\x38\0\0\0" + b"\xff" * 400,
    "zeros.ts": b"G" + bytes(187) * 3,
    "sync.ts": (b"G\x40\0\x10" + b"\xff" * 184) * 400,
    "empty.h5": b"\x89HDF\r\n\x1a\n" + b"\xff" * 600,
    "list.txt": b"/etc/passwd\n../../../../etc/passwd\nhttp://127.0.0.1:1/a.png\n",
    "self.txt": b"self.txt\n" * 1000,
    "bytes.txt": b"\xff\xfe\0" * 1000,
    "a.m3u8": b"#EXTM3U\n#EXTINF:5,\nfile:///etc/passwd\n",
    "list.mp4": b"ffconcat version 1.0\nfile /etc/passwd\n",
}  # fmt: skip

CRAFTED_PICTURES: dict[str, bytes] = {
    "huge.png": _png(2**31 - 1, 2**31 - 1),
    "deep.png": _png(60_000, 60_000, depth=16),
    "profile.png": _png(64, 48, _chunk(b"iCCP", b"x\0\0" + _BOMB)),
    "text.png": _png(64, 48, *[_chunk(b"zTXt", b"x\0\0" + _BOMB)] * 4),
    "chunk.png": b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffIHDR",
    "huge.bmp": b"BM" + struct.pack("<IIIIiiHHIIiiII", 99, 0, 54, 40, 2**31 - 1, 2**31 - 1, 1, 24, 0, 0, 1, 1, 0, 0) + bytes(99),
    "lowest.bmp": b"BM" + struct.pack("<IIIIiiHHIIiiII", 99, 0, 54, 40, 8, -(2**31), 1, 24, 0, 0, 1, 1, 0, 0) + bytes(99),
    "huge.jpg": b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\3\1\x11\0\2\x11\0\3\x11\0\xff\xda\0\x0c\3\1\0\2\0\3\0\0\x3f\0" + bytes(99),
    "huge.tif": CRAFTED["huge.tif"],
    "loop.tif": CRAFTED["loop.tif"],
    "strips.tif": CRAFTED["strips.tif"],
    "huge.webp": CRAFTED["huge.webp"],
}  # fmt: skip
"""The same for the pictures of a folder."""


def damaged(data: bytes, seed: int) -> Iterator[bytes]:
    """Yield variants without end: flipped bits, overwritten and moved stretches, huge numbers."""
    random = np.random.default_rng(seed)
    while True:
        hurt = bytearray(data)
        for _ in range(random.integers(1, 5)):
            at = int(random.integers(len(hurt)))
            match random.integers(5):
                case 0 | 1:
                    hurt[at] ^= 1 << int(random.integers(8))
                case 2:
                    hurt[at : at + 8] = random.bytes(8)
                case 3:
                    hurt[at : at + 4] = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4))[
                        random.integers(3)
                    ]
                case 4:
                    size = int(random.integers(1, 64))
                    del hurt[at : at + size]
        yield bytes(hurt)
