"""What `run` shows of a classifier: the running answer in the pictures, and one for each segment."""

from collections.abc import Iterable, Iterator, Sequence

from torch import Tensor

from seqimg.cuts import Cuts
from seqimg.data import resize, working_size
from seqimg.drawing import colour_of, write
from seqimg.rows import Row
from seqimg.streaming import Stream
from seqimg.task import Seen, Shown
from seqimg_classify.answers import Scoring
from seqimg_classify.config import ClassifyConfig, ClassifyRun
from seqimg_classify.segments import Segment, Segments, likeliest

__all__ = ["draw_answer", "show"]

_BAR = 36  # a bar has this part of the frame's shorter side


def show(
    stream: Stream, frames: Iterable[Seen], options: ClassifyRun, config: ClassifyConfig, scoring: Scoring
) -> Iterator[Shown]:
    """Feed frames to a stream one by one; yield a picture for each, and an answer when a segment is over."""
    segments = Segments(scoring, seconds=options.segment, smooth=options.smooth)
    cuts = Cuts() if options.cuts else None

    threshold = (0.5 if config.several else 0.0) if options.threshold is None else options.threshold
    named = options.top if config.several else 1

    def told(segment: Segment) -> Shown:
        rows: tuple[Row, ...] = ()
        if options.answers == "segments":
            rows = tuple(segment.rows(config.classes, options.top, threshold))
        return Shown(rows=rows, line=segment.line(config.classes, options.top, threshold))

    for seen in frames:
        cut = cuts is not None and cuts(seen.frame)
        ended = segments.over(seen.time, cut=cut)
        if ended is not None:
            yield told(ended)
        if cut:
            stream.reset("another scene")
        size = working_size(seen.frame.shape[-2], seen.frame.shape[-1], config.size)
        logits = stream.step(resize(seen.frame[None], size)[0])[0, -1]
        scores = segments.add(logits, seen.time, seen.index, new=ended is not None)
        moments: tuple[Row, ...] = ()
        if options.answers == "frames" and segments.now is not None:
            moment = Segment(segments.now.number, seen.time, seen.time, seen.index, 1, scores)
            moments = tuple(moment.rows(config.classes, options.top, threshold))
        yield Shown(draw_answer(seen.frame, scores, config.classes, threshold, named), moments)
    if segments.now is not None:
        yield told(segments.now)


def draw_answer(
    frame: Tensor, scores: Tensor, labels: Sequence[str], threshold: float = 0.0, most: int = 1
) -> Tensor:
    """Return a frame `[C, H, W]` with its likeliest classes, and a bar as long as the first one's score.

    Args:
        frame: The frame, values in [0, 1].
        scores: Scores of the classes, `[K]`.
        labels: Their names.
        threshold: Least score of a class that is named.
        most: How many are named.

    Example:
        >>> import torch
        >>> drawn = draw_answer(torch.zeros(1, 32, 48), torch.tensor([0.25, 0.75]), ("run", "walk"))
        >>> (drawn[0, -1] > 0).sum()  # three quarters of 48
        tensor(36)
    """
    named = likeliest(scores, most, threshold)
    if not named:
        return frame.clone()
    drawn = write(frame, "\n".join(f"{labels[number]} {score:.2f}" for number, score in named))
    return _with_bar(drawn, named[0][1], named[0][0])


def _with_bar(frame: Tensor, share: float, number: int) -> Tensor:
    height, width = frame.shape[-2:]
    tall = max(2, round(min(height, width) / _BAR))
    red, green, blue = colour_of(number)
    if frame.shape[0] in (3, 4):
        ink = frame.new_tensor([red, green, blue, 1.0][: frame.shape[0]])
    else:
        ink = frame.new_full((frame.shape[0],), max(0.6, (red + green + blue) / 3))
    frame[:, -tall:, : round(share * width)] = ink[:, None, None]
    return frame
