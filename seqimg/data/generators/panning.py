"""A camera that pans, zooms and turns over photographs; its frames, and the flow between them."""

from math import log, pi

import numpy as np
from numpy.typing import NDArray

from seqimg.data.generators.camera import CameraMove, camera_move, pixel_grid
from seqimg.data.generators.generator import Frames8, Split, check_request, generator_rng
from seqimg.data.generators.photographs import PHOTOGRAPHS
from seqimg.data.generators.samples import Flow, Sample

__all__ = ["pan", "pans"]

# Which of pan, zoom and turn a sequence has; drawn with equal chances.
_MOVES = (
    (True, False, False),
    (True, False, False),
    (False, True, False),
    (False, False, True),
    (True, True, False),
    (True, False, True),
    (True, True, True),
)
_PAN = 3 / 64  # fastest pan: shorter sides of the frame per frame
_TURN = 0.05  # fastest turn: radians per frame
_ZOOM = 0.03  # fastest zoom: natural logarithm of the scale per frame
_TRAVEL = 2.0  # longest way of a pan, in shorter sides
_MAX_ZOOM = 3.0  # largest ratio of scales within a sequence


def pans(index: int, *, length: int, size: tuple[int, int], seed: int, split: Split) -> Frames8:
    """Make the frames of [pan][seqimg.data.generators.pan], without its flow.

    Args:
        index: Which sequence, 0 or more.
        length: Number of frames T.
        size: Height and width in pixels.
        seed: Which data set, 0 or more.
        split: Which photographs.

    Returns:
        Frames `[T, H, W, 3]`, uint8 RGB, 0..255.

    Raises:
        UsageError: An argument is out of its range.
        UnavailableError: The installed scikit-image lacks its photographs.

    Example:
        >>> pans(0, length=4, size=(32, 32), seed=0, split="test").shape
        (4, 32, 32, 3)
    """
    check_request(index, length=length, size=size, seed=seed, split=split, channels=3)
    rng = generator_rng("pans", index, seed, split)
    return _drawn(rng, length, size, split).frames(size)


def pan(index: int, *, length: int, size: tuple[int, int], seed: int, split: Split) -> Sample:
    """Make a steady camera move over a real photograph: pan, zoom, turn or a mixture; with exact optical flow.

    Points are complex numbers x + iy. With u the place of a frame's pixel from the frame's centre, frame
    t = 0 … T-1 shows there the point

        p(t, u) = c + a (e^{λt} u + v (e^{λt} - 1) / λ),    λ = ζ + iω

    of the photograph (half of the sequences: mirrored). v is the pan in pixels per frame, ω the turn in
    radians per frame, ζ the zoom per frame, a the first frame's scale and tilt, c its centre. All are
    constant, and so is the motion in the camera's own frame: p(t+1, u) = p(t, e^λ u + v (e^λ - 1) / λ),
    so each frame follows from the one before by the same map, and the flow is that map's: the same in every
    frame, forward (u - v (e^λ - 1) / λ) e^{-λ} - u.

    |v| is at most 3 pixels for frames of 64, in proportion for others, |ω| at most 0.05 and |ζ| at most
    0.03; in long sequences pans and zooms are slower, so that the view never leaves the photograph. The
    picture is sampled between pixels (bilinearly, at about three texels a pixel) from a version of the
    photograph blurred once, for the sequence's widest view: nothing aliases, and a point keeps its
    brightness. Photographs are held out whole, see `seqimg.data.generators.photographs`; training sequences are
    tilted by any angle, the others by at most 20 degrees.

    Args:
        index: Which sequence, 0 or more.
        length: Number of frames T.
        size: Height and width in pixels.
        seed: Which data set, 0 or more.
        split: Which photographs.

    Returns:
        Frames `[T, H, W, 3]`, uint8 RGB, 0..255, and their flow. Nothing moves in front of anything else, so
        a pixel is occluded only where it leaves the frame. The flow's arrays repeat one frame in memory and
        are read-only.

    Raises:
        UsageError: An argument is out of its range.
        UnavailableError: The installed scikit-image lacks its photographs.

    Example:
        >>> sample = pan(0, length=4, size=(32, 32), seed=0, split="test")
        >>> sample.frames.shape, sample.flow.forward.shape, sample.flow.occluded.shape
        ((4, 32, 32, 3), (3, 32, 32, 2), (3, 32, 32))
    """
    check_request(index, length=length, size=size, seed=seed, split=split, channels=3)
    move = _drawn(generator_rng("pans", index, seed, split), length, size, split)
    return Sample(move.frames(size), flow=_flow(move, length, size))


def _drawn(rng: np.random.Generator, length: int, size: tuple[int, int], split: Split) -> CameraMove:
    name = PHOTOGRAPHS[split][rng.integers(len(PHOTOGRAPHS[split]))]
    pan, rate = _motion(rng, length, min(size))
    return camera_move(rng, name, pan, rate, length=length, size=size, split=split)


def _flow(move: CameraMove, length: int, size: tuple[int, int]) -> Flow:
    grid = pixel_grid(size)
    step = move.pan * (np.expm1(move.rate) / move.rate if move.rate else 1.0)
    ahead, back = (grid - step) * np.exp(-move.rate), grid * np.exp(move.rate) + step

    def way(target: NDArray[np.complex128]) -> NDArray[np.float32]:
        shift = target - grid
        pair = np.stack([shift.real, shift.imag], axis=-1).astype(np.float32)
        return np.broadcast_to(pair, (length - 1, *pair.shape))

    def beyond(target: NDArray[np.complex128]) -> NDArray[np.bool_]:
        edge = 1e-6  # of a pixel: rounding is no way out of the frame
        across = np.abs(target.real) > (size[1] - 1) / 2 + edge
        down = np.abs(target.imag) > (size[0] - 1) / 2 + edge
        return np.broadcast_to(across | down, (length - 1, *size))

    return Flow(way(ahead), way(back), beyond(ahead), beyond(back))


def _motion(rng: np.random.Generator, length: int, side: int) -> tuple[complex, complex]:
    """Draw the pan in pixels per frame and the rate λ = ζ + iω."""
    steps = max(1, length - 1)
    has_pan, has_zoom, has_turn = _MOVES[rng.integers(len(_MOVES))]
    speed, zoom, turn = rng.uniform(0.3, 1.0, 3) * (
        min(_PAN, _TRAVEL / steps) * side * has_pan,
        min(_ZOOM, log(_MAX_ZOOM) / steps) * has_zoom * rng.choice((-1, 1)),
        _TURN * has_turn * rng.choice((-1, 1)),
    )
    return complex(speed * np.exp(1j * rng.uniform(-pi, pi))), complex(zoom, turn)
