"""Boxes as other programs read them: COCO results and the text of the MOT challenge.

Both take rows with `frame` (from 0), `track` (None without linking), `label` (the class's name), `score`, and
`left`, `top`, `right`, `bottom` in pixels along the pixels' edges.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from seqimg.errors import SeqimgError
from seqimg.rows import Row, RowsWriter

__all__ = ["FORMATS", "CocoRows", "MotRows"]

_DIGITS = 3  # of a pixel
_SCORE_DIGITS = 5


class CocoRows(RowsWriter):
    """COCO's format of results: one array with `image_id`, `category_id`, `bbox` (left, top, width, height), `score`.

    Images are numbered from 1 in the order of the source's frames, categories from 1 in the order of the
    model's classes, as `seqimg data make` numbers them. Linked boxes also have a `track_id`.

    Example:
        >>> rows = CocoRows([], {"labels": ["car", "bicycle"]})
        >>> box = {"left": 4.0, "top": 2.0, "right": 8.5, "bottom": 6.0, "score": 0.9}
        >>> print(rows.row({"frame": 0, "label": "bicycle", "track": None, **box}, first=True).strip())
        {"image_id": 1, "category_id": 2, "bbox": [4.0, 2.0, 4.5, 4.0], "score": 0.9}
    """

    def __init__(self, columns: Sequence[str], about: Mapping[str, Any]) -> None:
        super().__init__(columns, about)
        self._categories = {name: number for number, name in enumerate(about.get("labels") or (), 1)}

    def begin(self) -> str:
        """Open the array."""
        return "["

    def row(self, row: Row, *, first: bool) -> str:
        """Return an object."""
        if row["label"] not in self._categories:
            raise SeqimgError(
                f"a box of class {row['label']!r} has no place in COCO results",
                why=f"the model's classes: {', '.join(self._categories) or 'none'}",
            )
        result: dict[str, Any] = {
            "image_id": int(_number(row, "frame")) + 1,
            "category_id": self._categories[str(row["label"])],
            "bbox": [round(value, _DIGITS) for value in _place(row)],
            "score": round(_number(row, "score"), _SCORE_DIGITS),
        }
        if row.get("track") is not None:
            result["track_id"] = row["track"]
        return ("\n" if first else ",\n") + json.dumps(result, allow_nan=False)

    def end(self) -> str:
        """Close the array."""
        return "\n]\n"


class MotRows(RowsWriter):
    r"""The MOT challenge's text of results: `frame, id, left, top, width, height, score, -1, -1, -1` a line.

    Frames count from 1, and the first pixel is (1, 1), as the challenge has it. Boxes that are not linked
    have the id -1. Classes have no place in it: a file for several classes is one for things of any class.

    Example:
        >>> box = {"left": 4.0, "top": 2.0, "right": 8.5, "bottom": 6.0, "score": 0.9}
        >>> MotRows([], {}).row({"frame": 0, "label": "car", "track": 7, **box}, first=True)
        '1,7,5,3,4.5,4,0.9,-1,-1,-1\n'
    """

    def row(self, row: Row, *, first: bool) -> str:
        """Return a line."""
        left, top, width, height = _place(row)
        track = row.get("track")
        start = f"{int(_number(row, 'frame')) + 1},{-1 if track is None else track}"
        corner = ",".join(_short(value, _DIGITS) for value in (left + 1, top + 1, width, height))
        return f"{start},{corner},{_short(_number(row, 'score'), _SCORE_DIGITS)},-1,-1,-1\n"


FORMATS: Mapping[str, type[RowsWriter]] = {".coco.json": CocoRows, ".mot.txt": MotRows}
"""Endings of files of boxes, beside those that any task's rows have."""


def _place(row: Row) -> tuple[float, float, float, float]:
    left, top, right, bottom = (_number(row, name) for name in ("left", "top", "right", "bottom"))
    return left, top, right - left, bottom - top


def _number(row: Row, name: str) -> float:
    value = row[name]
    if not isinstance(value, int | float):
        raise TypeError(f"{name} of a box is {value!r}, no number")
    return float(value)


def _short(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".rstrip("0").rstrip(".")
