"""Clips in which everything's way is known: a still, bent and moved, and something passing in front of it.

Following Wang et al., "Consistent Video Style Transfer via Relaxation and Regularization" (ReReVST, TIP 2020): what
was moved and then restyled should be what was restyled and then moved, and no flow has to be estimated for that.
"""

from dataclasses import replace
from math import pi

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torch.utils.data import Dataset

from seqimg.data import Clip, ClipDataset
from seqimg_style.flows import measured_flow
from seqimg_style.model import colours
from seqimg_style.motion import moved

__all__ = ["MovedClips", "moved_still"]

_STREAM = 5  # of random numbers: others are drawn for crops and jitter
_REAL = 0.3  # share of clips whose own motion is kept, where they have any
_PAN = 4.0  # fastest, in pixels a frame of 128
_BEND = 1.2  # as fast may a picture be bent
_TURN, _ZOOM = 0.02, 0.02  # radians, and natural logarithm of the scale, a frame
_NOISE = 0.012  # standard deviation of a camera's noise
_STANDS = 0.15  # share of clips that stand still


class MovedClips(Dataset[Clip]):
    """Clips of another data set, each a still of it in motion, or as it is; `target` says how everything moves.

    The target is `[T - 1, 3, H, W]`: for each frame but the first how many pixels down and across each pixel was in the
    frame before, and 1 where it could be seen there, else 0.

    Args:
        clips: The clips; of each the first frame is taken.
        length: Frames to make of it.
        seed: A clip depends on (seed, number) alone.
    """

    def __init__(self, clips: ClipDataset, length: int, seed: int) -> None:
        self.clips, self.length, self.seed = clips, length, seed

    @property
    def owners(self) -> list[int]:
        """For each clip, the index of its sequence."""
        return self.clips.owners

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> Clip:
        clip = self.clips[index]
        rng = np.random.default_rng((self.seed, index, _STREAM))
        frames = colours(clip.frames)
        if len(frames) >= self.length and rng.random() < _REAL:
            frames = frames[: self.length]
            flow = measured_flow(frames, quick=True)
        else:
            frames, flow = moved_still(frames[0], frames[-1], self.length, rng)
        return replace(clip, frames=frames, target=flow, mask=None, length=None, times=None, boxes=None)


def moved_still(still: Tensor, other: Tensor, length: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Move a still, and something else in front of it.

    Args:
        still: `[3, H, W]` in [0, 1].
        other: What passes in front is cut from this one, of the same shape.
        length: Frames T to make.
        rng: Random source.

    Returns:
        Frames `[T, 3, H, W]`, and how they move, `[T - 1, 3, H, W]`, as [MovedClips][seqimg_style.moving.MovedClips]
        says.
    """
    height, width = still.shape[-2:]
    steps = [_step(rng, height, width)] * (length - 1)
    if rng.random() < _STANDS:
        steps = [step * 0 for step in steps]
    elif rng.random() < 0.3:  # unsteady, as by hand
        steps = [step * float(rng.uniform(-0.3, 1.3)) for step in steps]
    # Where each pixel of a frame is in the still: the map of the frame before, fetched where the pixel was then.
    place = torch.zeros(1, 2, height, width)
    places = [place]
    for step in steps:
        place = step + moved(place, step)
        places.append(place)
    frames = _fetched(still, torch.cat(places))
    flow = torch.cat(steps)
    seen = _inside(flow)
    if rng.random() < 0.5:
        frames, flow, seen = _passing(frames, flow, seen, other, rng)
    if rng.random() < 0.5:
        noise = torch.from_numpy(rng.standard_normal(frames.shape, dtype=np.float32))
        frames = frames + float(rng.uniform(0, _NOISE)) * noise
    return frames.clamp(0, 1).contiguous(), torch.cat([flow, seen], dim=1)


def _step(rng: np.random.Generator, height: int, width: int) -> Tensor:
    """Return how far every pixel is fetched from in each step, `[1, 2, H, W]`: a camera's move, and some bending."""
    scale = min(height, width) / 128
    speed, angle = _PAN * scale * rng.random() ** 1.5, rng.uniform(-pi, pi)
    turn, zoom = rng.uniform(-1, 1, 2) ** 3 * (_TURN, _ZOOM)
    rows = torch.arange(height)[:, None] - height / 2
    columns = torch.arange(width)[None] - width / 2
    down = speed * np.sin(angle) + zoom * rows + turn * columns
    across = speed * np.cos(angle) + zoom * columns - turn * rows
    step = torch.stack([down, across])[None].float()
    if rng.random() < 0.5:
        knots = torch.from_numpy(rng.standard_normal((1, 2, 4, 4), dtype=np.float32))
        bending = interpolate(knots, size=(height, width), mode="bicubic", align_corners=True)
        step = step + _BEND * scale * float(rng.random()) * bending
    return step


def _passing(
    frames: Tensor, flow: Tensor, seen: Tensor, other: Tensor, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Have an oval piece of another picture pass in front."""
    length, _, height, width = frames.shape
    speed = rng.uniform(-1, 1, 2) * _PAN * min(height, width) / 128
    start = rng.uniform(0.2, 0.8, 2) * (height, width)
    radii = rng.uniform(0.1, 0.3, 2) * min(height, width)
    rows, columns = torch.arange(height)[:, None], torch.arange(width)[None]
    shift = torch.stack([torch.full((height, width), float(value)) for value in speed])
    piece = other.flip(-1) if rng.random() < 0.5 else other.flip(-2)
    covers = []
    for time in range(length):
        middle = start + time * speed
        distance = ((rows - middle[0]) / radii[0]) ** 2 + ((columns - middle[1]) / radii[1]) ** 2
        covers.append((distance < 1).float()[None])
    cover = torch.stack(covers)  # [T, 1, H, W]
    pieces = _fetched(piece, torch.stack([-time * shift for time in range(length)]))
    frames = torch.where(cover > 0, pieces, frames)
    own = (-shift).expand_as(flow)
    # What is behind was seen before only where nothing passed in front of it then.
    behind = seen * (moved(cover[:-1], flow) == 0)
    before = _inside(own) * (moved(cover[:-1], own) > 0.999)
    seen = torch.where(cover[1:] > 0, before, behind)
    return frames, torch.where(cover[1:] > 0, own, flow), seen


def _fetched(picture: Tensor, places: Tensor) -> Tensor:
    """Look a picture `[3, H, W]` up at places beside the pixels', `[T, 2, H, W]`; beyond its edges it is mirrored."""
    height, width = picture.shape[-2:]
    margin = (height - 1, width - 1)
    mirrored = torch.nn.functional.pad(picture[None], (margin[1],) * 2 + (margin[0],) * 2, mode="reflect")
    rows = torch.arange(height)[:, None] + places[:, 0] + margin[0]
    columns = torch.arange(width) + places[:, 1] + margin[1]
    tall, wide = mirrored.shape[-2:]
    grid = torch.stack([(2 * columns + 1) / wide - 1, (2 * rows + 1) / tall - 1], dim=-1)
    return torch.nn.functional.grid_sample(
        mirrored.expand(len(places), -1, -1, -1),
        grid,
        mode="bicubic",
        padding_mode="reflection",
        align_corners=False,
    )


def _inside(flow: Tensor) -> Tensor:
    """Tell which pixels were inside the frame before, `[T, 1, H, W]` of 0 and 1."""
    height, width = flow.shape[-2:]
    rows, columns = torch.arange(height)[:, None] + flow[:, 0], torch.arange(width) + flow[:, 1]
    inside = (rows >= 0) & (rows <= height - 1) & (columns >= 0) & (columns <= width - 1)
    return inside.float()[:, None]
