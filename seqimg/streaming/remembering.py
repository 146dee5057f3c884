"""What a stream remembers, and when it forgets."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seqimg.cuts import Cuts
from seqimg.errors import SeqimgError
from seqimg.plugins.reports import reason_of
from seqimg.sequences.limits import MAX_VALUES
from seqimg.streaming.keeping import mapped

__all__ = ["Remembering", "Reset"]

_DTYPES = {
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
    "float64": torch.float64,
}
"""What frames may be of, by name: a file says a name, and no name of a file's is looked up anywhere else."""


@dataclass(frozen=True, slots=True)
class Reset:
    """When a stream began anew.

    Attributes:
        frame: Number of the frame, counted from 0 over the whole stream, that was the first one again.
        reason: Why, in a few words.

    Example:
        >>> Reset(frame=240, reason="a cut").frame
        240
    """

    frame: int
    reason: str


class Remembering:
    """The memory of a stream: its state, and what tells whether a frame continues those before.

    Args:
        device: Where the state is.
        remember: Whether the state is carried.
        gap: Seconds between two frames' times beyond which it begins anew; None for never.
        cuts: Whether it begins anew where a frame does not continue the one before.

    Attributes:
        state: What the model carries to the next frame; None before the first.
        age: Frames since the start or the last reset.
        frames_seen: Frames since the start.
        last_reset: When and why it last began anew; None if it never did.
        resets: How often it did.
    """

    def __init__(self, device: torch.device, *, remember: bool, gap: float | None, cuts: bool) -> None:
        self.device, self.remember, self.gap = device, remember, gap
        self.state: Any = None
        self.age = self.frames_seen = self.resets = 0
        self.last_reset: Reset | None = None
        self._pts: float | None = None
        self._kind: _Kind | None = None
        self._cuts = Cuts() if cuts else None

    def reset(self, reason: str = "asked for") -> None:
        """Forget everything: the next frame is the first again, and may have any time.

        Args:
            reason: Why, for `last_reset`.

        Example:
            >>> from seqimg import Stream
            >>> stream = Stream(torch.nn.Identity())
            >>> stream.reset("another camera")
        """
        self._forget(reason)
        self._pts = self._kind = None
        if self._cuts is not None:
            self._cuts = Cuts()

    def state_dict(self) -> dict[str, Any]:
        """Return all that a stream of the same model needs to go on in this one's place.

        Tensors in it are not copies. The options that the stream was made with are not in it.
        """
        kind, reset = self._kind, self.last_reset
        return {
            "state": self.state,
            "age": self.age,
            "frames_seen": self.frames_seen,
            "resets": self.resets,
            "last_reset": None if reset is None else [reset.frame, reset.reason],
            "pts": self._pts,
            "kind": None if kind is None else [*kind.shape, _name_of(kind.dtype)],
            "glance": None if self._cuts is None else self._cuts.before,
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on in the place of the stream that gave this; tensors are brought to this one's device.

        Raises:
            SeqimgError: It is no such dict.
        """
        try:
            found = dict(state_dict)
            counts = [found[name] for name in ("age", "frames_seen", "resets")]
            reset = _reset_of(found["last_reset"])
            kind, pts, glance = _kind_of(found["kind"]), found["pts"], found["glance"]
            sound = all(type(count) is int and count >= 0 for count in counts)
            sound &= pts is None or (type(pts) in (int, float) and math.isfinite(pts))
            if not sound or not (glance is None or isinstance(glance, Tensor)):
                raise ValueError("a count or a time is none")
            state = mapped(
                lambda leaf: leaf.to(self.device) if isinstance(leaf, Tensor) else leaf, found["state"]
            )
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise SeqimgError("this is not what a stream remembers", why=str(error)) from error
        self.age, self.frames_seen, self.resets = counts
        self.state, self.last_reset, self._kind, self._pts = state, reset, kind, pts
        if self._cuts is not None:
            self._cuts = Cuts(glance)

    def _check_time(self, pts: float | None) -> None:
        """Refuse a frame that is not later than the one before.

        Raises:
            SeqimgError: It is not, or its time is no number.
        """
        if pts is None or (math.isfinite(pts) and (self._pts is None or pts > self._pts)):
            return
        raise SeqimgError(
            f"frame {self.frames_seen} of a stream comes at {pts:g} s",
            why="its time is no number" if self._pts is None else f"the one before came at {self._pts:g} s",
            hint="stream.reset() before another sequence begins",
        )

    def _begin(self, frame: Tensor, pts: float | None = None) -> None:
        """Take note of a frame that comes, and forget what it does not continue: the first part of `step`."""
        kind = _Kind(frame.shape, frame.dtype, frame.device)
        if self._kind is not None and (change := self._kind.change(kind)) is not None:
            self._forget(change)
        elif (
            pts is not None and self._pts is not None and self.gap is not None and pts - self._pts > self.gap
        ):
            self._forget(f"{pts - self._pts:.3g} s after the frame before")
        # Of every frame, or the next one would be compared with another than the one before it.
        if self._cuts is not None and self._cuts(frame) and self.age:
            self._forget("a cut")
        self._kind, self._pts = kind, self._pts if pts is None else pts

    def _before(self) -> Any:
        """Return the state that the next frame is worked through with."""
        return self.state if self.remember else None

    def _end(self, state: Any) -> None:
        """Take note of the state after a frame: the last part of `step`."""
        self.state = state
        self.age += 1
        self.frames_seen += 1

    @torch.inference_mode()
    def _try(self, model: nn.Module) -> None:
        """Refuse a state that the model cannot go on from.

        Raises:
            SeqimgError: It fails on a blank frame of the kind that came last, or there is nothing to go on from.
        """
        if self._kind is None:
            return
        if math.prod(self._kind.shape) > MAX_VALUES:
            raise SeqimgError(
                "this is not what a stream remembers", why="its frames are larger than any may be"
            )
        try:
            blank = torch.zeros(self._kind.shape, dtype=self._kind.dtype, device=self.device)
            _, after = model(blank[None, None], self.state)
        except Exception as error:  # a model may fail in any way on what is none of its own
            why = f"the model cannot go on from its state: {reason_of(error)}"
            raise SeqimgError("this is not what a stream remembers", why=why) from error
        if self.state is None and self.age and after is not None:
            why = f"it is to be {self.age} frames old, and holds no state"
            raise SeqimgError("this is not what a stream remembers", why=why)

    def _prepared(self, frame: Tensor) -> Tensor:
        """Return a frame as the model is given it: on its device, without NaN."""
        frame = frame.to(self.device)
        return frame.masked_fill(frame.isnan(), 0)

    def _forget(self, reason: str) -> None:
        self.state = None
        if self.frames_seen:
            self.last_reset = Reset(self.frames_seen, reason)
            self.resets += 1
        self.age = 0


@dataclass(frozen=True, slots=True)
class _Kind:
    """What kind of frames a stream is of."""

    shape: torch.Size
    dtype: torch.dtype
    device: torch.device | None  # None where it was read from a file: the next one's

    def change(self, now: "_Kind") -> str | None:
        """Say what is different about a frame; None if nothing is."""
        if self.shape[-2:] != now.shape[-2:]:
            old, new = (f"{shape[-1]}×{shape[-2]}" for shape in (self.shape, now.shape))
            return f"frames of {new} pixels after {old}"
        if self.shape != now.shape:
            return f"frames of {now.shape[0]} channels after {self.shape[0]}"
        if self.dtype != now.dtype:
            return f"frames of {_name_of(now.dtype)} after {_name_of(self.dtype)}"
        if self.device not in (None, now.device):
            return f"frames on {now.device} after {self.device}"
        return None


def _reset_of(found: Any) -> Reset | None:
    if found is None:
        return None
    frame, reason = found
    if type(frame) is not int or not isinstance(reason, str):
        raise ValueError("its last reset is none")
    return Reset(frame, reason)


def _kind_of(found: Any) -> _Kind | None:
    if found is None:
        return None
    *shape, name = found
    if name not in _DTYPES or not all(type(side) is int for side in shape):
        raise ValueError("its kind of frames is none")
    return _Kind(torch.Size(shape), _DTYPES[name], None)


def _name_of(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
