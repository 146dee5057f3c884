"""Stacks of frames in TIFF files of several pages, read page by page."""

from collections.abc import Generator
from collections.abc import Sequence as Several
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from seqimg.sequences.arrays.ranges import found_range, missing_note
from seqimg.sequences.base import (
    ASSUMED_FPS,
    Damage,
    OnError,
    Sequence,
    SequenceError,
    SequenceInfo,
    TimedFrame,
)
from seqimg.sequences.limits import check_fill_value, check_size, check_value_range, value_range_of
from seqimg.sequences.pictures.images import blamed_on, decode_image, describe_image, opened_picture
from seqimg.sequences.pixeltypes import Pixels
from seqimg.sequences.tiff.layout import Layout, Remarks, laid_out
from seqimg.sequences.tiff.pictures import decode_page, describe_page, nodata, opened_tiff
from seqimg.sequences.tiff.tags import Pages, look_over

__all__ = ["TiffSequence"]


class TiffSequence(Sequence):
    """A TIFF file whose pages are frames, or an ImageJ or OME stack over time or depth.

    Args:
        path: The file.
        axes: What each axis is, for example `"TCHW"`; told from the file if possible.
        value_range: The values that mean black and white; by default as for folders.
        fill_value: A value that stands for a missing one; by default what GDAL's tag for it says.
        on_error: What to do about damaged pages.

    Raises:
        SequenceError: The file is damaged, or holds one picture, or pages of several kinds.
        UsageError: More than one axis could be time, or an option does not fit.
    """

    def __init__(
        self,
        path: Path,
        *,
        axes: str | None = None,
        value_range: tuple[float, float] | None = None,
        fill_value: float | None = None,
        on_error: OnError = "error",
    ) -> None:
        self._path, self._on_error = path, on_error
        with blamed_on(path):
            if not path.stat().st_size:
                raise SequenceError(f"cannot read {path}", why="the file is empty")
            self._pages = look_over(path)
        with blamed_on(path), opened_tiff(path) as file:
            page = file.pages.first
            remarks = Remarks.of(str(page.description))
            self._layout = laid_out(path, file, self._pages, axes, own=remarks.own)
            picture = describe_page(path, page)
            self._order = np.dtype(page.dtype).newbyteorder(file.byteorder)
            stated = nodata(page)
        self._by_pillow = picture is None
        if picture is None:
            with blamed_on(path), opened_picture(path) as image:
                picture = describe_image(path, image)
        self._page_kind = picture.kind
        sizes = self._sizes()
        check_size(path, *sizes)
        dtype = picture.dtype
        declared = value_range and check_value_range(value_range)
        missing = stated if fill_value is None else check_fill_value(fill_value, dtype)
        super().__init__(
            SequenceInfo(
                path=str(path),
                format="tiff",
                height=sizes[0],
                width=sizes[1],
                channels=sizes[2],
                dtype=dtype,
                value_range=declared or remarks.value_range or value_range_of(dtype),
                fill_value=missing,
                fps=remarks.fps,
                frame_count=self._layout.count,
                notes=(self._layout.note, *([picture.note] if picture.note else []), *missing_note(missing)),
            )
        )
        if not (declared or remarks.value_range) and dtype.startswith("float"):
            self.info = found_range(self)

    def _sizes(self) -> tuple[int, int, int]:
        layout = self._layout
        inner = [size for at, size in enumerate(layout.leading) if at != layout.time]
        sizes = layout.axes.sizes([*inner, *layout.page])
        # Pillow may show a page with other channels than it has: palettes, for one.
        channels = sizes.get("C", 1) if not self._by_pillow or inner else self._page_kind[2]
        return sizes["H"], sizes["W"], channels

    def _read(self) -> Generator[TimedFrame, None, None]:
        return self._pick(range(self._layout.count))

    def _pick(self, indices: Several[int]) -> Generator[TimedFrame, None, None]:
        rate = self.info.fps or ASSUMED_FPS
        with ExitStack() as stack:
            reader = _PageReader(self._path, self._pages, self._layout, self._by_pillow, self._order, stack)
            for index in indices:
                if index >= self._layout.count:
                    return
                try:
                    frame = self._frame(reader, index)
                except SequenceError as error:
                    reason = error.why or error.message
                    if self._on_error == "error":
                        raise SequenceError(
                            f"{self._path} is damaged at frame {index}", why=reason, hint="--on-error skip"
                        ) from error
                    ends = self._on_error == "truncate"
                    self.damage.append(Damage(index, None if ends else 1, reason))
                    if ends:
                        return
                    continue
                yield TimedFrame(index, float(Fraction(index) / rate), frame)

    def _frame(self, reader: "_PageReader", index: int) -> Pixels:
        layout = self._layout
        pages = [reader.read(page) for page in layout.pages_of(index)]
        if self._by_pillow and len(pages) == 1:
            frame: Pixels = pages[0].reshape(self.info.height, self.info.width, self.info.channels)
        else:
            frame = layout.put_together([page.reshape(layout.page) for page in pages])
        return np.array(frame, dtype=self.info.dtype, order="C")


class _PageReader:
    """Decodes pages of one open file; the file is closed by `stack`."""

    def __init__(
        self,
        path: Path,
        pages: Pages,
        layout: Layout,
        by_pillow: bool,
        order: np.dtype[Any],
        stack: ExitStack,
    ) -> None:
        self._path, self._pages, self._layout, self._order = path, pages, layout, order
        self._image: Image.Image | None = None
        self._file: tifffile.TiffFile | None = None
        with blamed_on(path):
            self._bytes = stack.enter_context(path.open("rb"))
            if by_pillow:
                self._image = stack.enter_context(opened_picture(path))
            else:
                self._file = stack.enter_context(opened_tiff(path))
                first = self._file.pages.first
                self._kind = (first.shape, first.axes, first.dtype)

    def read(self, page: int) -> Pixels:
        """Decode a page.

        Raises:
            SequenceError: It is damaged, or of another kind than the first.
        """
        with blamed_on(self._path):
            if self._image is not None:
                self._image.seek(self._pages.ordinals[page])
                return decode_image(self._image)
            if self._layout.start is not None:
                return self._raw(page, self._layout.start)
            return self._decoded(page)

    def _raw(self, page: int, start: int) -> Pixels:
        pixels = np.empty(self._layout.page, self._order)
        self._bytes.seek(start + page * pixels.nbytes)
        if self._bytes.readinto(pixels.data.cast("B")) != pixels.nbytes:
            raise SequenceError(f"{self._path} is damaged", why=f"it ends within page {page}")
        return pixels

    def _decoded(self, page: int) -> Pixels:
        assert self._file is not None
        ordinal = self._pages.ordinals[page]
        self._file.filehandle.seek(self._pages.offsets[page])
        read = tifffile.TiffPage(self._file, index=ordinal)
        if (read.shape, read.axes, read.dtype) != self._kind:
            raise SequenceError(
                f"{self._path} is damaged",
                why=f"page {page} is {read.dtype} {read.shape}; the first is {self._kind[2]} {self._kind[0]}",
            )
        if describe_page(self._path, read) is None:
            raise SequenceError(f"{self._path} is damaged", why=f"page {page} is packed unlike the first")
        return decode_page(self._path, read)
