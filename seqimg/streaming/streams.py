"""Many streams over one model, stepped together."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from operator import is_
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from seqimg.errors import SeqimgError, UsageError
from seqimg.streaming.keeping import leaves, mapped
from seqimg.streaming.stream import Stream

__all__ = ["Streams"]

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class _Joint:
    """A state that several streams had together after a step: `Stream.state` of each holds a row of it."""

    names: tuple[Any, ...]
    rows: tuple[Any, ...]
    state: Any


class Streams(Generic[K]):
    """Many streams over one model: frames of several cameras in one batch, each with a state of its own.

    A stream joins with its first frame and leaves with `leave`; each may begin anew without the others, and none has
    to have a frame in every step. The numbers are those of separate streams. What begins anew is stepped apart from
    what remembers, and frames of different sizes apart from each other, so steps are fastest where neither happens.
    Only a model that gives each row a beginning of its own, as textures do, grows others here than alone.

    Args:
        model: Maps `(frames [B, T, C, H, W], state | None)` to `(outputs, state)`, every tensor of the state
            batch first.
        device: Where to compute; where the model is, if None.
        gap: As of [Stream][seqimg.Stream], for each.
        cuts: As of [Stream][seqimg.Stream], for each.

    Example:
        >>> from seqimg.nn import ConvGRU
        >>> streams = Streams(ConvGRU(3, 4))
        >>> outputs = streams.step({"door": torch.rand(3, 8, 8), "yard": torch.rand(3, 8, 8)})
        >>> outputs = streams.step({"yard": torch.rand(3, 8, 8)})
        >>> {name: streams[name].age for name in streams}
        {'door': 1, 'yard': 2}
    """

    def __init__(
        self,
        model: nn.Module,
        device: torch.device | None = None,
        *,
        gap: float | None = None,
        cuts: bool = False,
    ) -> None:
        self.model, self._device, self._gap, self._cuts = model, device, gap, cuts
        self._streams: dict[K, Stream] = {}
        self._joint: _Joint | None = None

    def __getitem__(self, name: K) -> Stream:
        """Return one stream: its age, its resets, its state, to fork or to save."""
        return self._streams[name]

    def __iter__(self) -> Iterator[K]:
        """Iterate over the names of the streams, those that joined first before the others."""
        return iter(self._streams)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._streams)

    def step(self, frames: Mapping[K, Tensor], pts: Mapping[K, float] | None = None) -> dict[K, Tensor]:
        """Feed one frame to each of some streams.

        Args:
            frames: By stream, `[C, H, W]` in [0, 1].
            pts: The frames' times in seconds, by stream, where they are to be checked.

        Returns:
            The model's outputs by stream, `[1, …]` each, in the order of the frames.

        Raises:
            SeqimgError: A frame is not later than the stream's one before, and nothing was stepped; or the state is
                not batch first.
            UsageError: There is a time without a frame.

        Example:
            >>> from seqimg.nn import ConvGRU
            >>> outputs = Streams(ConvGRU(3, 4)).step({0: torch.rand(3, 8, 8), 1: torch.rand(3, 6, 6)})
            >>> outputs[1].shape
            torch.Size([1, 1, 4, 6, 6])
        """
        times = pts or {}
        if strangers := times.keys() - frames.keys():
            raise UsageError(f"there is a time for {next(iter(strangers))!r}, but no frame")
        found = {name: self._streams.get(name) or self._new() for name in frames}
        for name, stream in found.items():
            stream._check_time(times.get(name))
        self._streams.update(found)
        for name, stream in found.items():
            stream._begin(frames[name], times.get(name))
        groups: dict[object, list[K]] = {}
        for name, stream in found.items():
            groups.setdefault(_likeness(frames[name], stream._before()), []).append(name)
        outputs: dict[K, Tensor] = {}
        for names in groups.values():
            outputs.update(self._together(names, frames))
        return {name: outputs[name] for name in frames}

    def reset(self, name: K, reason: str = "asked for") -> None:
        """Let one stream forget everything.

        Args:
            name: Which.
            reason: Why, for its `last_reset`.

        Raises:
            KeyError: There is none of that name.
        """
        self._streams[name].reset(reason)

    def leave(self, name: K) -> Stream:
        """Take out one stream and return it; it can go on alone.

        Args:
            name: Which.

        Raises:
            KeyError: There is none of that name.
        """
        return self._streams.pop(name)

    def _new(self) -> Stream:
        return Stream(self.model, self._device, gap=self._gap, cuts=self._cuts)

    @torch.inference_mode()
    def _together(self, names: list[K], frames: Mapping[K, Tensor]) -> dict[K, Tensor]:
        """Step streams that are alike in one batch."""
        streams = [self._streams[name] for name in names]
        clip = torch.stack([s._prepared(frames[name]) for s, name in zip(streams, names, strict=True)])
        outputs, state = self.model(clip[:, None], self._joined(names, [s._before() for s in streams]))
        count = len(names)
        for leaf in leaves(state):
            if isinstance(leaf, Tensor) and (not leaf.ndim or len(leaf) != count):
                raise SeqimgError(
                    "the state of this model cannot be divided among streams",
                    why=f"a tensor in it is {tuple(leaf.shape)}; {count} rows of it should come first",
                    hint="a seqimg.Stream for each",
                )
        rows = tuple(mapped(lambda leaf, at=at: _row(leaf, at), state) for at in range(count))
        for stream, row in zip(streams, rows, strict=True):
            stream._end(row)
        if count > 1:
            self._joint = _Joint(tuple(names), rows, state)
        return {name: outputs[at : at + 1] for at, name in enumerate(names)}

    def _joined(self, names: list[K], states: list[Any]) -> Any:
        """Return the states of alike streams as one; as it was, if nothing happened since it was divided."""
        if len(states) == 1 or states[0] is None:
            return states[0]
        joint = self._joint
        same = joint is not None and joint.names == tuple(names)
        if joint is not None and same and all(map(is_, joint.rows, states)):
            return joint.state
        return mapped(lambda *some: torch.cat(some) if isinstance(some[0], Tensor) else some[0], *states)


def _row(leaf: Any, at: int) -> Any:
    return leaf[at : at + 1] if isinstance(leaf, Tensor) else leaf


def _likeness(frame: Tensor, state: Any) -> object:
    """Return what streams must have in common to be stepped in one batch."""
    parts = [
        (leaf.shape[1:], leaf.dtype, leaf.device) if isinstance(leaf, Tensor) else leaf
        for leaf in leaves(state)
    ]
    return frame.shape, frame.dtype, frame.device, type(state), tuple(parts)
