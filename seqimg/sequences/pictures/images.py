"""Single pictures in and out, with the depth they have."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from seqimg.errors import UsageError
from seqimg.sequences.base import SequenceError
from seqimg.sequences.limits import check_size
from seqimg.sequences.pictures.picture import Picture
from seqimg.sequences.pixeltypes import Pixels

__all__ = [
    "blamed_on",
    "decode_image",
    "describe",
    "describe_image",
    "encode_png",
    "opened_picture",
    "read_picture",
    "write_png",
]

_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP")
_PNG = b"\x89PNG\r\n\x1a\n"
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Pillow's modes: what to convert them to, channels, dtype, and what there is to say about it.
_MODES: dict[str, tuple[str | None, int, str, str | None]] = {
    "L": (None, 1, "uint8", None),
    "LA": (None, 2, "uint8", None),
    "RGB": (None, 3, "uint8", None),
    "RGBA": (None, 4, "uint8", None),
    "I;16": (None, 1, "uint16", None),
    "I;16B": (None, 1, "uint16", None),
    "F": (None, 1, "float32", None),
    "1": ("L", 1, "uint8", "1-bit pictures read as 0 and 255"),
    "P": ("RGB", 3, "uint8", "palettes read as RGB"),
    "CMYK": ("RGB", 3, "uint8", "CMYK read as RGB"),
}
_ORIENTATION = 0x0112
_TRANSPOSED = 5  # EXIF orientations from here on swap height and width


def describe(path: Path) -> Picture:
    """Read the header of a picture.

    Raises:
        SequenceError: It is empty, damaged, no picture, of a kind that cannot be read whole, or too large.
    """
    with blamed_on(path):
        picture = _describe_deep(path) or _describe_by_mode(path)
        check_size(path, picture.height, picture.width, picture.channels)
    return picture


def read_picture(path: Path) -> Pixels:
    """Read a picture as `[H, W, C]` in its own dtype.

    Raises:
        SequenceError: It cannot be read.
    """
    picture = describe(path)
    with blamed_on(path):
        if picture.decoder == "png":
            from seqimg.sequences.pictures.deep_png import read_deep_png

            pixels = read_deep_png(path)
        elif picture.decoder == "tiff":
            from seqimg.sequences.tiff.pictures import read_tiff

            pixels = read_tiff(path)
        else:
            pixels = _read_by_mode(path)
        shaped = pixels.reshape(picture.height, picture.width, picture.channels)
        return np.ascontiguousarray(shaped, dtype=picture.dtype)


def write_png(path: Path, pixels: Pixels) -> None:
    """Write `[H, W, C]` uint8 (1 to 4 channels) or uint16 (1, 3 or 4 channels) as a PNG."""
    path.write_bytes(encode_png(pixels))


def encode_png(pixels: Pixels) -> bytes:
    """Encode `[H, W, C]` uint8 (1 to 4 channels) or uint16 (1, 3 or 4 channels) as a PNG."""
    if pixels.dtype == np.uint16 and pixels.shape[2] > 1:
        from seqimg.sequences.pictures.deep_png import encode_deep_png

        return encode_deep_png(pixels)
    flat = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    buffer = BytesIO()
    Image.fromarray(np.ascontiguousarray(flat)).save(buffer, format="PNG", compress_level=4)
    return buffer.getvalue()


@contextmanager
def blamed_on(path: Path) -> Iterator[None]:
    """Turn whatever a decoder raises into a SequenceError that names the file."""
    try:
        yield
    except (SequenceError, UsageError):
        raise
    except UnidentifiedImageError as error:
        raise SequenceError(f"cannot read {path}", why="its content is not a picture") from error
    except Image.DecompressionBombError as error:
        limit = f"{2 * (Image.MAX_IMAGE_PIXELS or 0):,}"
        raise SequenceError(
            f"cannot handle {path}", why=f"its pixels are over the limit of Pillow ({limit})"
        ) from error
    # Decoders meet hostile files with exceptions of any kind, and each is the file's fault.
    except Exception as error:
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        if "MAX_TEXT" in why:
            why = f"a profile or text in it is over the limit ({PngImagePlugin.MAX_TEXT_CHUNK:,} bytes unpacked)"
        raise SequenceError(f"cannot read {path}", why=why) from error


def _describe_deep(path: Path) -> Picture | None:
    with path.open("rb") as file:
        head = file.read(26)
    if not head:
        raise SequenceError(f"cannot read {path}", why="the file is empty")
    if head.startswith(_PNG) and len(head) == 26:
        from seqimg.sequences.pictures.deep_png import describe_deep_png

        return describe_deep_png(path, head)
    if head.startswith(_TIFF):
        from seqimg.sequences.tiff.pictures import describe_tiff

        picture, fill_value = describe_tiff(path)
        return replace(picture or _describe_by_mode(path), fill_value=fill_value)
    return None


@contextmanager
def opened_picture(path: Path) -> Iterator[Image.Image]:
    """Open a picture of a kind that is read with Pillow; close it again."""
    with warnings.catch_warnings():
        # They are about odd tags, and Pillow's own limit on size; `check_size` is the one that decides.
        warnings.simplefilter("ignore")
        with Image.open(path, formats=_FORMATS) as image:
            yield image


def _describe_by_mode(path: Path) -> Picture:
    with opened_picture(path) as image:
        pictures = getattr(image, "n_frames", 1)
        if pictures > 1 and image.format != "MPO":  # the others of an MPO are previews
            raise SequenceError(
                f"{path} holds {pictures} pictures", why="a frame folder has one picture in each file"
            )
        return describe_image(path, image)


def describe_image(path: Path, image: Image.Image) -> Picture:
    """Return what a picture that Pillow has opened is.

    Raises:
        SequenceError: Its pixels are of a kind that is not read.
    """
    if image.mode not in _MODES:
        raise SequenceError(f"cannot read {path}", why=f"its pixels are of the kind {image.mode!r}")
    _, channels, dtype, note = _mode(image)
    orientation = _orientation(image)
    size = (image.width, image.height) if orientation >= _TRANSPOSED else (image.height, image.width)
    return Picture(
        *size, channels, dtype, note=note if orientation == 1 else "set upright by their EXIF data"
    )


def decode_image(image: Image.Image) -> Pixels:
    """Decode a picture that Pillow has opened to `[H, W]` or `[H, W, C]`."""
    upright = ImageOps.exif_transpose(image) if _orientation(image) > 1 else image
    mode = _mode(upright)[0]
    return np.array(upright.convert(mode) if mode else upright)


def _read_by_mode(path: Path) -> Pixels:
    with opened_picture(path) as image:
        return decode_image(image)


def _mode(image: Image.Image) -> tuple[str | None, int, str, str | None]:
    if image.mode == "P" and "transparency" in image.info:
        return "RGBA", 4, "uint8", "palettes read as RGBA"
    return _MODES[image.mode]


def _orientation(image: Image.Image) -> int:
    # Asking a PNG for its EXIF data would decode it.
    if image.format not in ("JPEG", "MPO", "WEBP"):
        return 1
    value = image.getexif().get(_ORIENTATION, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
