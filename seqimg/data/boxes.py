"""Boxes around things in a clip or a sequence, each with the frame it belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Boxes"]


@dataclass(frozen=True)
class Boxes:
    """Boxes around things, in all frames of a clip or a sequence.

    Attributes:
        corners: `[N, 4]` float32: left, top, right, bottom in pixels, measured along the pixels' edges, so
            that a whole frame is (0, 0, width, height).
        frames: `[N]` int64, the frame of each, counted from 0.
        ids: `[N]` int64, the track of each: the same thing in two frames has one number; -1 for unknown.
        labels: `[N]` int64, the class of each, counted from 0.
        visible: `[N]` float32, which share of the thing can be seen, 0 to 1; NaN where nobody knows.
        noisy: `[N]` bool, whether its frame is known to show nothing but noise.
        crowds: `[N]` bool, whether it is around an uncounted crowd of such things: to find any there is neither right
            nor wrong.

    Example:
        >>> boxes = Boxes.of([[0, 0, 2, 2], [1, 0, 3, 2]], frames=[0, 4], ids=[7, 7])
        >>> boxes.at([4, 4]).frames, boxes.in_frame(0).corners
        (tensor([0, 1]), tensor([[0., 0., 2., 2.]]))
    """

    corners: Tensor
    frames: Tensor
    ids: Tensor
    labels: Tensor
    visible: Tensor
    noisy: Tensor
    crowds: Tensor

    @classmethod
    def of(
        cls,
        corners: object,
        frames: object,
        ids: object = None,
        labels: object = None,
        visible: object = None,
        noisy: object = None,
        crowds: object = None,
    ) -> "Boxes":
        """Make them of anything NumPy can read.

        Tracks are -1, classes 0, shares to be seen unknown, frames no noise and things no crowds unless they are given.

        Args:
            corners: `[N, 4]`: left, top, right, bottom in pixels.
            frames: `[N]`, the frame of each.
            ids: `[N]`, the track of each.
            labels: `[N]`, the class of each.
            visible: `[N]`, which share can be seen.
            noisy: `[N]`, whether its frame is noise.
            crowds: `[N]`, whether it is around a crowd.

        Raises:
            ValueError: There are more of one than of another.
        """
        four = torch.from_numpy(np.array(corners, np.float32).reshape(-1, 4))
        where = torch.from_numpy(np.array(frames, np.int64).reshape(-1))
        count = len(where)
        rest = (
            np.full(count, without, kind) if given is None else np.array(given, kind).reshape(-1)
            for given, without, kind in (
                (ids, -1, np.int64),
                (labels, 0, np.int64),
                (visible, np.nan, np.float32),
                (noisy, False, np.bool_),
                (crowds, False, np.bool_),
            )
        )
        parts = [four, where, *(torch.from_numpy(part) for part in rest)]
        if len({len(part) for part in parts}) > 1:
            names = (
                "boxes",
                "frames",
                "tracks",
                "classes",
                "shares to be seen",
                "marks of noise",
                "of crowds",
            )
            numbers = (f"{len(part)} {name}" for name, part in zip(names, parts, strict=True))
            raise ValueError(", ".join(numbers))
        return cls(*parts)

    @classmethod
    def joined(cls, several: Sequence["Boxes"]) -> "Boxes":
        """Return all boxes of several, at least one, in their order.

        Args:
            several: Boxes of one sequence, in parts.
        """
        return cls(*(torch.cat(parts) for parts in zip(*(some._parts() for some in several), strict=True)))

    def __len__(self) -> int:
        return len(self.corners)

    def keep(self, which: Tensor) -> "Boxes":
        """Return those that a bool or index tensor `[N]` names.

        Args:
            which: `[N]` bool, or `[n]` places.
        """
        return Boxes(*(part[which] for part in self._parts()))

    def in_frame(self, frame: int) -> "Boxes":
        """Return those of one frame.

        Args:
            frame: Its number, from 0.
        """
        return self.keep(self.frames == frame)

    def at(self, indices: NDArray[np.integer] | list[int]) -> "Boxes":
        """Return the boxes of chosen frames, numbered anew by their place in `indices`; one may come twice.

        Args:
            indices: `[T]`, numbers of frames, in any order.
        """
        wanted = torch.as_tensor(np.asarray(indices, np.int64))
        if not len(wanted) or not len(self):
            return self.keep(torch.zeros(0, dtype=torch.int64))
        # A sequence of hours has millions of boxes, of which a clip takes a stretch.
        near = torch.nonzero((self.frames >= wanted.min()) & (self.frames <= wanted.max()))[:, 0]
        places, which = torch.nonzero(wanted[:, None] == self.frames[near][None], as_tuple=True)
        return replace(self.keep(near[which]), frames=places)

    def moved(self, corners: Tensor, size: tuple[int, int]) -> "Boxes":
        """Return them with other corners, cut off at the edges of a frame of `size` (height, width).

        What has no area left is dropped.

        Args:
            corners: `[N, 4]` float32, in pixels.
            size: Height and width of the frame.
        """
        limit = corners.new_tensor([size[1], size[0], size[1], size[0]])
        cut = torch.minimum(corners.clamp(min=0), limit)
        return replace(self, corners=cut).keep((cut[:, 2] > cut[:, 0]) & (cut[:, 3] > cut[:, 1]))

    def scaled(self, before: tuple[int, int], after: tuple[int, int]) -> "Boxes":
        """Return them for frames resized from one size (height, width) to another.

        Args:
            before: Height and width that the frames had.
            after: Height and width that they have.
        """
        times, parts = (self.corners.new_tensor([size[1], size[0]] * 2) for size in (after, before))
        # In this order a frame's edge stays exactly its edge.
        return replace(self, corners=self.corners * times / parts)

    def to(self, device: torch.device) -> "Boxes":
        """Return them on `device`."""
        return Boxes(*(part.to(device) for part in self._parts()))

    def _parts(self) -> tuple[Tensor, ...]:
        return self.corners, self.frames, self.ids, self.labels, self.visible, self.noisy, self.crowds
