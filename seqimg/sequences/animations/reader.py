"""Animated pictures: frames that are drawn over one another."""

from abc import abstractmethod
from array import array
from bisect import bisect_right
from collections.abc import Generator, Iterator
from collections.abc import Sequence as Several
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from seqimg.sequences.base import Damage, OnError, Sequence, SequenceError, SequenceInfo, TimedFrame
from seqimg.sequences.limits import MAX_FPS, MAX_FRAMES, check_limit, check_size, value_range_of
from seqimg.sequences.pictures.images import blamed_on
from seqimg.sequences.pixeltypes import Pixels

__all__ = ["AnimatedSequence", "Cel", "Canvas"]

_NO_TIME = Fraction(1, 10)  # what browsers make of frames that are shown for no time


@dataclass(frozen=True, slots=True)
class Cel:
    """What is drawn for one frame.

    Attributes:
        offset: Where it stands in the file.
        box: Left, top, width and height on the canvas.
        duration: How long the frame is shown, in seconds.
        over: Whether it is laid over what is there, by its opacity, rather than put in its place.
        after: What becomes of its part of the canvas before the next one is drawn.
    """

    offset: int
    box: tuple[int, int, int, int]
    duration: Fraction
    over: bool
    after: Literal["keep", "clear", "restore"]


@dataclass(frozen=True, slots=True)
class Canvas:
    """What all frames have in common.

    Attributes:
        height: Height in pixels.
        width: Width in pixels.
        channels: Number of channels that each cel has.
        dtype: dtype name.
        opaque: Whether those channels say nothing of opacity.
        stated: How many frames the file says it has; None if it does not.
    """

    height: int
    width: int
    channels: int
    dtype: str
    opaque: bool
    stated: int | None = None


class AnimatedSequence(Sequence):
    """Frames put together from cels; a format says where these are and decodes them.

    What is kept of each frame is where it stands and when it is shown: 24 bytes.

    Args:
        path: The file.
        format_name: The format's name.
        on_error: What to do about damage. Frames that are drawn over a damaged one are lost with it.

    Raises:
        SequenceError: The file is damaged, cut short or no animation.
    """

    def __init__(self, path: Path, *, format_name: str, on_error: OnError) -> None:
        self._path, self._on_error = path, on_error
        self._offsets, self._times, self._keys = array("Q"), array("d"), array("Q")
        time, shown, needs_opacity = Fraction(0), set[Fraction](), False
        with blamed_on(path), path.open("rb") as file:
            self._canvas = canvas = self._head(file)
            check_size(path, canvas.height, canvas.width, canvas.channels)
            for cel in self._cels(file):
                check_limit(path, "frames", len(self._offsets) + 1, MAX_FRAMES)
                self._check_box(cel)
                is_whole = cel.box == (0, 0, canvas.width, canvas.height)
                if not self._offsets or (is_whole and (canvas.opaque or not cel.over)):
                    self._keys.append(len(self._offsets))
                needs_opacity |= cel.after == "clear" or not (self._offsets or is_whole)
                self._offsets.append(cel.offset)
                self._times.append(float(time))
                if len(shown) < 3:
                    shown.add(cel.duration)
                time += cel.duration or _NO_TIME
        count = len(self._offsets)
        notes = self._check_count(count) + _time_notes(shown)
        self._adds_opacity = canvas.opaque and needs_opacity and count > 1
        rate = Fraction(count) / time if count else None
        super().__init__(
            SequenceInfo(
                path=str(path),
                format=format_name,
                height=canvas.height,
                width=canvas.width,
                channels=canvas.channels + self._adds_opacity,
                dtype=canvas.dtype,
                value_range=value_range_of(canvas.dtype),
                fps=rate if rate and rate <= MAX_FPS else None,
                frame_count=count,
                notes=notes,
            )
        )

    @abstractmethod
    def _head(self, file: BinaryIO) -> Canvas:
        """Read what comes before the cels."""

    @abstractmethod
    def _cels(self, file: BinaryIO) -> Iterator[Cel]:
        """Yield the cels that stand whole in the file, without decoding them."""

    @abstractmethod
    def _cel_at(self, file: BinaryIO, offset: int) -> Cel:
        """Read the header of a cel again."""

    @abstractmethod
    def _decode(self, file: BinaryIO, cel: Cel) -> Pixels:
        """Decode a cel to `[h, w, C]`."""

    def _check_box(self, cel: Cel) -> None:
        left, top, width, height = cel.box
        if width < 1 or height < 1 or left + width > self._canvas.width or top + height > self._canvas.height:
            raise SequenceError(
                f"{self._path} is damaged", why=f"frame {len(self._offsets)} does not lie within the picture"
            )

    def _check_count(self, count: int) -> tuple[str, ...]:
        stated = self._canvas.stated
        if count and (stated is None or stated <= count):
            return ()
        what = f"{count} of {stated} frames" if stated is not None else f"{count} frames"
        if not count or self._on_error == "error":
            raise SequenceError(
                f"cannot read {self._path}",
                why=f"it ends after {what}",
                hint="--on-error truncate" if count else None,
            )
        return (f"cut short, {stated} frames stated",)

    def _read(self) -> Generator[TimedFrame, None, None]:
        return self._pick(range(len(self._offsets)))

    def _pick(self, indices: Several[int]) -> Generator[TimedFrame, None, None]:
        with self._path.open("rb") as file:
            pile = self._pile()
            following = 0  # the cel that is drawn next
            for index in indices:
                if index >= len(self._offsets):
                    return
                key = self._keys[bisect_right(self._keys, index) - 1]
                if following > index and index >= key and self._has_lost(index):
                    continue
                if not key <= following <= index:
                    pile, following = self._pile(), key
                try:
                    while following <= index:
                        with blamed_on(self._path):
                            cel = self._cel_at(file, self._offsets[following])
                            pile.draw(cel, self._opened_up(self._decode(file, cel)))
                        following += 1
                except SequenceError as error:
                    self._lose(following, error)
                    if self._on_error == "truncate":
                        return
                    after = bisect_right(self._keys, following)
                    following = self._keys[after] if after < len(self._keys) else len(self._offsets)
                    continue
                yield TimedFrame(index, self._times[index], pile.pixels.copy())

    def _lose(self, at: int, error: SequenceError) -> None:
        reason = error.why or error.message
        if self._on_error == "error":
            raise SequenceError(
                f"{self._path} is damaged at frame {at}", why=reason, hint="--on-error skip"
            ) from error
        after = bisect_right(self._keys, at)
        following = self._keys[after] if after < len(self._keys) else len(self._offsets)
        self.damage.append(Damage(at, None if self._on_error == "truncate" else following - at, reason))

    def _pile(self) -> "_Pile":
        info = self.info
        return _Pile(
            np.zeros((info.height, info.width, info.channels), info.dtype),
            has_opacity=not self._canvas.opaque or self._adds_opacity,
        )

    def _opened_up(self, pixels: Pixels) -> Pixels:
        """Return a cel with the channels that frames have."""
        if not self._adds_opacity:
            return pixels
        opaque = np.full((*pixels.shape[:2], 1), value_range_of(str(pixels.dtype))[1], pixels.dtype)
        return np.concatenate([pixels, opaque], axis=2)


class _Pile:
    """The cels drawn so far.

    Attributes:
        pixels: What is to be seen, `[H, W, C]`.
    """

    def __init__(self, pixels: Pixels, *, has_opacity: bool) -> None:
        self.pixels = pixels
        self._has_opacity = has_opacity
        self._after: tuple[tuple[slice, slice], Pixels | None] | None = None

    def draw(self, cel: Cel, pixels: Pixels) -> None:
        left, top, width, height = cel.box
        place = (slice(top, top + height), slice(left, left + width))
        if self._after is not None:
            before, saved = self._after
            self.pixels[before] = 0 if saved is None else saved
            self._after = None
        if cel.after != "keep":
            self._after = (place, self.pixels[place].copy() if cel.after == "restore" else None)
        if pixels.shape != self.pixels[place].shape:
            raise SequenceError("its parts differ in size")
        if cel.over and self._has_opacity:
            pixels = _over(pixels, self.pixels[place])
        self.pixels[place] = pixels


def _over(upper: Pixels, lower: Pixels) -> Pixels:
    """Lay pixels whose last channel is opacity over others."""
    most = value_range_of(str(upper.dtype))[1]
    top, bottom = upper[..., -1].astype(np.int32), lower[..., -1].astype(np.int32)
    result: Pixels = np.where((top > 0)[..., None], upper, lower)
    mixed = (top > 0) & (top < most) & (bottom > 0)
    if mixed.any():
        above, below = upper[mixed].astype(np.float64), lower[mixed].astype(np.float64)
        rest = below[:, -1:] * (1 - above[:, -1:] / most)
        opacity = above[:, -1:] + rest
        colours = (above[:, :-1] * above[:, -1:] + below[:, :-1] * rest) / opacity
        result[mixed] = np.rint(np.concatenate([colours, opacity], axis=1)).astype(upper.dtype)
    return result


def _time_notes(shown: set[Fraction]) -> tuple[str, ...]:
    notes = []
    if len(shown - {Fraction(0)}) > 1 or (Fraction(0) in shown and len(shown) > 1):
        notes.append("frames are shown for times of their own")
    if Fraction(0) in shown:
        notes.append("those of 0 ms for 100 ms, as browsers do")
    return tuple(notes)
