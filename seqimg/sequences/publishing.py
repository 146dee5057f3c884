"""Writing a sequence so that it is whole or absent."""

import inspect
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Self

from seqimg.errors import UsageError
from seqimg.plugins.manager import plugin_host
from seqimg.plugins.specs import FormatSpec
from seqimg.publish import publish_file, publish_folder
from seqimg.sequences.base import DTYPES, SequenceError, SequenceInfo, SequenceWriter
from seqimg.sequences.limits import check_fill_value, check_size, value_range_of
from seqimg.sequences.pictures.writer import check_replaceable
from seqimg.sequences.pixeltypes import Pixels
from seqimg.sequences.video.pace import Pace

__all__ = ["PublishingWriter", "SavedSequence"]


@dataclass(frozen=True, slots=True)
class SavedSequence:
    """What was written.

    Attributes:
        path: Where it is.
        frame_count: Number of frames.
        codec: How they are coded, if that is a choice.
        notes: What had to be changed or assumed.

    Example:
        >>> import numpy as np
        >>> from seqimg.sequences import save_sequence
        >>> save_sequence(np.zeros((3, 8, 8, 3), np.uint8), Path(tmp) / "a.npy", fps=25).frame_count
        3
    """

    path: Path
    frame_count: int
    codec: str | None
    notes: tuple[str, ...]


class PublishingWriter(SequenceWriter):
    """Checks frames, hands them to the format's writer, and publishes what that wrote.

    Args:
        path: The final path.
        spec: The format.
        fps: Frames a second, if known.
        value_range: The values that mean black and white, if not those of the dtype.
        fill_value: A value that stands for a missing one, if any but NaN does.
        overwrite: Whether an existing `path` may be replaced.
        pixel_aspect: Width of a pixel over its height.
        options: Options of the format's writer.

    Raises:
        SeqimgError: `path` exists or cannot be written.
        UsageError: The format knows no such option.
    """

    def __init__(
        self,
        path: Path,
        spec: FormatSpec,
        *,
        fps: Fraction | None,
        value_range: tuple[float, float] | None,
        overwrite: bool,
        fill_value: float | None = None,
        pixel_aspect: Fraction = Fraction(1),
        options: Mapping[str, object] | None = None,
    ) -> None:
        self._path, self._spec, self._fps, self._value_range = path, spec, fps, value_range
        self._pixel_aspect, self._options = pixel_aspect, dict(options or {})
        self._fill_value = fill_value
        self._make: Callable[..., SequenceWriter] = plugin_host().formats.load(spec.name, "writer")
        _check_options(self._make, self._options, path, spec.name)
        self._pace = Pace(fps)
        self._writer: SequenceWriter | None = None
        self._count = 0
        self._kind: tuple[tuple[int, ...], str] = ((), "")
        self._disk_error: OSError | None = None
        names = self._options.get("names")
        place = path if names is None else path.parent
        publish = publish_folder if "" in spec.suffixes else publish_file
        if overwrite and publish is publish_folder and os.path.lexists(place):
            check_replaceable(place, None if names is None else str(names))
        self._publication = ExitStack()
        self._temporary = self._publication.enter_context(publish(place, overwrite=overwrite))

    @property
    def saved(self) -> SavedSequence:
        """What was written, once it is."""
        return SavedSequence(self._path, self._count, self.codec, self.notes)

    def write(self, frame: Pixels, time: float | None = None) -> None:
        """Append one frame, `[H, W, C]` or `[H, W]`.

        Args:
            frame: The frame.
            time: When it is shown, in seconds since the first; given for every frame or for none. Formats
                that cannot say it write frames at the constant rate, and note it if that is not the same.

        Raises:
            SequenceError: It differs from those before, or the format cannot hold it.
        """
        pixels = frame[:, :, None] if frame.ndim == 2 else frame
        try:
            writer = self._started(pixels)
            if time is not None and writer.keeps_times:
                writer.write_at(pixels, time)
            else:
                self._pace.note(time)
                writer.write(pixels)
        except OSError as error:
            # Only this one is the target's fault; one that the source of the frames raised is not.
            self._disk_error = error
            raise
        self._count += 1

    def close(self) -> None:
        """Finish the file and move it to its final name.

        Raises:
            SequenceError: No frame was written.
            SeqimgError: The disk is full.
        """
        with self._publication:
            if self._writer is None:
                raise SequenceError(f"nothing to write to {self._path}", why="there are no frames")
            try:
                self._writer.close()
            except BaseException:
                self._writer.abort()
                raise
            self.codec, self.notes = self._writer.codec, self._writer.notes + self._pace.notes

    def abort(self) -> None:
        """Give up and remove what was written."""
        with suppress(_AbandonedError), self._publication:
            if self._writer is not None:
                self._writer.abort()
            raise self._disk_error or _AbandonedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            self.close()
        else:
            self.abort()

    def _started(self, frame: Pixels) -> SequenceWriter:
        """Return the format's writer, opened by the first frame; check that all are alike."""
        kind = (frame.shape, str(frame.dtype))
        if self._writer is not None:
            if kind != self._kind:
                raise SequenceError(
                    f"frame {self._count} for {self._path} differs from those before it",
                    why=f"it is {_shown(kind)}; they are {_shown(self._kind)}",
                )
            return self._writer
        _check_frame(frame, self._path)
        info = SequenceInfo(
            path=str(self._path),
            format=self._spec.name,
            height=frame.shape[0],
            width=frame.shape[1],
            channels=frame.shape[2],
            dtype=str(frame.dtype),
            value_range=self._value_range or value_range_of(str(frame.dtype)),
            fill_value=None
            if self._fill_value is None
            else check_fill_value(self._fill_value, str(frame.dtype)),
            fps=self._fps,
            pixel_aspect=self._pixel_aspect,
        )
        self._writer, self._kind = self._make(self._temporary, info, **self._options), kind
        return self._writer


class _AbandonedError(Exception):
    """Ends a publication that is not to happen."""


def _check_options(
    make: Callable[..., SequenceWriter], options: Mapping[str, object], path: Path, name: str
) -> None:
    """Refuse options that the writer has no parameter for, rather than leave them without effect."""
    parameters = inspect.signature(make).parameters.values()
    known = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    for option in options:
        if option not in known:
            raise UsageError(
                f"{option} means nothing for {path}",
                why=f"options for writing the format {name}: {', '.join(known) or 'none'}",
            )


def _check_frame(frame: Pixels, path: Path) -> None:
    if frame.ndim != 3 or str(frame.dtype) not in DTYPES:
        raise SequenceError(
            f"cannot write such frames to {path}",
            why=f"the first is {_shown((frame.shape, str(frame.dtype)))}; [H, W, C] of {', '.join(DTYPES)} are needed",
        )
    check_size(path, *frame.shape)


def _shown(kind: tuple[tuple[int, ...], str]) -> str:
    shape, dtype = kind
    return f"{list(shape)} {dtype}"
