"""Moving objects with boxes and identities, among clutter, behind bars, through noise."""

from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import NDArray

from seqimg.data.generators.camera import camera_move
from seqimg.data.generators.generator import Frames8, Split, check_request, generator_rng
from seqimg.data.generators.photographs import PHOTOGRAPHS
from seqimg.data.generators.samples import Sample, Tracks
from seqimg.data.generators.shapes import SHAPES, Thing, bar, colours, paint
from seqimg.errors import UsageError

__all__ = ["tracks"]

_RADIUS = (0.07, 0.15)  # of an object, in shorter sides
_LEAST = 2.0  # pixels, or a shape could fall between them
_SPEED = (0.006, 0.03)  # shorter sides per frame
_TURN = 0.04  # fastest change of direction: radians per frame
_SPIN = 0.1  # fastest turn of an object about itself: radians per frame
_DIMMED = 0.55  # brightness of the photograph behind
_GRAIN = 4.0  # standard deviation of the camera's noise
_FASTEST = 10.0  # times the usual speed
_LARGEST = 3.0  # times the usual size
_HIDDEN = (3, 6)  # frames that a screen hides an object
_SEEN = 3  # frames before it does, in which the object may be seen
_MOST = 64
_CHUNK = 2**18  # pixels made at a time, bounds the temporaries


def tracks(
    index: int,
    *,
    length: int,
    size: tuple[int, int],
    seed: int,
    split: Split,
    objects: int = 4,
    clutter: int = 8,
    bars: int = 2,
    noise: float = 0.06,
    screens: int = 0,
    pace: float = 1.0,
    scale: float = 1.0,
) -> Sample:
    """Make a sequence of moving objects, with the box and the number of each in every frame.

    Discs, squares, triangles and crosses in bright colours travel along gentle curves over a still, dimmed
    photograph; each is in the frame at least once, and most enter or leave it. Grey shapes of the same kinds
    lie about (clutter), bars cut from another photograph hide what passes behind them, screens hide the whole
    of an object for 3 to 6 frames (slow ones a little longer), the nearer object hides the farther, the camera's
    noise lies over everything, and now and then a frame is nothing but noise.

    A box is the smallest rectangle around the object's pixels inside the frame, hidden ones included, exact
    to the pixel; `visibility` says what share of the object can be seen, 0 in frames of noise.

    Args:
        index: Which sequence, 0 or more.
        length: Number of frames T.
        size: Height and width in pixels.
        seed: Which data set, 0 or more.
        split: Which photographs.
        objects: How many objects pass, 0 to 64.
        clutter: How many grey shapes lie about, 0 to 64.
        bars: How many bars stand in front, 0 to 64.
        noise: Share of the frames that are nothing but noise, 0 to 1; never the first.
        screens: How many screens stand in front, each just large enough for one of the objects, 0 to 64; those
            that no object can pass behind stand anywhere.
        pace: How much faster than usual the objects move, more than 0, at most 10.
        scale: How much larger than usual the objects are, more than 0, at most 3.

    Returns:
        Frames `[T, H, W, 3]`, uint8 RGB, 0..255, and tracks.

    Raises:
        UsageError: An argument is out of its range.
        UnavailableError: The installed scikit-image lacks its photographs.

    Example:
        >>> sample = tracks(0, length=8, size=(96, 128), seed=0, split="train", objects=3)
        >>> sample.frames.shape, sorted(set(sample.tracks.track.tolist()))
        ((8, 96, 128, 3), [1, 2, 3])
    """
    check_request(index, length=length, size=size, seed=seed, split=split, channels=3)
    for name, value in (("objects", objects), ("clutter", clutter), ("bars", bars), ("screens", screens)):
        if not 0 <= value <= _MOST:
            raise UsageError(f"{name} is {value}", why=f"it must be 0 to {_MOST}")
    if not 0 <= noise <= 1:
        raise UsageError(f"noise is {noise}", why="it must be 0 to 1")
    for name, factor, most in (("pace", pace, _FASTEST), ("scale", scale, _LARGEST)):
        if not 0 < factor <= most:
            raise UsageError(f"{name} is {factor}", why=f"it must be more than 0, at most {most:g}")
    rng = generator_rng("tracks", index, seed, split)
    scene = _scene(rng, length, size, split, (objects, clutter, bars, screens), pace, scale)
    lost = (rng.random(length) < noise) & (np.arange(length) > 0)
    frames = np.empty((length, *size, 3), np.uint8)
    seen = np.empty((length, *size), np.uint8)
    rows: list[NDArray[np.float64]] = []
    step = max(1, _CHUNK // (size[0] * size[1]))
    for start in range(0, length, step):
        part = slice(start, min(start + step, length))
        time = np.arange(part.start, part.stop)
        frames[part], seen[part], found = _frames(scene, time)
        _blur(frames[part], seen[part], lost[part], rng)
        rows += found
    return Sample(frames, tracks=_tracks(rows, scene.objects, seen, lost))


@dataclass(frozen=True)
class _Scene:
    """What is in a sequence: the still background, what moves, and what stands in front where `front` is True."""

    background: NDArray[np.uint8]
    objects: list[Thing]
    front: NDArray[np.bool_]
    bars: NDArray[np.uint8]


def _scene(
    rng: np.random.Generator,
    length: int,
    size: tuple[int, int],
    split: Split,
    counts: tuple[int, int, int, int],
    pace: float,
    scale: float,
) -> _Scene:
    side = min(size)
    names = [PHOTOGRAPHS[split][place] for place in rng.permutation(len(PHOTOGRAPHS[split]))[:2]]
    pictures = [
        camera_move(rng, name, 0j, 0j, length=1, size=size, split=split).frames(size)[0] for name in names
    ]
    background = (pictures[0] * _DIMMED).astype(np.uint8)
    still = np.zeros(1, np.int64)
    for grey in rng.uniform(60, 150, counts[1]):
        thing = _thing(rng, 1, size, np.full(3, grey), radius=side * rng.uniform(0.02, _RADIUS[1]))
        paint(background[None], thing, still)
    moving = [
        _thing(rng, length, size, colour, radius=scale * side * rng.uniform(*_RADIUS), pace=pace)
        for colour in colours(rng, counts[0])
    ]
    front = np.zeros(size, bool)
    for _ in range(counts[2]):
        front |= bar(rng, size)
    for number in range(counts[3]):
        hidden = moving[number % len(moving)] if moving else None
        front[_screen(rng, hidden, length, size)] = True
    return _Scene(background, moving, front, pictures[1])


def _thing(
    rng: np.random.Generator,
    length: int,
    size: tuple[int, int],
    colour: NDArray[np.float64],
    *,
    radius: float,
    pace: float = 1.0,
) -> Thing:
    """Draw a shape that is inside the frame at some moment, and how it gets there and away."""
    side = min(size)
    when = float(rng.integers(length))
    place = complex(*(rng.random(2) * (size[1] - 1, size[0] - 1)))
    speed = pace * side * rng.uniform(*_SPEED) * np.exp(2j * pi * rng.random())
    turn = 1j * rng.uniform(-_TURN, _TURN)
    passed = np.arange(length) - when
    return Thing(
        shape=int(rng.integers(len(SHAPES))),
        radius=max(_LEAST, radius),
        colour=colour,
        centre=place + speed * np.expm1(turn * passed) / turn,
        angle=np.asarray(rng.uniform(0, 2 * pi) + rng.uniform(-_SPIN, _SPIN) * passed, np.float64),
    )


def _screen(
    rng: np.random.Generator, thing: Thing | None, length: int, size: tuple[int, int]
) -> tuple[slice, slice]:
    """Return the rows and columns that hide a thing for some frames while all of it is inside the frame."""
    frames = min(int(rng.integers(_HIDDEN[0], _HIDDEN[1] + 1)), length)
    starts = np.zeros(0, np.int64) if thing is None else _inside(thing, length, size, frames)
    if thing is None or not len(starts):
        tall, wide = (max(1, round(side * rng.uniform(0.2, 0.4))) for side in size)
        top, left = int(rng.integers(size[0] - tall + 1)), int(rng.integers(size[1] - wide + 1))
        return slice(top, top + tall), slice(left, left + wide)
    start = int(rng.choice(starts))
    scratch = np.zeros((1, *size, 3), np.uint8)
    extents = np.array(
        [paint(scratch, thing, np.array([moment]))[0] for moment in range(start, start + frames)]
    )
    left, top = extents[:, :2].min(0).tolist()
    right, bottom = extents[:, 2:4].max(0).tolist()
    return slice(top, bottom), slice(left, right)


def _inside(thing: Thing, length: int, size: tuple[int, int], frames: int) -> NDArray[np.int64]:
    """Return the moments from which on a thing is inside the frame for `frames` frames."""
    edge = thing.radius + 1
    across, down = thing.centre.real, thing.centre.imag
    whole = (across >= edge) & (across < size[1] - edge) & (down >= edge) & (down < size[0] - edge)
    runs = np.convolve(whole, np.ones(frames, np.int64), "valid")
    # Late enough to be seen before, where the sequence is long enough.
    early = min(_SEEN, max(length - frames, 0))
    found = np.flatnonzero(runs == frames)
    return found[found >= early]


def _frames(
    scene: _Scene, time: NDArray[np.int64]
) -> tuple[Frames8, NDArray[np.uint8], list[NDArray[np.float64]]]:
    """Draw some frames: pixels, which object each shows, and rows of frame, track, box and number of pixels."""
    frames = np.broadcast_to(scene.background, (len(time), *scene.background.shape)).copy()
    seen = np.zeros(frames.shape[:3], np.uint8)
    rows = []
    for number, thing in enumerate(scene.objects, start=1):
        extent = paint(frames, thing, time, seen, number)
        inside = extent[:, 2] > extent[:, 0]
        rows.append(
            np.column_stack([time[inside], np.full(inside.sum(), number), extent[inside]]).astype(np.float64)
        )
    frames[:, scene.front] = scene.bars[scene.front]
    seen[:, scene.front] = 0
    return frames, seen, rows


def _blur(
    frames: Frames8, seen: NDArray[np.uint8], lost: NDArray[np.bool_], rng: np.random.Generator
) -> None:
    """Lay the camera's noise over frames, and fill the lost ones with it."""
    for frame in frames:
        grain = rng.standard_normal(frame.shape, np.float32)
        frame[...] = np.rint(frame + _GRAIN * grain).clip(0, 255).astype(np.uint8)
    frames[lost] = rng.integers(0, 256, (int(lost.sum()), *frames.shape[1:]), np.uint8)
    seen[lost] = 0


def _tracks(
    rows: list[NDArray[np.float64]], objects: list[Thing], seen: NDArray[np.uint8], lost: NDArray[np.bool_]
) -> Tracks:
    table = np.concatenate([np.zeros((0, 7)), *rows])
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    frame, track = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    shown = np.stack([np.bincount(one.reshape(-1), minlength=_MOST + 1) for one in seen])
    kinds = np.array([thing.shape for thing in objects], np.int64)
    return Tracks(
        frame=frame,
        track=track,
        category=kinds[track - 1],
        box=table[:, 2:6].astype(np.float32),
        visibility=(shown[frame, track] / table[:, 6]).astype(np.float32),
        categories=SHAPES,
        seen=seen,
        noise=lost,
    )
