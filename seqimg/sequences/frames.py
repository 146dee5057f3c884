"""Folders of numbered pictures."""

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from seqimg.sequences.base import (
    ASSUMED_FPS,
    IMAGE_SUFFIXES,
    Damage,
    Gaps,
    OnError,
    Sequence,
    SequenceError,
    SequenceInfo,
    TimedFrame,
)
from seqimg.sequences.images import describe, read_picture
from seqimg.sequences.limits import check_value_range, value_range_of
from seqimg.sequences.numbering import Numbering, natural_key, number, words
from seqimg.sequences.picture import Picture
from seqimg.sequences.pixeltypes import Pixels
from seqimg.sequences.pulse import pulse
from seqimg.sequences.ranges import found_range

__all__ = ["FrameFolder"]

_MAX_HELD = 1_000_000


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    place: int
    damage: str | None = None


class FrameFolder(Sequence):
    """A folder of pictures of one size and kind, in natural order of their names.

    Headers are checked when the folder is opened, pixels when they are read. Hidden files and files
    that are no pictures are left alone.

    Args:
        path: The folder.
        on_error: What to do about damaged pictures.
        gaps: What to do about missing numbers.
        value_range: The values that mean black and white; by default all of an integer's range,
            [0, 1] for floats that stay inside it, and otherwise their least and greatest value.

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
    ) -> None:
        self._path, self._on_error, self._gaps = path, on_error, gaps
        names, others = _list(path)
        numbering = _numbered(path, names)
        if numbering is not None and numbering.missing_count:
            _check_gaps(path, numbering, gaps)
        self._files, self._picture, notes = self._headers(names, numbering)
        first, declared = self._picture, value_range and check_value_range(value_range)
        good = [file for file in self._files if file.damage is None]
        super().__init__(
            SequenceInfo(
                path=str(path),
                format="frames",
                height=first.height,
                width=first.width,
                channels=first.channels,
                dtype=first.dtype,
                value_range=declared or value_range_of(first.dtype),
                frame_count=good[-1].place + 1 if gaps == "hold" else len(good),
                notes=(*_number_notes(numbering, gaps), *notes, *_other_notes(others)),
            )
        )
        if declared is None and first.dtype.startswith("float"):
            self.info = found_range(self)

    def _headers(
        self, names: list[str], numbering: Numbering | None
    ) -> tuple[list[_File], Picture, list[str]]:
        """Describe every picture: the files to read, what all have in common, and notes."""
        places = numbering.places if numbering is not None else range(len(names))
        files: list[_File] = []
        notes: list[str] = []
        first: Picture | None = None
        for name, place in zip(names, places, strict=True):
            pulse()
            try:
                picture = describe(self._path / name)
            except SequenceError as error:
                if self._on_error == "error":
                    raise _with_way_out(error) from error
                files.append(_File(name, place, error.why or error.message))
                if self._on_error == "truncate":
                    break
                continue
            first = first or picture
            if picture.kind != first.kind:
                raise SequenceError(
                    f"{self._path / name} differs from the frames before it",
                    why=f"it is {picture}; they are {first}",
                )
            if picture.note and picture.note not in notes:
                notes.append(picture.note)
            files.append(_File(name, place))
        if first is None:
            raise SequenceError(f"cannot read {self._path}", why=f"{files[0].name}: {files[0].damage}")
        return files, first, notes

    def _read(self) -> Generator[TimedFrame, None, None]:
        held: Pixels | None = None
        next_place = 0
        for file in self._files:
            if held is not None:
                for place in range(next_place, file.place):
                    yield _timed(place, held.copy())
            next_place = file.place + 1
            pixels, damage = self._load(file)
            if pixels is None:
                ends = self._on_error == "truncate"
                self.damage.append(Damage(file.place, None if ends else 1, f"{file.name}: {damage}"))
                if ends:
                    return
                continue
            if self._gaps == "hold":
                held = pixels.copy()
            yield _timed(file.place, pixels)

    def _load(self, file: _File) -> tuple[Pixels | None, str | None]:
        """Return a file's pixels, or why there are none."""
        if file.damage is not None:
            return None, file.damage
        try:
            pixels = read_picture(self._path / file.name)
        except SequenceError as error:
            if self._on_error == "error":
                raise _with_way_out(error) from error
            return None, error.why or error.message
        if (*pixels.shape, str(pixels.dtype)) != self._picture.kind:
            raise SequenceError(f"{self._path / file.name} changed while the folder was being read")
        return pixels, None


def _with_way_out(error: SequenceError) -> SequenceError:
    return SequenceError(
        error.message, why=error.why, hint=error.hint or "--on-error skip, to leave such pictures out"
    )


def _timed(place: int, pixels: Pixels) -> TimedFrame:
    return TimedFrame(place, float(Fraction(place) / ASSUMED_FPS), pixels)


def _list(path: Path) -> tuple[list[str], list[str]]:
    """Return the names of the pictures in natural order, and the names of all else."""
    pictures: list[str] = []
    others: list[str] = []
    try:
        for item in path.iterdir():
            is_picture = item.suffix.lower() in IMAGE_SUFFIXES and not item.name.startswith(".")
            (pictures if is_picture and item.is_file() else others).append(item.name)
    except OSError as error:
        raise SequenceError(f"cannot read {path}", why=error.strerror) from error
    if not pictures:
        kinds = Counter((path / name).suffix.lower() or "without suffix" for name in others)
        found = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(4))
        raise SequenceError(
            f"{path} holds no pictures",
            why=f"it has {found}" if found else "it is empty",
            hint=f"a folder with {', '.join(IMAGE_SUFFIXES)} files",
        )
    return sorted(pictures, key=natural_key), sorted(others)


def _numbered(path: Path, names: list[str]) -> Numbering | None:
    stems = [Path(name).stem for name in names]
    seen: dict[tuple[str | int, ...], str] = {}
    for name, stem in zip(names, stems, strict=True):
        twin = seen.setdefault(words(stem), name)
        if twin != name:
            raise SequenceError(
                f"{path} holds one frame twice", why=f"{twin} and {name}", hint="remove one of them"
            )
    return number(stems)


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


def _other_notes(others: list[str]) -> list[str]:
    if not others:
        return []
    shown = ", ".join(others[:3]) + (", …" if len(others) > 3 else "")
    return [f"{len(others)} other file{'s' * (len(others) > 1)} left alone ({shown})"]
