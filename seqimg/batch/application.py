"""A model at work on one sequence."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from fractions import Fraction
from itertools import chain
from typing import Any

import torch

from seqimg.config import Config
from seqimg.data import to_frame, to_tensor, working_size
from seqimg.errors import SeqimgError
from seqimg.modelfolder import LoadedModel
from seqimg.sequences.base import ASSUMED_FPS, Sequence, SequenceError, TimedFrame
from seqimg.sequences.pixeltypes import Pixels
from seqimg.sequences.prepared import prepared
from seqimg.sequences.selection import Resampled, resample
from seqimg.streaming import Stream
from seqimg.task import Seen, Shown, Task

__all__ = ["Application"]


class Application:
    """What a model makes of a sequence, frame by frame, in constant memory.

    Frames are prepared as they were for training (`pre` of the model's configuration).

    Args:
        loaded: The model.
        model: What it is called in messages: its folder.
        sequence: The sequence.
        options: The task's options of a run.
        device: Where to compute.

    Attributes:
        task: The model's task.
        columns: Names of the values in the rows that it says; none if it says no rows.
        rate: Frames a second of the result.
        source: What the sequence is, prepared.

    Raises:
        SeqimgError: The model cannot read such frames.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        model: object,
        sequence: Sequence,
        options: Config,
        device: torch.device,
    ) -> None:
        sequence = prepared(sequence, loaded.task.config.pre)
        _check_channels(sequence, loaded.task.config.channels, model)
        self.task: Task[Any, Any, Any] = loaded.task
        self._sequence, self._options = sequence, options
        self._stream = Stream(loaded.model, device)
        self.columns = self.task.columns_for(options)
        self.source = sequence.info
        wanted = Fraction(self.task.config.fps).limit_denominator(100_000)
        self._resampled = bool(wanted) and self.source.fps not in (None, wanted)
        self.rate = wanted or self.source.fps or Fraction(ASSUMED_FPS)

    def resampling(self) -> str | None:
        """Return what is done to frames so that they are as those the model was trained on; None if nothing is."""
        height, width = self.source.height, self.source.width
        small = working_size(height, width, self.task.config.size)
        found = [f"{width}×{height} pixels to {small[1]}×{small[0]}"] if small != (height, width) else []
        if self._resampled and self.source.fps is not None:
            found.append(f"{float(self.source.fps):.4g} fps to {float(self.rate):.4g}")
        return f"Resampled as in training: {', '.join(found)}." if found else None

    def shown(self, advance: Callable[[], object] = lambda: None) -> Iterator[Shown]:
        """Return what the task says of the sequence.

        Args:
            advance: Called after each frame that was read.

        Raises:
            SeqimgError: The task says nothing, or the sequence cannot be read up to the first answer.
        """
        shown = self.task.show(self._stream, self._seen(advance), self._options)
        # Only with the first answer in hand is it certain that there is something to write.
        first = next(shown, None)
        if first is None:
            raise SeqimgError(
                f"{self.source.path} gave no answer", why="the task had nothing to say about these frames"
            )
        return chain([first], shown)

    def frames(
        self,
        advance: Callable[[], object] = lambda: None,
        tell: Callable[[Shown], object] = lambda shown: None,
    ) -> Iterator[Pixels]:
        """Return the pictures that answer the sequence, of its dtype and value range.

        Args:
            advance: Called after each frame that was read.
            tell: Told everything that the task says.

        Raises:
            SeqimgError: There are none, or the sequence cannot be read up to the first.
        """
        pictures = self._pictures(self.shown(advance), tell)
        first = next(pictures, None)
        if first is None:
            raise SeqimgError(f"{self.source.path} gave no pictures", hint="-o answers.csv")
        return chain([first], pictures)

    def summary(self) -> dict[str, Any]:
        """Return what there is to say of the work, once it is done."""
        return {
            "options": self._options.model_dump(mode="json"),
            "frames_read": self._stream.frames_seen,
            "frames_left_out": [asdict(damage) for damage in self._sequence.damage],
            "fps": float(self.rate),
        }

    def _pictures(self, answers: Iterator[Shown], tell: Callable[[Shown], object]) -> Iterator[Pixels]:
        info = self.source
        for shown in answers:
            tell(shown)
            if shown.picture is not None:
                yield to_frame(shown.picture, info.dtype, info.value_range, info.fill_value)

    def _seen(self, advance: Callable[[], object]) -> Iterator[Seen]:
        info = self.source
        frames = self._timed(advance)
        if self._resampled and info.fps is not None:
            frames = resample(frames, self.rate, Resampled(), last=float(1 / info.fps))
        try:
            for timed in frames:
                missing = info.missing(timed.pixels) if info.may_miss else None
                yield Seen(to_tensor(timed.pixels, info.value_range, missing), timed.index, timed.time)
        except OSError as error:  # or it would pass for one of the file being written
            raise SequenceError(f"cannot read {info.path}", why=error.strerror or str(error)) from error

    def _timed(self, advance: Callable[[], object]) -> Iterator[TimedFrame]:
        for timed in self._sequence.timed():
            yield timed
            advance()


def _check_channels(sequence: Sequence, channels: int, model: object) -> None:
    if sequence.info.channels != channels:
        raise SeqimgError(
            f"the model in {model} cannot read {sequence.info.path}",
            why=f"it was trained on frames of {channels} channels, these have {sequence.info.channels}",
        )
