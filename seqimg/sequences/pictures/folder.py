"""Pictures that make a sequence: folders, name patterns and lists of them."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Generator, Iterable
from collections.abc import Sequence as Several
from fractions import Fraction
from pathlib import Path

from seqimg.sequences.arrays.ranges import found_range, missing_note
from seqimg.sequences.base import (
    ASSUMED_FPS,
    Damage,
    Fit,
    Gaps,
    OnError,
    Sequence,
    SequenceError,
    SequenceInfo,
    TimedFrame,
)
from seqimg.sequences.limits import check_fill_value, check_value_range, value_range_of
from seqimg.sequences.pictures.fitting import Fitter
from seqimg.sequences.pictures.headers import Headers, with_way_out
from seqimg.sequences.pictures.images import read_picture
from seqimg.sequences.pictures.listing import Listing, list_file, list_folder, list_pattern
from seqimg.sequences.pictures.numbering import Numbering
from seqimg.sequences.pixeltypes import Pixels

__all__ = ["FrameFolder", "FrameList"]

_MAX_HELD = 1_000_000


class _Frames(Sequence):
    """Pictures of one kind, in the order of a listing."""

    def __init__(
        self,
        listing: Listing,
        *,
        format_name: str,
        on_error: OnError,
        gaps: Gaps,
        value_range: tuple[float, float] | None,
        fill_value: float | None,
        fit: Fit,
    ) -> None:
        self._on_error, self._gaps = on_error, gaps
        self._root, self._names = listing.root, listing.names
        numbering = listing.numbering
        if numbering is not None and numbering.missing_count:
            _check_gaps(listing.source, numbering, gaps)
        self._places: Several[int] = (
            array("q", numbering.places)
            if numbering is not None and numbering.missing_count
            else range(len(listing.names))
        )
        headers = Headers.read(listing, on_error=on_error, fit=fit)
        self._headers = headers
        first = headers.first
        # A pass ends with the last picture that a damaged header lets through.
        self._end = headers.end if headers.end is not None else len(self._names)
        good = self._end - len(headers.damage)
        missing = first.fill_value if fill_value is None else check_fill_value(fill_value, first.dtype)
        declared = value_range and check_value_range(value_range)
        held = self._places[headers.last] + 1
        super().__init__(
            SequenceInfo(
                path=str(listing.source),
                format=format_name,
                height=first.height,
                width=first.width,
                channels=first.channels,
                dtype=first.dtype,
                value_range=declared or value_range_of(first.dtype),
                fill_value=missing,
                frame_count=held if gaps == "hold" else good,
                notes=(
                    *_number_notes(numbering, gaps),
                    *headers.notes,
                    *missing_note(missing),
                    *listing.notes,
                ),
            )
        )
        self._fitter = Fitter(self.info, fit)
        if declared is None and first.dtype.startswith("float"):
            self.info = found_range(self)

    def _read(self) -> Generator[TimedFrame, None, None]:
        return self._from(0)

    def _from(self, start: int) -> Generator[TimedFrame, None, None]:
        if self._gaps == "hold":
            return self._run(range(start, self._places[-1] + 1))
        # Numbers may lie far apart: only those that are there are walked over.
        return self._run(
            self._places[at] for at in range(bisect_left(self._places, start), len(self._places))
        )

    def _pick(self, indices: Several[int]) -> Generator[TimedFrame, None, None]:
        return self._run(indices)

    def _run(self, wanted: Iterable[int]) -> Generator[TimedFrame, None, None]:
        """Yield the frames at rising places, as far as there are any."""
        held: tuple[int, Pixels | None] = (-1, None)
        for place in wanted:
            at = bisect_right(self._places, place) - 1
            if at < 0 or place > self._places[-1]:
                continue
            if at >= self._end:
                self._note(self._end, self._headers.damage[self._end])
                return
            if self._places[at] == place:
                pixels, damage = self._load(at)
                if damage is not None:
                    self._note(at, damage)
                    if self._on_error == "truncate":
                        return
                    continue
                assert pixels is not None, "a picture or damage"
                held = (at, pixels.copy() if self._gaps == "hold" else None)
                yield _timed(place, pixels)
            elif self._gaps == "hold":
                if held[0] != at or held[1] is None:
                    held = (at, self._last_before(at))
                if held[1] is not None:
                    yield _timed(place, held[1].copy())

    def _last_before(self, at: int) -> Pixels | None:
        """Return the last picture up to a file that can be read."""
        while at >= 0:
            pixels, _ = self._load(at)
            if pixels is not None:
                return pixels
            at -= 1
        return None

    def _load(self, at: int) -> tuple[Pixels | None, str | None]:
        """Return a file's pixels, or why there are none."""
        name = self._names[at]
        if at in self._headers.damage:
            return None, self._headers.damage[at]
        try:
            pixels = read_picture(self._root / name)
        except SequenceError as error:
            if self._on_error == "error":
                raise with_way_out(error) from error
            return None, error.why or error.message
        pixels = self._fitter(pixels)
        if (*pixels.shape, str(pixels.dtype)) != self._headers.first.kind:
            raise SequenceError(f"{self._root / name} changed while the folder was being read")
        return pixels, None

    def _note(self, at: int, damage: str) -> None:
        ends = self._on_error == "truncate"
        self.damage.append(Damage(self._places[at], None if ends else 1, f"{self._names[at]}: {damage}"))


class FrameFolder(_Frames):
    """A folder of pictures of one size and kind, in natural order of their names, or those a pattern names.

    Headers are checked when the folder is opened, pixels when they are read. Hidden files and files
    that are no pictures are left alone. Links that lead out of the folder are refused.

    Args:
        path: The folder; or `frame_%04d.png`, or `shots/*.png`.
        on_error: What to do about damaged pictures.
        gaps: What to do about missing numbers.
        value_range: The values that mean black and white; by default all of an integer's range,
            [0, 1] for floats that stay inside it, and otherwise their least and greatest value.
        fill_value: A value that stands for a missing one; by default the one a GeoTIFF states.
        fit: What to do about pictures of other sizes than the first.

    Raises:
        SequenceError: There are no pictures, numbers are missing, or a picture is damaged or differs
            from those before it.
    """

    def __init__(
        self,
        path: Path,
        *,
        on_error: OnError = "error",
        gaps: Gaps = "error",
        value_range: tuple[float, float] | None = None,
        fill_value: float | None = None,
        fit: Fit = "error",
    ) -> None:
        is_folder = path.is_dir()
        super().__init__(
            list_folder(path) if is_folder else list_pattern(path),
            format_name="frames" if is_folder else "pattern",
            on_error=on_error,
            gaps=gaps,
            value_range=value_range,
            fill_value=fill_value,
            fit=fit,
        )


class FrameList(_Frames):
    """Pictures that a text file names, one a line, in its order; blank lines and `#` lines are skipped.

    Args:
        path: The file; the paths in it are relative to its folder.
        on_error: What to do about damaged pictures.
        value_range: The values that mean black and white, as for folders.
        fill_value: A value that stands for a missing one.
        fit: What to do about pictures of other sizes than the first.

    Raises:
        SequenceError: The file names no pictures, or a picture is damaged or differs from those before it.
    """

    def __init__(
        self,
        path: Path,
        *,
        on_error: OnError = "error",
        value_range: tuple[float, float] | None = None,
        fill_value: float | None = None,
        fit: Fit = "error",
    ) -> None:
        super().__init__(
            list_file(path),
            format_name="list",
            on_error=on_error,
            gaps="error",
            value_range=value_range,
            fill_value=fill_value,
            fit=fit,
        )


def _timed(place: int, pixels: Pixels) -> TimedFrame:
    return TimedFrame(place, float(Fraction(place) / ASSUMED_FPS), pixels)


def _check_gaps(path: Path, numbering: Numbering, gaps: Gaps) -> None:
    missing, numbers = numbering.missing_count, numbering.numbers
    if gaps == "error":
        raise SequenceError(
            f"{path} lacks {missing} of the frames {numbers[0]} to {numbers[-1]}",
            why=f"missing: {numbering.missing_text()}",
            hint="--gaps skip, or --gaps hold to repeat the frame before each gap",
        )
    if gaps == "hold" and missing > _MAX_HELD:
        raise SequenceError(
            f"{path} lacks {missing:,} frames", why=f"at most {_MAX_HELD:,} are filled in", hint="--gaps skip"
        )


def _number_notes(numbering: Numbering | None, gaps: Gaps) -> list[str]:
    if numbering is None:
        return []
    notes = [f"numbers {numbering.numbers[0]}-{numbering.numbers[-1]}"]
    if numbering.step > 1:
        notes[0] += f" in steps of {numbering.step}"
    if numbering.missing_count:
        done = "" if gaps == "skip" else ", each filled with the frame before"
        notes.append(f"{numbering.missing_count} missing ({numbering.missing_text()}){done}")
    return notes
