"""A model at work on one sequence."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from fractions import Fraction
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from seqimg.config import Config
from seqimg.data import to_frame, to_tensor
from seqimg.errors import SeqimgError
from seqimg.modelfolder import LoadedModel
from seqimg.sequences.base import ASSUMED_FPS, Sequence
from seqimg.sequences.pixeltypes import Pixels
from seqimg.sequences.publishing import SavedSequence
from seqimg.streaming import Stream

__all__ = ["Application"]


class Application:
    """What a model makes of a sequence, frame by frame, in constant memory.

    Args:
        loaded: The model.
        model: What it is called in messages: its folder.
        sequence: The sequence.
        options: The task's options of a run.
        device: Where to compute.

    Attributes:
        rate: Frames a second of the result.

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
        _check_channels(sequence, loaded.task.config.channels, model)
        self._loaded, self._sequence, self._options = loaded, sequence, options
        self._stream = Stream(loaded.model, device)
        self.rate = sequence.info.fps or Fraction(ASSUMED_FPS)

    def frames(self, advance: Callable[[], object] = lambda: None) -> Iterator[Pixels]:
        """Return the pictures that answer the sequence, of its dtype and value range.

        Args:
            advance: Called after each frame that was read.

        Raises:
            SeqimgError: There are none, or the sequence cannot be read up to the first.
        """
        info = self._sequence.info
        pictures = self._loaded.task.pictures(self._stream, self._tensors(advance), self._options)
        # Only with the first picture in hand is it certain that there is something to write.
        first = next(pictures, None)
        if first is None:
            raise SeqimgError(
                f"{info.path} gave no pictures", why="the task answered nothing for these frames"
            )
        return (
            to_frame(picture, info.dtype, info.value_range, info.fill_value)
            for picture in chain([first], pictures)
        )

    def summary(self, saved: SavedSequence) -> dict[str, Any]:
        """Return what there is to say of it, once it is written."""
        return {
            "options": self._options.model_dump(mode="json"),
            "frames_read": self._stream.frames_seen,
            "frames_left_out": [asdict(damage) for damage in self._sequence.damage],
            "frames_written": saved.frame_count,
            "fps": float(self.rate),
            "codec": saved.codec,
            "notes": list(saved.notes),
        }

    def _tensors(self, advance: Callable[[], object]) -> Iterator[Tensor]:
        info = self._sequence.info
        for frame in self._sequence:
            yield to_tensor(frame, info.value_range, info.missing(frame) if info.may_miss else None)
            advance()


def _check_channels(sequence: Sequence, channels: int, model: object) -> None:
    if sequence.info.channels != channels:
        raise SeqimgError(
            f"the model in {model} cannot read {sequence.info.path}",
            why=f"it was trained on frames of {channels} channels, these have {sequence.info.channels}",
        )
