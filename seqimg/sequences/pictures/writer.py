"""Writing folders of pictures."""

from io import BytesIO
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from seqimg.errors import SeqimgError, UsageError
from seqimg.sequences.base import SequenceError, SequenceInfo, SequenceWriter
from seqimg.sequences.pictures.images import write_png
from seqimg.sequences.pictures.patterns import number_format, numbered_name
from seqimg.sequences.pixels import EightBit, unsaid_notes
from seqimg.sequences.pixeltypes import Pixels

__all__ = ["PICTURE_SUFFIXES", "PictureFolderWriter", "PictureWriter", "check_replaceable"]

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
"""File name endings of the pictures that are written."""

_NAMES = "frame_%06d.png"
_QUALITY = 95


class PictureFolderWriter(SequenceWriter):
    """One picture a frame, numbered from 1.

    - PNG: 8-bit and 16-bit frames as they are, floats as 8-bit.
    - JPEG: 8-bit, a fourth channel dropped.
    - TIFF: any frames as they are, uncompressed.

    Args:
        path: An empty folder.
        info: What the frames are.
        names: The pictures' names, with their number as `%d` or `%05d`.
        quality: For JPEG, from 1, small files, to 100, few losses; 95 by default.

    Raises:
        SequenceError: Such pictures cannot hold that many channels.
        UsageError: Such pictures lose nothing, so have no quality.
    """

    def __init__(
        self, path: Path, info: SequenceInfo, *, names: str = _NAMES, quality: int | None = None
    ) -> None:
        suffix = Path(names).suffix.lower()
        self.codec = {".png": "png", ".tif": "tiff", ".tiff": "tiff"}.get(suffix, "jpeg")
        if quality is not None and self.codec != "jpeg":
            raise UsageError(f"quality means nothing for {names}", why="such pictures lose nothing")
        self._path, self._names, self._info, self._count = path, names, info, 0
        self._quality = quality or _QUALITY
        self._notes = _check_channels(info, self.codec)
        is_float = info.dtype.startswith("float")
        scaled = self.codec == "jpeg" or (self.codec == "png" and is_float)
        self._scale = EightBit(info) if scaled else None
        if self.codec == "png" and not is_float:
            self._notes += unsaid_notes(info)

    def write(self, frame: Pixels) -> None:
        """Append one frame."""
        self._count += 1
        self._put(self._path / numbered_name(self._names, self._count), frame)

    def _put(self, path: Path, frame: Pixels) -> None:
        pixels = self._scale(frame) if self._scale else frame
        if self.codec == "png":
            write_png(path, pixels)
        elif self.codec == "tiff":
            write_tiff(path, pixels, self._info.fill_value)
        else:
            colours = pixels[:, :, 0] if pixels.shape[2] < 3 else pixels[:, :, :3]
            picture = Image.fromarray(np.ascontiguousarray(colours))
            picture.save(path, format="JPEG", quality=self._quality)

    def close(self) -> None:
        """Collect the notes; every frame is on the disk already."""
        self.notes = self._notes + (self._scale.notes if self._scale else ())

    def abort(self) -> None:
        """Hold nothing, so release nothing."""


class PictureWriter(PictureFolderWriter):
    """One picture, a PNG or JPEG, of a sequence of one frame.

    Args:
        path: The picture.
        info: What it is; the ending of `info.path` tells the kind.
        quality: As for folders.

    Raises:
        SequenceError: Such a picture cannot hold that many channels.
        UsageError: Such a picture loses nothing, so has no quality.
    """

    def __init__(self, path: Path, info: SequenceInfo, *, quality: int | None = None) -> None:
        super().__init__(path, info, names=Path(info.path).name, quality=quality)

    def write(self, frame: Pixels) -> None:
        """Write the one frame.

        Raises:
            SequenceError: It is the second one.
        """
        self._count += 1
        if self._count > 1:
            stem, suffix = Path(self._names).stem, Path(self._names).suffix
            raise SequenceError(
                f"{self._info.path} is one picture, and there are more frames",
                hint=f"-o {stem}.mp4, or -o {stem}/%05d{suffix}",
            )
        self._put(self._path, frame)


def write_tiff(path: Path, pixels: Pixels, fill_value: float | None) -> None:
    """Write `[H, W, C]` of any dtype as a TIFF of one page; GDAL's tag says what stands for missing values."""
    channels = pixels.shape[2]
    colours = 3 if channels in (3, 4) else 1
    fill = [] if fill_value is None else [(42113, "s", 0, f"{fill_value!r}".removesuffix(".0"), True)]
    # In memory first: what a full disk makes tifffile say would tell nobody that the disk is full.
    buffer = BytesIO()
    tifffile.imwrite(
        buffer,
        np.ascontiguousarray(pixels[:, :, 0] if channels == 1 else pixels),
        photometric="rgb" if colours == 3 else "minisblack",
        planarconfig="contig" if channels > 1 else None,
        extrasamples=[2] + [0] * (channels - colours - 1) if channels > colours else None,
        metadata=None,
        extratags=fill,
    )
    path.write_bytes(buffer.getvalue())


def check_replaceable(folder: Path, names: str | None = None) -> None:
    """Refuse to replace a folder that holds anything but frames written by seqimg.

    Args:
        folder: The folder.
        names: What the frames may be called, besides the usual name.

    Raises:
        SeqimgError: `folder` is a link, no folder, or holds other files; the message names one.
    """
    if folder.is_symlink() or not folder.is_dir():
        raise SeqimgError(f"cannot replace {folder} by a folder of frames", why="it is a file or a link")
    other = next((item.name for item in folder.iterdir() if not _is_ours(item, names)), None)
    if other is not None:
        raise SeqimgError(
            f"cannot replace {folder}",
            why=f"it holds other files than frames, for example {other}",
            hint="another -o, or remove that folder yourself",
        )


def _is_ours(item: Path, names: str | None) -> bool:
    for known in {_NAMES, names or _NAMES}:
        fits = number_format(known)
        if fits is not None and fits.fullmatch(item.name):
            return not item.is_dir()
    return False


def _check_channels(info: SequenceInfo, codec: str) -> tuple[str, ...]:
    allowed: tuple[int, ...] = (1, 3, 4) if info.dtype == "uint16" else (1, 2, 3, 4)
    if codec != "tiff" and info.channels not in allowed:
        raise SequenceError(
            f"a {codec.upper()} cannot hold {info.channels} channels of {info.dtype}",
            why=f"it holds {', '.join(map(str, allowed))}",
            hint="a .tif or .npy file instead",
        )
    return ("transparency dropped",) if codec == "jpeg" and info.channels in (2, 4) else ()
