"""Pictures of a prediction: a strip for the page, an animation for the eye.

Frames come in as float32 `[T, H, W, C]` in 0..1 with C 1 or 3; pictures go out as uint8 RGB `[H, W, 3]`.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from seqimg.publish import publish_file

__all__ = [
    "colours",
    "error_colours",
    "error_scale",
    "grey_or_rgb",
    "heat",
    "save_png",
    "side_by_side_frames",
    "spread",
    "strip",
]

Frames: TypeAlias = NDArray[np.float32]
Picture8: TypeAlias = NDArray[np.uint8]
Colour: TypeAlias = tuple[int, int, int]

_BACKGROUND: Colour = (16, 18, 23)
_PANEL: Colour = (30, 33, 41)
_TEXT: Colour = (222, 226, 233)
_MUTED: Colour = (143, 150, 164)
_CONTEXT: Colour = (88, 160, 232)
_PREDICTED: Colour = (245, 158, 66)

_STRIP_WIDTH = 900
_MOVIE_WIDTH = 840
_LABELS = 112  # room for the names of a strip's rows
_MARGIN = 16
_GAP = 6
_CAPTION = 22
_BAR = 6
_SCALES = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
# The colour map "inferno" at 17 even steps: lightness grows evenly, also for the colour-blind.
_INFERNO = """000004 0b0724 210c4a 3d0965 57106e 71196e 8a226a a32c61 bc3754
    d24644 e45a31 f1731d f98e09 fcac11 f9cb35 f2ea69 fcffa4"""


def strip(context: Frames, truth: Frames, prediction: Frames, *, columns: int = 6) -> Picture8:
    """Lay out frames as rows: context, truth, prediction, error.

    Where there are more frames than columns, evenly spaced ones are shown, first and last included.
    Small frames are enlarged by a whole factor without smoothing. The error is the mean of
    |truth - prediction| over channels, in the colours of [heat][seqimg.training.pictures.heat].

    Args:
        context: What the model saw, `[S, H, W, C]`.
        truth: What came next, `[T, H, W, C]`.
        prediction: What the model said, `[T, H, W, C]`.
        columns: At most this many frames in a row.

    Returns:
        About 900 pixels wide, `[H', W', 3]`.

    Raises:
        ValueError: The shapes do not go together.
    """
    _check(context, truth, prediction)
    count = min(columns, max(len(context), len(truth)))
    past, future = spread(len(context), count), spread(len(truth), count)
    wide = max(16, (_STRIP_WIDTH - _LABELS - 2 * _MARGIN) // count - _GAP)
    limit = error_scale(truth, prediction)
    rows = [
        ("context", _CONTEXT, _fit(colours(context[past]), wide)),
        ("truth", _TEXT, _fit(colours(truth[future]), wide)),
        ("prediction", _PREDICTED, _fit(colours(prediction[future]), wide)),
        ("error", _TEXT, _fit(error_colours(truth[future], prediction[future], limit), wide)),
    ]
    times = {
        "context": [f"{t}" for t in past + 1 - len(context)],
        "truth": [f"+{t}" for t in future + 1],
    }
    height, width = rows[0][2].shape[1:3]
    size = (
        2 * _MARGIN + _LABELS + count * (width + _GAP) - _GAP,
        2 * _MARGIN + 4 * (height + _GAP) - _GAP + 2 * _CAPTION,
    )
    picture = Image.new("RGB", size, _BACKGROUND)
    pen = ImageDraw.Draw(picture)
    lefts = [_MARGIN + _LABELS + column * (width + _GAP) for column in range(count)]
    top = _MARGIN
    for name, colour, frames in rows:
        if name in times:
            for left, time in zip(lefts, times[name], strict=False):
                pen.text((left + width / 2, top + _CAPTION / 2 - 2), time, _MUTED, _font(12), anchor="mm")
            top += _CAPTION
        for left, frame in zip(lefts, frames, strict=False):
            picture.paste(Image.fromarray(frame), (left, top))
        middle = top + height // 2 - (14 if name == "error" else 0)
        pen.text((_MARGIN, middle), name, colour, _font(15), anchor="lm")
        top += height + _GAP
    _draw_scale(picture, (_MARGIN, middle + 16), _LABELS - 22, limit)
    return np.asarray(picture)


def side_by_side_frames(context: Frames, truth: Frames, prediction: Frames) -> Iterator[Picture8]:
    """Yield an animation: what happens, what the model says, and where it errs, side by side.

    While the context is watched only the left picture shows; a bar below marks watched and predicted frames.

    Args:
        context: What the model saw, `[S, H, W, C]`.
        truth: What came next, `[T, H, W, C]`.
        prediction: What the model said, `[T, H, W, C]`.

    Yields:
        S + T frames `[H', W', 3]`, about 840 pixels wide, with even sides as video encoders want them.

    Raises:
        ValueError: The shapes do not go together.
    """
    _check(context, truth, prediction)
    wide = (_MOVIE_WIDTH - 2 * _MARGIN) // 3 - 2 * _GAP
    limit = error_scale(truth, prediction)
    watched = _fit(colours(context), wide)
    answers = [
        _fit(part, wide)
        for part in (colours(truth), colours(prediction), error_colours(truth, prediction, limit))
    ]
    for now, frame in enumerate(watched):
        moment = f"watching {now + 1} of {len(context)}"
        yield _beside([("input", _CONTEXT, frame)], moment, limit, now, len(context), len(truth))
    for now, (happened, said, error) in enumerate(zip(*answers, strict=True)):
        panels = [("truth", _TEXT, happened), ("prediction", _PREDICTED, said), ("error", _TEXT, error)]
        moment = f"+{now + 1} of {len(truth)}"
        yield _beside(panels, moment, limit, len(context) + now, len(context), len(truth))


def save_png(path: Path, picture: Picture8, *, overwrite: bool = False) -> None:
    """Write a picture `[H, W, 3]` as PNG.

    Raises:
        SeqimgError: The file exists and `overwrite` is off, or cannot be written.
    """
    with publish_file(path, overwrite=overwrite) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG", optimize=True)


def heat(values: Frames) -> Picture8:
    """Turn numbers 0..1 of any shape into colours: black, purple, orange, yellow. The lightness grows evenly.

    Example:
        >>> heat(np.float32([0.0, 1.0])).tolist()
        [[0, 0, 4], [252, 255, 164]]
    """
    anchors = np.array([list(bytes.fromhex(colour)) for colour in _INFERNO.split()])
    table = np.linspace(0, 1, 256)
    steps = np.linspace(0, 1, len(anchors))
    colours = np.stack([np.interp(table, steps, anchors[:, channel]) for channel in range(3)], axis=-1)
    shown: Picture8 = np.rint(colours).astype(np.uint8)[np.rint(values.clip(0, 1) * 255).astype(np.uint8)]
    return shown


def error_scale(truth: Frames, prediction: Frames) -> float:
    """Choose the error that gets the brightest colour: a round number above 99 % of all errors."""
    high = float(np.quantile(np.abs(truth - prediction).mean(axis=-1), 0.99))
    return next((scale for scale in _SCALES if high <= scale), 1.0)


def _check(context: Frames, truth: Frames, prediction: Frames) -> None:
    if truth.shape != prediction.shape or context.shape[1:] != truth.shape[1:]:
        raise ValueError(f"context {context.shape}, truth {truth.shape}, prediction {prediction.shape}")
    if truth.ndim != 4 or truth.shape[-1] not in (1, 3) or not len(context) or not len(truth):
        raise ValueError(
            f"frames {truth.shape}: they must be [T, H, W, C] with C 1 or 3 and at least one of each"
        )


def spread(count: int, places: int) -> NDArray[np.intp]:
    """Choose at most `places` numbers below `count`, evenly, first and last included.

    Example:
        >>> spread(10, 4).tolist(), spread(3, 8).tolist()
        ([0, 3, 6, 9], [0, 1, 2])
    """
    return np.rint(np.linspace(0, count - 1, min(count, places))).astype(np.intp)


def grey_or_rgb(frames: Frames) -> Frames:
    """Return grey and RGB as they are; of any other number of channels the mean, as grey."""
    return frames if frames.shape[-1] in (1, 3) else frames.mean(axis=-1, keepdims=True)


def colours(frames: Frames) -> Picture8:
    """Return frames `[T, H, W, 1 or 3]` as RGB; what is no number is black."""
    eight = np.rint(np.nan_to_num(frames).clip(0, 1) * 255).astype(np.uint8)
    return np.broadcast_to(eight, (*eight.shape[:3], 3))


def error_colours(truth: Frames, prediction: Frames, limit: float) -> Picture8:
    """Return the mean over channels of |truth - prediction| in colours, `limit` and more the brightest."""
    share = np.abs(truth - prediction).mean(axis=-1) / np.float32(limit)
    return heat(np.nan_to_num(share, nan=1.0))


def _fit(frames: Picture8, wide: int) -> Picture8:
    """Bring frames `[T, H, W, 3]` near to `wide` pixels: enlarge by a whole factor, or shrink smoothly."""
    height, width = frames.shape[1:3]
    if width < 1.5 * wide:
        factor = max(1, round(wide / width))
        return frames.repeat(factor, axis=1).repeat(factor, axis=2)
    size = (wide, max(1, round(height * wide / width)))
    small = [Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS) for frame in frames]
    return np.stack([np.asarray(frame) for frame in small])


def _beside(
    panels: list[tuple[str, Colour, Picture8]],
    moment: str,
    limit: float,
    now: int,
    watched: int,
    predicted: int,
) -> Picture8:
    """Draw one frame of the animation; panels that have no picture yet stay empty."""
    height, width = panels[0][2].shape[:2]
    lefts = [_MARGIN + panel * (width + 2 * _GAP) for panel in range(3)]
    top = _MARGIN + _CAPTION
    right = lefts[2] + width
    size = (right + _MARGIN, top + height + 2 * _GAP + _BAR + _MARGIN)
    picture = Image.new("RGB", (size[0] + size[0] % 2, size[1] + size[1] % 2), _BACKGROUND)
    pen = ImageDraw.Draw(picture)
    titled = panels + [("prediction", _PREDICTED, None), ("error", _TEXT, None)][len(panels) - 1 :]
    for left, (title, colour, frame) in zip(lefts, titled, strict=True):
        pen.text((left, _MARGIN + 6), title, colour, _font(15), anchor="lm")
        if frame is None:
            pen.rectangle((left, top, left + width - 1, top + height - 1), _PANEL)
        else:
            picture.paste(Image.fromarray(frame), (left, top))
    pen.text((lefts[1] + width, _MARGIN + 6), moment, _MUTED, _font(12), anchor="rm")
    pen.text((right, _MARGIN + 6), f"0 to {limit:g}", _MUTED, _font(12), anchor="rm")
    _draw_time(pen, (_MARGIN, top + height + 2 * _GAP), right - _MARGIN, now, watched, predicted)
    return np.asarray(picture)


def _draw_scale(picture: Image.Image, place: tuple[int, int], width: int, limit: float) -> None:
    ramp = heat(np.broadcast_to(np.linspace(0, 1, width, dtype=np.float32), (8, width)))
    picture.paste(Image.fromarray(ramp), place)
    pen = ImageDraw.Draw(picture)
    below = place[1] + 18
    pen.text((place[0], below), "0", _MUTED, _font(12), anchor="lm")
    pen.text((place[0] + width, below), f"{limit:g}", _MUTED, _font(12), anchor="rm")


def _draw_time(
    pen: ImageDraw.ImageDraw, place: tuple[int, int], width: int, now: int, watched: int, predicted: int
) -> None:
    """Draw one block a frame, bright up to `now`: watched ones blue, predicted ones orange."""
    total = watched + predicted
    gap = 3 if width >= 8 * total else 0
    edges = np.rint(np.linspace(0, width + gap, total + 1)).astype(int) + place[0]
    for item in range(total):
        colour = _CONTEXT if item < watched else _PREDICTED
        faint = (colour[0] // 5 + 12, colour[1] // 5 + 12, colour[2] // 5 + 12)
        end = max(edges[item], edges[item + 1] - gap - 1)
        pen.rectangle((edges[item], place[1], end, place[1] + _BAR - 1), colour if item <= now else faint)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)
