"""Make generated.png and filtered.png of the gallery: `python docs/gallery/pictures.py FOLDER`."""

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from seqimg.cli.main import main
from seqimg.data.generators import Sample, motion, moving_digits, pan, tracks
from seqimg.drawing import outline, write
from seqimg.sequences import open_sequence, save_sequence

__all__ = ["filtered", "generated"]

Pixels = NDArray[np.uint8]
_COLUMNS, _GAP = 6, 4
_OPERATIONS = (
    "",
    "unsharp_mask:radius=3,amount=2",
    "denoise_tv_chambolle:weight=0.2",
    "sobel",
    "canny:sigma=2",
    "local_binary_pattern",
    "superpixels:n_segments=80",
    "turn_hue:degrees=120",
    "equalize_adapthist",
    "temporal_median:frames=9",
    "frame_difference:lag=4",
    "optical_flow:fastest=4",
)


def generated(folder: Path, size: tuple[int, int] = (120, 160)) -> Path:
    """Draw what `seqimg data make` makes: digits, two motions, tracked objects, views with their flow."""
    rows = [_evenly(moving_digits(3, length=16, size=size, seed=0, split="test", digits=3))]
    for index, kind in ((11, "zoom-in"), (0, "appear")):
        rows.append(_evenly(motion(index, length=16, size=size, seed=0, split="test", kind=kind).frames))
    rows.append(_evenly(_boxed(tracks(6, length=24, size=size, seed=4, split="test", noise=0.0))))
    views = [pan(index, length=4, size=size, seed=5, split="test") for index in (0, 12, 5)]
    rows.append([picture for view in views for picture in (view.frames[0], _in_colours(view))])
    return _sheet(rows, folder / "generated.png")


def filtered(folder: Path, size: tuple[int, int] = (120, 160)) -> Path:
    """Draw the last frame of one camera move after each of some operations, with what was typed."""
    frames = pan(12, length=12, size=size, seed=5, split="test").frames
    pictures = []
    with tempfile.TemporaryDirectory() as scratch:
        source = save_sequence(frames, Path(scratch) / "source.npy", fps=10).path
        for number, operation in enumerate(_OPERATIONS):
            out = Path(scratch) / f"{number}.npy"
            if operation and main(
                ["--quiet", "filter", "run", str(source), "--op", operation, "-o", str(out)]
            ):
                raise SystemExit(f"{operation} failed")
            with open_sequence(out if operation else source) as sequence:
                picture = list(sequence)[-1]
            pictures.append(_written(picture, operation.partition(":")[0] or "as it is"))
    rows = [pictures[start : start + 4] for start in range(0, len(pictures), 4)]
    return _sheet(rows, folder / "filtered.png")


def _evenly(frames: Pixels) -> list[Pixels]:
    return [frames[place] for place in np.linspace(0, len(frames) - 1, _COLUMNS).round().astype(int)]


def _boxed(sample: Sample) -> Pixels:
    assert sample.tracks is not None
    drawn = []
    for place, frame in enumerate(sample.frames):
        inside = sample.tracks.frame == place
        corners = torch.from_numpy(sample.tracks.box[inside])
        drawn.append(_pixels(outline(_tensor(frame), corners)))
    return np.stack(drawn)


def _in_colours(view: Sample) -> Pixels:
    """Show the first flow of a sequence: its direction as hue, its length as saturation."""
    assert view.flow is not None
    across, down = np.moveaxis(view.flow.forward[0].astype(np.float64), -1, 0)
    length = np.hypot(across, down)
    hue = (np.arctan2(down, across) / (2 * np.pi) % 1 * 255).astype(np.uint8)
    saturation = (length / max(length.max(), 1e-6) * 255).astype(np.uint8)
    hsv = np.stack([hue, saturation, np.full_like(hue, 255)], axis=-1)
    return np.asarray(Image.merge("HSV", _bands(hsv)).convert("RGB"))


def _bands(pixels: Pixels) -> list[Image.Image]:
    return [Image.fromarray(np.ascontiguousarray(pixels[..., band])) for band in range(3)]


def _written(picture: NDArray[np.generic], words: str) -> Pixels:
    shown = picture if picture.dtype == np.uint8 else np.clip(picture, 0, 255).astype(np.uint8)
    colour = np.repeat(shown, 3, axis=2) if shown.shape[2] == 1 else shown[..., :3]
    return _pixels(write(_tensor(colour), words))


def _tensor(frame: Pixels) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1).float() / 255  # [C, H, W]


def _pixels(frame: torch.Tensor) -> Pixels:
    return (frame.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()


def _sheet(rows: list[list[Pixels]], path: Path) -> Path:
    filled = [[np.repeat(p, 3, axis=2) if p.shape[2] == 1 else p for p in row] for row in rows]
    height, width = filled[0][0].shape[:2]
    down, across = len(filled) * (height + _GAP) - _GAP, len(filled[0]) * (width + _GAP) - _GAP
    sheet = np.full((down, across, 3), 255, np.uint8)
    for row, pictures in enumerate(filled):
        for column, picture in enumerate(pictures):
            top, left = row * (height + _GAP), column * (width + _GAP)
            sheet[top : top + height, left : left + width] = picture
    Image.fromarray(sheet).save(path, optimize=True)
    return path


if __name__ == "__main__":
    for make in (generated, filtered):
        print(make(Path(sys.argv[1])))
