"""Operations that look at single frames, one after the other: what can be done in any process."""

from collections.abc import Mapping, Sequence
from typing import Any

from seqimg.sequences import SequenceInfo
from seqimg.sequences.pixeltypes import Pixels
from seqimg_filter.framewise import FrameStep
from seqimg_filter.pixels import to_pixels, to_values
from seqimg_filter.table import parse
from seqimg_filter.words import Call

__all__ = ["Stage"]

_FIELDS = (
    "path",
    "format",
    "height",
    "width",
    "channels",
    "dtype",
    "value_range",
    "channel_names",
    "fill_value",
)


class Stage:
    """Operations between two forms of a frame.

    Args:
        calls: The operations.
        info: What the frames are that come in.
        from_pixels: Whether they come as a source has them, rather than as values.
        into_pixels: Whether they go as a file wants them.

    Attributes:
        info: What the frames are that go out.

    Raises:
        UsageError: An operation cannot work on such frames.
    """

    def __init__(
        self,
        calls: Sequence[Call],
        info: SequenceInfo,
        *,
        from_pixels: bool = False,
        into_pixels: bool = False,
    ) -> None:
        self.calls, self._source = tuple(calls), info
        self._from_pixels, self._into_pixels = from_pixels, into_pixels
        self._steps: list[FrameStep] = []
        for call in calls:
            step = FrameStep(call, info)
            self._steps.append(step)
            info = step.info
        self.info = info

    def __call__(self, frame: Pixels) -> Pixels:
        """Return what comes of a frame `[H, W, C]`.

        Raises:
            SeqimgError: An operation cannot work on it.
        """
        values: Any = to_values(frame, self._source) if self._from_pixels else frame
        for step in self._steps:
            values = step(values)
        done: Pixels = to_pixels(values, self.info) if self._into_pixels else values
        return done

    def describe(self) -> dict[str, Any]:
        """Return the stage as JSON has it."""
        return {
            "calls": [str(call) for call in self.calls],
            "info": {name: getattr(self._source, name) for name in _FIELDS},
            "from_pixels": self._from_pixels,
            "into_pixels": self._into_pixels,
        }

    @classmethod
    def described(cls, words: Mapping[str, Any]) -> "Stage":
        """Return the stage that `describe` told of."""
        info: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in words["info"].items()
        }
        return cls(
            [parse(call) for call in words["calls"]],
            SequenceInfo(**info),
            from_pixels=words["from_pixels"],
            into_pixels=words["into_pixels"],
        )
