"""Boxes that reach over the edge of their frame: cut off there, left out if nothing is left, and always told."""

from seqimg.data.boxes import Boxes
from seqimg.data.layouts.base import Found

__all__ = ["Edges"]


class Edges:
    """Cuts boxes off at the edges of their frames, and keeps count.

    Example:
        >>> edges = Edges()
        >>> edges.cut(Boxes.of([[-2, 0, 4, 4], [9, 9, 12, 12]], [0, 0]), (8, 8)).corners.tolist()
        [[0.0, 0.0, 4.0, 4.0]]
        >>> edges.over, edges.beyond
        (1, 1)
    """

    def __init__(self) -> None:
        self.over, self.beyond = 0, 0

    def cut(self, boxes: Boxes, size: tuple[int, int] | None) -> Boxes:
        """Return what is inside frames of a size (height, width); all of it if no size is known."""
        if size is None or not len(boxes):
            return boxes
        inside = boxes.moved(boxes.corners, size)
        changed = (boxes.corners[:, :2] < 0).any(1) | (
            boxes.corners[:, 2:] > boxes.corners.new_tensor([size[1], size[0]])
        ).any(1)
        gone = len(boxes) - len(inside)
        self.beyond += gone
        self.over += int(changed.sum()) - gone
        return inside

    def tell(self, found: Found) -> None:
        """Add what was cut to what is known and said of the data set."""
        found.over, found.beyond = self.over, self.beyond
        told = [found.detail] if found.detail else []
        if self.over:
            told.append(f"boxes that reach over the frame's edge are cut off there ({self.over:,})")
        if self.beyond:
            told.append(f"boxes outside their frame are left out ({self.beyond:,})")
        found.detail = ", ".join(told)
