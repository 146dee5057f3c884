"""The file that tells a data set of `seqimg data make` from any other folder."""

import json
from pathlib import Path
from typing import Any

__all__ = ["ARRAY", "BOXES", "FRAMES", "MAKER", "RECORD", "entrance", "made_layout"]

RECORD = "dataset.json"
MAKER = "seqimg data make"
ARRAY, BOXES, FRAMES = "sequences.npy", "annotations.json", "frames"

_MAX_BYTES = 2**20
_ENTRANCES = {"one array": ARRAY, "COCO-VID": BOXES, "flow folders": FRAMES}


def made_layout(folder: Path) -> str | None:
    """Return the layout of a data set that seqimg made, in words; None for any other folder."""
    try:
        with (folder / RECORD).open("rb") as file:
            record: Any = json.loads(file.read(_MAX_BYTES))
        return str(record["layout"]) if record["made_by"] == MAKER else None
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return None


def entrance(path: str) -> str:
    """Return what a data set that seqimg made is read from; any other path or address as it is.

    Example:
        >>> folder = Path(tmp) / "made"
        >>> folder.mkdir()
        >>> _ = (folder / RECORD).write_text('{"made_by": "seqimg data make", "layout": "flow folders"}')
        >>> (folder / "frames").mkdir()
        >>> Path(entrance(str(folder))).name, entrance("./a//b")
        ('frames', './a//b')
    """
    folder = Path(path)
    inside = _ENTRANCES.get(made_layout(folder) or "")
    return str(folder / inside) if inside and (folder / inside).exists() else path
