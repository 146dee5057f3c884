"""Pictures for the report: who is taken for whom, and clips with what was said of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import torch
from torch import Tensor

from seqimg.data import resize, to_frame
from seqimg.drawing import write

__all__ = ["Sheet", "confusion_png"]

_NUMBERED = 20  # classes up to which the matrix has numbers
_NAMED = 60  # and names
_LONGEST = 24  # letters of a name
_TILE = 128  # pixels of a frame's longer side in the sheet
_WRONG, _RIGHT = 8, 4
_GAP = 6
_COLUMNS = 6  # frames beside each other
_GREEN, _RED = (0.45, 0.95, 0.5), (1.0, 0.55, 0.45)


def confusion_png(matrix: Tensor, classes: Sequence[str]) -> bytes:
    """Draw a confusion matrix.

    Args:
        matrix: `[K, K]` counts, rows what is right, columns what was said.
        classes: Their names.

    Returns:
        A PNG file.

    Example:
        >>> confusion_png(torch.tensor([[3, 1], [0, 4]]), ("run", "walk"))[1:4]
        b'PNG'
    """
    from matplotlib.figure import Figure

    count = len(classes)
    shares = (matrix / matrix.sum(1, keepdim=True).clamp(min=1)).numpy()
    names = [name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…" for name in classes]
    side = min(max(3.2, 1.2 + 0.42 * count), 11.0)
    figure = Figure(figsize=(side + 1.0, side), layout="constrained", dpi=110)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if count <= _NAMED:
        size = 9 if count <= _NUMBERED else 6
        axes.set_xticks(range(count), names, rotation=60, ha="right", rotation_mode="anchor", fontsize=size)
        axes.set_yticks(range(count), names, fontsize=size)
    axes.set_xlabel("said")
    axes.set_ylabel("right")
    if count <= _NUMBERED:
        for row in range(count):
            for column in range(count):
                if int(matrix[row, column]):
                    colour = "white" if shares[row, column] > 0.5 else "black"
                    text = str(int(matrix[row, column]))
                    axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03, label="share of the class's clips")
    file = BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


@dataclass(frozen=True)
class _Shown:
    doubt: float
    tiles: Tensor  # [1 to 3, 3, h, w]


class Sheet:
    """Keeps the clips that were answered most wrongly, and the first ones answered rightly.

    Args:
        classes: Names of the classes.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = classes
        self._wrong: list[_Shown] = []
        self._right: list[_Shown] = []

    def add(self, frames: Tensor, lengths: Tensor, scores: Tensor, labels: Tensor) -> None:
        """Look at a batch: frames `[n, T, C, H, W]`, scores `[n, K]`, labels `[n]`."""
        if labels.dim() == 2:
            return
        for item, (length, label) in enumerate(zip(lengths.tolist(), labels.tolist(), strict=True)):
            said = int(scores[item].argmax())
            sure = float(scores[item, said])
            if said == label and len(self._right) >= _RIGHT:
                continue
            if said != label and len(self._wrong) >= _WRONG and sure <= self._wrong[-1].doubt:
                continue
            shown = _Shown(sure, self._tiles(frames[item, :length], said, label, sure))
            if said == label:
                self._right.append(shown)
            else:
                self._wrong = sorted([*self._wrong, shown], key=lambda one: -one.doubt)[:_WRONG]

    def picture(self) -> bytes | None:
        """Return a PNG of all kept clips, side by side; None if there is none."""
        from PIL import Image

        kept = [one.tiles for one in (*self._wrong, *self._right)]
        if not kept:
            return None
        height, width = (max(tiles.shape[side] for tiles in kept) for side in (-2, -1))
        most = max(len(tiles) for tiles in kept)
        columns = max(1, _COLUMNS // most)
        down, across = height + _GAP, most * (width + 2) + 2 * _GAP
        sheet = torch.ones(3, -(-len(kept) // columns) * down, min(columns, len(kept)) * across)
        for number, tiles in enumerate(kept):
            top = number // columns * down
            for place, tile in enumerate(tiles):
                left = number % columns * across + place * (width + 2)
                sheet[:, top : top + tile.shape[-2], left : left + tile.shape[-1]] = tile
        file = BytesIO()
        Image.fromarray(to_frame(sheet, "uint8", (0, 255))).save(file, "PNG")
        return file.getvalue()

    def _tiles(self, frames: Tensor, said: int, label: int, sure: float) -> Tensor:
        places = sorted({0, (len(frames) - 1) // 2, len(frames) - 1})
        scale = _TILE / max(frames.shape[-2:])
        size = (max(16, round(frames.shape[-2] * scale)), max(16, round(frames.shape[-1] * scale)))
        small = resize(frames[places].float().cpu(), size).clamp(0, 1)
        small = small[:, :3] if small.shape[1] >= 3 else small[:, :1].expand(-1, 3, -1, -1)
        text = f"{self._classes[said]} {sure:.2f}"
        if said != label:
            text += f"\nis {self._classes[label]}"
        first = write(small[0], text, at=(2, 2), colour=_GREEN if said == label else _RED)
        return torch.stack([first, *small[1:]])
