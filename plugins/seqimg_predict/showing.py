"""What `seqimg predict run` shows: the frames to come, or every prediction beside what came."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from seqimg.data import resize, working_size
from seqimg.errors import SeqimgError, UsageError
from seqimg.rows import Row
from seqimg.streaming import Stream
from seqimg.task import Seen, Shown
from seqimg_predict.config import PredictConfig, PredictRun
from seqimg_predict.motion import Predicted
from seqimg_predict.reading import Reader

__all__ = ["COLUMNS", "ahead", "rolling"]

COLUMNS = ("frame", "time", "lead", "mse", "copy_last_mse")
"""What is told of each predicted frame: its place and time in the source, how many frames ahead it was predicted,
and how far off it and the last frame known then were (None where nothing of the truth is there)."""

_BRIGHTER = 4  # times a spread is shown as bright as it is
_MOST = 2**30  # bytes of predictions that wait for their truth


class _Watched:
    """A source as the model reads it: at its working size, pixels without a value as they last were.

    A prediction is made from as many frames as in training. What a state carries from further back was never
    learnt to be used, and on real videos made errors larger.
    """

    def __init__(self, stream: Stream, config: PredictConfig) -> None:
        self._stream, self._config = stream, config
        self.last = self._small = torch.zeros(())

    def read(self, frame: Tensor) -> None:
        """Take in the next frame, `[C, H, W]`."""
        small = resize(frame[None], working_size(frame.shape[-2], frame.shape[-1], self._config.size))[0]
        self.last, self._small = (
            torch.where(new.isnan(), old, new) for new, old in ((frame, self.last), (small, self._small))
        )
        self._stream.gather(self._small, self._config.context)

    def knows_enough(self) -> bool:
        """Whether there was as much as the model needs to predict from."""
        return self._stream.age >= self._config.context

    def check(self) -> None:
        """Refuse a source that ended too early, or began anew too shortly before its end."""
        if not self.knows_enough():
            reset = self._stream.last_reset
            since = "" if reset is None else f" from frame {reset.frame} on ({reset.reason})"
            raise SeqimgError(
                f"the sequence has {self._stream.age} frames{since}, this model needs {self._config.context} "
                "to predict from",
                why="it was trained with that much context",
            )

    def predict(self, options: PredictRun, first: int = 0) -> Iterator[Predicted]:
        """Yield the frames to come from number `first` on, `[C, H, W]` in the source's size, in [0, 1]."""
        with torch.inference_mode():
            for frame, spread in self._stream.computed(self._computed(options.horizon, first)):
                shown = spread[0].cpu() if options.spread and spread is not None else None
                yield Predicted(frame[0].clamp(0, 1).cpu(), shown)

    def _computed(self, horizon: int, first: int) -> Iterator[Predicted]:
        model, recent = cast(Reader, self._stream.model), cast(Tensor, self._stream.state)
        _, state = model(recent, horizon=0)
        yield from model.rollout(state, self.last[None].to(self._stream.device), horizon, first)


def ahead(
    stream: Stream, frames: Iterable[Seen], config: PredictConfig, options: PredictRun
) -> Iterator[Shown]:
    """Read all frames, then yield the predicted ones, after the last `lead_in` of the source.

    The model works at its own size, but what it says about the last frame is done to the frame in its own
    size: what stands still stays as sharp as it was, and so does what moves.
    """
    _check_spread(config, options)
    recent: deque[Tensor] = deque(maxlen=max(options.lead_in, 1))
    watched = _Watched(stream, config)
    for seen in frames:
        recent.append(seen.frame)
        watched.read(seen.frame)
    watched.check()
    if options.lead_in:
        for frame in recent:
            yield Shown(_with_spread(frame, torch.zeros_like(frame) if options.spread else None))
    for frame, spread in watched.predict(options):
        yield Shown(_with_spread(frame, spread))


@dataclass(frozen=True)
class _Waiting:
    """A prediction until its truth comes."""

    predicted: Predicted
    last: Tensor
    lead: int


def rolling(
    stream: Stream, frames: Iterable[Seen], config: PredictConfig, options: PredictRun
) -> Iterator[Shown]:
    """Predict from every frame, or every `every`-th, and yield each predicted frame once it has come.

    A picture is the truth, the prediction, and prediction less truth, side by side; grey is no difference. Of
    several predictions of one frame the one that looks furthest ahead is shown; the others are made only to have
    rows of them.
    """
    _check_spread(config, options)
    watched, waiting = _Watched(stream, config), dict[int, list[_Waiting]]()
    number, answered = 0, False
    for number, seen in enumerate(frames):
        found = waiting.pop(number, None)
        if found is not None:
            answered = True
            yield _beside(seen, found)
        watched.read(seen.frame)
        if watched.knows_enough() and (number + 1 - config.context) % options.every == 0:
            _check_size(seen.frame, options)
            # What is further back is waiting already, from an earlier frame.
            first = 0 if options.all_leads else max(waiting, default=number) - number
            for lead, predicted in enumerate(watched.predict(options, first), start=first + 1):
                waiting.setdefault(number + lead, []).append(_Waiting(predicted, watched.last, lead))
    if not answered:
        watched.check()
    if stream.frames_seen == config.context:
        raise SeqimgError(
            f"the sequence has {stream.frames_seen} frames, all of which this model needs to predict from",
            why="none comes after them to be compared with",
            hint="leave --rolling out",
        )


def _beside(seen: Seen, found: list[_Waiting]) -> Shown:
    """Show the first of the predictions of a frame, which looks furthest ahead, and tell of all, the nearest first."""
    truth, (predicted, spread) = seen.frame, found[0].predicted
    difference = torch.where(truth.isnan(), 0, predicted - truth)
    picture = torch.cat([truth, predicted, (0.5 + difference).clamp(0, 1)], dim=-1)
    return Shown(_with_spread(picture, spread), tuple(_row(seen, one) for one in reversed(found)))


def _row(seen: Seen, found: _Waiting) -> Row:
    truth, valid = seen.frame, ~seen.frame.isnan()
    difference = torch.where(valid, found.predicted.frame - truth, 0)
    copied = torch.where(valid, found.last - truth, 0)
    count = int(valid.sum())
    row: Row = {
        "frame": seen.index,
        "time": round(seen.time, 6),
        "lead": found.lead,
        "mse": float(difference.square().sum() / count) if count else None,
        "copy_last_mse": float(copied.square().sum() / count) if count else None,
    }
    spread = found.predicted.spread
    return row if spread is None else {**row, "spread": float(spread.square().mean().sqrt())}


def _with_spread(picture: Tensor, spread: Tensor | None) -> Tensor:
    """Put how unsure a picture is beside it."""
    return picture if spread is None else torch.cat([picture, (_BRIGHTER * spread).clamp(0, 1)], dim=-1)


def _check_spread(config: PredictConfig, options: PredictRun) -> None:
    if options.spread and not config.noise:
        raise UsageError(
            "this model does not say how unsure it is",
            why="it was trained without noise, and predicts one future",
            hint="train with --model encoder_forecaster --noise 4 --loss crps",
        )


def _check_size(frame: Tensor, options: PredictRun) -> None:
    horizon, size = options.horizon, (2 + options.spread) * frame.numel() * frame.element_size()
    count = sum(range(horizon, 0, -options.every)) if options.all_leads else horizon
    if count * size > _MOST:
        height, width = frame.shape[-2:]
        fewer = "leave --all-leads out" if horizon * size <= _MOST else f"--horizon {max(_MOST // size, 1)}"
        raise UsageError(
            f"{count} predictions of {width}×{height} pixels cannot wait for their truth",
            why=f"they take {count * size / 2**30:.1f} GiB; 1 GiB is the most",
            hint=fewer,
        )
