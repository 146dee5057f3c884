"""One operation on one frame, whatever channels it has and values it lacks."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from seqimg.errors import SeqimgError, UsageError
from seqimg.plugins import resolve
from seqimg.sequences import SequenceInfo
from seqimg_filter.pixels import Floats, filled, has_alpha, with_channels
from seqimg_filter.table import Operation, operation
from seqimg_filter.words import Call

__all__ = ["FrameStep", "to_grey"]

_LABELS = (0.0, 65535.0)


class FrameStep:
    """An operation of a chain that looks at one frame at a time.

    Args:
        call: The operation and its values.
        info: What the frames are that come in.

    Attributes:
        info: What those are that go out; of height and width only the frames themselves tell.

    Raises:
        UsageError: The operation cannot work on frames of such channels.

    Example:
        >>> info = SequenceInfo(
        ...     path="", format="", height=3, width=3, channels=1, dtype="uint8", value_range=(0, 255)
        ... )
        >>> step = FrameStep(Call("threshold", {"value": 0.25}), info)
        >>> step(np.array([[[0.0], [0.5]]], np.float32)).ravel()
        array([0., 1.], dtype=float32)
    """

    def __init__(self, call: Call, info: SequenceInfo) -> None:
        self.operation, self._call = operation(call.name), call
        self._alpha = has_alpha(info)
        self._channels = info.channels - self._alpha
        _check_channels(self.operation, self._channels, info)
        self._values = {**self.operation.constant, **self.operation.values(call)}
        self._keeps_alpha = (
            self.operation.on in ("channel", "picture", "colour") and not self.operation.channels
        )
        self.info = _described(self.operation, info, self._alpha and self._keeps_alpha)

    def __call__(self, values: Floats) -> Floats:
        """Return the answer for a frame `[H, W, C]`.

        Raises:
            SeqimgError: The operation cannot work on it, or with these values.
        """
        there, missing = filled(values)
        try:
            # What libraries warn of, such as a frame of one value, is no news of a frame among thousands.
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                answer = self._applied(there)
                if missing is not None:
                    answer = np.where(self._still_missing(missing, answer.shape[2]), np.nan, answer)
        except SeqimgError as error:
            raise type(error)(f"{self._call}: {error.message}", why=error.why, hint=error.hint) from error
        except (MemoryError, KeyboardInterrupt):
            raise
        except Exception as error:
            raise SeqimgError(
                f"{self._call} cannot work on such a frame",
                why=str(error) or type(error).__name__,
                hint=f"seqimg filter show {self._call.name}",
            ) from error
        return answer.astype(values.dtype, copy=False)

    @cached_property
    def _work(self) -> Callable[..., Any]:
        # Found with the first frame: where workers do the work, this process need not import what they do.
        found: Callable[..., Any] = resolve(self.operation.target)
        return found

    def _applied(self, there: Floats) -> Floats:
        on = self.operation.on
        body = there[..., : self._channels] if on != "frame" else there
        if self.operation.bounded:
            body = body.clip(0, 1)
        answer = self._on_body(body)
        if self.operation.gives == "signed":
            answer = (1 + answer) / 2
        elif self.operation.gives == "labels":
            answer = answer / _LABELS[1]
        if self._alpha and self._keeps_alpha:
            answer = np.concatenate([answer, there[..., self._channels :]], axis=2)
        return answer

    def _on_body(self, body: Floats) -> Floats:
        """Return the answer `[H, W, C]` for what is no alpha."""
        on, answer = self.operation.on, body
        if on == "channel":
            parts = [self._work(body[..., i], **self._values) for i in range(body.shape[2])]
            answer = np.stack(parts, axis=2)
        else:
            answer = self._work(to_grey(body) if on == "grey" else body, **self._values)
            if answer.shape == body.squeeze().shape:  # some drop the axis of a single row or column
                answer = answer.reshape(body.shape)
        return answer if answer.ndim == 3 else answer[:, :, None]

    def _still_missing(self, missing: Any, channels: int) -> Any:
        """Return where the answer has no values: where the frame has none, moved as the frame was."""
        if self.operation.on == "frame":
            values = {**self._values, **({"value": 0.0} if "value" in self._values else {})}
            moved = self._work(missing.astype(np.float32), **values)
            return moved > 0.5
        if self.operation.on == "grey" or missing.shape[2] != channels:
            return missing[..., : self._channels].any(axis=2, keepdims=True)
        return missing


def to_grey(body: Floats) -> Floats:
    """Return a frame `[H, W, C]` without alpha as `[H, W]`: luminance of three channels, the mean of others.

    Example:
        >>> float(to_grey(np.ones((1, 1, 40)))[0, 0])
        1.0
    """
    if body.shape[2] == 1:
        return body[..., 0]
    grey: Floats
    if body.shape[2] == 3:
        from skimage.color import rgb2gray

        grey = rgb2gray(body)
    else:
        grey = body.mean(axis=2)
    return grey


def _check_channels(entry: Operation, channels: int, info: SequenceInfo) -> None:
    if entry.on == "colour" and channels != 3:
        raise UsageError(
            f"{entry.name} needs red, green and blue",
            why=f"the frames of {info.path} have {channels} {'channel' if channels == 1 else 'channels'}",
            hint="--op rgb before it" if channels == 1 else f"seqimg filter show {entry.name}",
        )


def _described(entry: Operation, info: SequenceInfo, alpha: bool) -> SequenceInfo:
    channels = info.channels
    if entry.channels is not None:
        channels = entry.channels
    elif entry.on == "grey":
        channels = 1
    changes: Mapping[str, Any] = {}
    if entry.gives == "labels":
        changes = {"dtype": "uint16", "value_range": _LABELS, "fill_value": None}
    elif entry.gives == "signed" and info.dtype.startswith("float"):
        span = info.value_range[1] - info.value_range[0]
        changes = {"value_range": (-span, span)}
    # Alpha within a range about 0 would mean something else; it stays a share of the range.
    found = with_channels(info, channels)
    return replace(found, codec=None, notes=(), frame_count=info.frame_count, **changes)
