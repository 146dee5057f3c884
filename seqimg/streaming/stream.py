"""`Stream`: a model plus its state, fed one frame at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Self, TypeVar

import torch
from torch import Tensor, nn

from seqimg.errors import SeqimgError
from seqimg.fingerprint import fingerprint
from seqimg.streaming.keeping import classes_of, mapped, read_state, write_state
from seqimg.streaming.remembering import Remembering

__all__ = ["Stream", "StreamOutput"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StreamOutput:
    """What a stream said of one frame.

    Attributes:
        outputs: The model's outputs, `[1, …]`.
        frame: Number of the frame, counted from 0 over the whole stream.
        pts: Its time in seconds, as it came.
        reset: Why the stream began anew with it; None if it did not.

    Example:
        >>> StreamOutput(torch.zeros(1, 1, 4), 0, 0.04, None).pts
        0.04
    """

    outputs: Tensor
    frame: int
    pts: float | None
    reset: str | None


class Stream(Remembering):
    """A model plus its state, fed one frame at a time, in constant memory.

    Feeding frames one by one gives the same numbers as feeding the whole clip. One model may serve any number of
    streams; [Streams][seqimg.Streams] steps many at once.

    Where frames of another size, number of channels, dtype or device come, what is remembered of those before
    means nothing: the stream begins anew by itself and says so in `last_reset`.

    Args:
        model: Maps `(frames [B, T, C, H, W], state | None)` to `(outputs, state)`.
        device: Where to compute; where the model is, if None.
        remember: Whether the state is carried; without, every frame is as if it were the first, which shows
            what the memory is worth.
        gap: Seconds between two frames' times beyond which the stream begins anew; None for never.
        cuts: Whether it begins anew where a frame does not continue the one before.

    Attributes:
        state: What the model carries to the next frame; None before the first.
        age: Frames since the start or the last reset.
        frames_seen: Frames since the start.
        last_reset: When and why the stream last began anew; None if it never did.
        resets: How often it did.
        seconds: For how long the model has computed.

    Example:
        >>> import torch
        >>> from seqimg.nn import ConvGRU
        >>> stream = Stream(ConvGRU(3, 8))
        >>> outputs = [stream.step(frame) for frame in torch.rand(5, 3, 16, 16)]
        >>> outputs[-1].shape, stream.age
        (torch.Size([1, 1, 8, 16, 16]), 5)
        >>> outputs = stream.step(torch.rand(3, 24, 16))
        >>> stream.age, stream.last_reset.reason
        (1, 'frames of 16×24 pixels after 16×16')
    """

    def __init__(
        self,
        model: nn.Module,
        device: torch.device | None = None,
        *,
        remember: bool = True,
        gap: float | None = None,
        cuts: bool = False,
    ) -> None:
        self.model = model.eval()
        where = device or next((weight.device for weight in model.parameters()), torch.device("cpu"))
        super().__init__(where, remember=remember, gap=gap, cuts=cuts)
        self.seconds = 0.0

    @torch.inference_mode()
    def step(self, frame: Tensor, pts: float | None = None) -> Tensor:
        """Feed one frame and return the model's outputs for it.

        Missing values (NaN) are seen as 0, the lower end of the range, as in training.

        Args:
            frame: `[C, H, W]` in [0, 1].
            pts: The frame's time in seconds, if it is to be checked: each is later than the one before.

        Returns:
            `[1, …]`, whatever the model gives.

        Raises:
            SeqimgError: The frame is not later than the one before.
        """
        self._check_time(pts)
        self._begin(frame, pts)
        begun = perf_counter()
        outputs, state = self.model(self._prepared(frame)[None, None], self._before())
        self.seconds += perf_counter() - begun
        self._end(state)
        result: Tensor = outputs
        return result

    @torch.inference_mode()
    def gather(self, frame: Tensor, most: int, pts: float | None = None) -> Tensor:
        """Take in one frame without a step of the model, and return the last frames since the start or a reset.

        For models that answer from so many frames, whatever came before: these are all that is remembered, in place
        of a state. A stream takes its frames by this or by `step`, and `restore` knows those of `step`.

        Args:
            frame: `[C, H, W]` in [0, 1].
            most: How many frames to keep.
            pts: The frame's time in seconds, if it is to be checked: each is later than the one before.

        Returns:
            `[1, T, C, H, W]`, T up to `most`, the newest last.

        Raises:
            SeqimgError: The frame is not later than the one before.

        Example:
            >>> stream = Stream(torch.nn.Identity())
            >>> [stream.gather(frame, 3).shape[1] for frame in torch.rand(5, 3, 8, 8)]
            [1, 2, 3, 3, 3]
        """
        self._check_time(pts)
        self._begin(frame, pts)
        newest, before = self._prepared(frame)[None, None], self._before()
        kept: Tensor = newest if before is None else torch.cat([before, newest], dim=1)[:, -most:]
        self._end(kept)
        return kept

    def run(self, frames: Iterable[Tensor]) -> Iterator[Tensor]:
        """Yield `step(frame)`, `[1, …]`, for each frame as soon as it is known.

        Args:
            frames: Each `[C, H, W]` in [0, 1].

        Example:
            >>> from seqimg.nn import ConvGRU
            >>> [outputs.shape[2] for outputs in Stream(ConvGRU(3, 4)).run(torch.rand(2, 3, 8, 8))]
            [4, 4]
        """
        for frame in frames:
            yield self.step(frame)

    def timed(self, frames: Iterable[tuple[Tensor, float]]) -> Iterator[StreamOutput]:
        """Yield what the model says of each frame, with the frame's time and whether the stream began anew.

        Args:
            frames: Each `[C, H, W]` in [0, 1], and its time in seconds.

        Raises:
            SeqimgError: A frame is not later than the one before.

        Example:
            >>> from seqimg.nn import ConvGRU
            >>> frames = ((frame, number / 25) for number, frame in enumerate(torch.rand(3, 3, 8, 8)))
            >>> [output.pts for output in Stream(ConvGRU(3, 4)).timed(frames)]
            [0.0, 0.04, 0.08]
        """
        for frame, pts in frames:
            number, resets = self.frames_seen, self.resets
            outputs = self.step(frame, pts)
            anew = self.last_reset is not None and self.resets > resets
            reason = self.last_reset.reason if anew and self.last_reset is not None else None
            yield StreamOutput(outputs, number, pts, reason)

    def computed(self, work: Iterable[T]) -> Iterator[T]:
        """Iterate over what the model computes beyond steps, so that its time is counted as the model's.

        Args:
            work: For example the frames that are to come.

        Example:
            >>> list(Stream(torch.nn.Identity()).computed(range(3)))
            [0, 1, 2]
        """
        begun = perf_counter()
        for item in work:
            self.seconds += perf_counter() - begun
            yield item
            begun = perf_counter()

    def fork(self) -> Self:
        """Return a stream of the same model that remembers the same, and goes on independently.

        Example:
            >>> from seqimg.nn import ConvGRU
            >>> stream, frames = Stream(ConvGRU(3, 4)), torch.rand(3, 3, 8, 8)
            >>> outputs = stream.step(frames[0])
            >>> other = stream.fork()
            >>> bool((stream.step(frames[1]) == other.step(frames[1])).all())
            True
        """
        other = type(self)(
            self.model, self.device, remember=self.remember, gap=self.gap, cuts=self._cuts is not None
        )
        other.load_state_dict(mapped(_copied, self.state_dict()))
        return other

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write what is remembered to a file in the form of safetensors.

        Args:
            path: The file.
            overwrite: Whether one of that name may be replaced.

        Raises:
            SeqimgError: The file exists or cannot be written, or the state holds what a file cannot.

        Example:
            >>> from seqimg.nn import ConvGRU
            >>> stream, frames = Stream(ConvGRU(3, 4)), torch.rand(2, 3, 8, 8)
            >>> outputs = stream.step(frames[0])
            >>> stream.save(Path(tmp) / "state.safetensors")
            >>> other = Stream(stream.model)
            >>> other.restore(Path(tmp) / "state.safetensors")
            >>> bool((stream.step(frames[1]) == other.step(frames[1])).all()), other.age
            (True, 2)
        """
        known, digest = classes_of(self.model), fingerprint(self.model.state_dict())
        write_state(Path(path), self.state_dict(), digest, known, overwrite=overwrite)

    def restore(self, path: str | Path) -> None:
        """Go on from a file that `save` wrote. Nothing in it is executed or unpickled.

        The model takes one step from it for nothing, on a blank frame, so that a file it cannot go on from is refused
        now and not with the next frame.

        Args:
            path: The file.

        Raises:
            SeqimgError: It cannot be read, is damaged, or of another model or a newer seqimg; the stream is as it was.
        """
        known, digest = classes_of(self.model), fingerprint(self.model.state_dict())
        found = read_state(Path(path), digest, known)
        trial = Remembering(self.device, remember=True, gap=None, cuts=False)
        try:
            trial.load_state_dict(mapped(_copied, found))
            trial._try(self.model)
        except SeqimgError as error:
            raise SeqimgError(f"{path} is damaged", why=error.why) from error
        self.load_state_dict(found)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.reset("closed")


def _copied(leaf: Any) -> Any:
    return leaf.clone() if isinstance(leaf, Tensor) else leaf
