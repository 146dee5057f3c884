"""Generated data sets on disk: sequences, and beside them what is known of them, in layouts that readers know."""

import platform
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np

from seqimg import __version__
from seqimg.data.generators.generator import Split, check_request
from seqimg.data.generators.made_layouts import (
    ClassFolders,
    CocoVideos,
    FlowFolders,
    Layout,
    MotFolders,
    OneArray,
    Plain,
)
from seqimg.data.generators.record import MAKER, RECORD, made_layout
from seqimg.data.generators.requests import batch_of, checked_options, make_sample
from seqimg.data.generators.samples import Sample
from seqimg.errors import SeqimgError, UsageError
from seqimg.plugins.manager import plugin_host
from seqimg.publish import publish_folder, write_json

__all__ = ["Made", "MakeRequest", "make_dataset"]

_TOGETHER = 2**22  # bytes of frames made at a time where a generator makes many sequences at once
_MOST = 1_000_000


@dataclass(frozen=True)
class MakeRequest:
    """What to make.

    Attributes:
        name: The generator.
        count: Number of sequences.
        length: Frames of each.
        size: Height and width in pixels.
        seed: Seed of everything drawn.
        split: Which photographs or glyphs.
        options: The generator's own options, as text.
        format: `frames` for PNG folders, or the ending of a file format without its dot; None for the one
            that suits what is made.
        boxes: Layout of sequences with boxes.
        fps: Frames a second of videos.
    """

    name: str
    count: int
    length: int = 20
    size: tuple[int, int] = (64, 64)
    seed: int = 0
    split: Split = "train"
    options: Mapping[str, str] = field(default_factory=dict)
    format: str | None = None
    boxes: Literal["coco-vid", "mot"] = "coco-vid"
    fps: float = 10.0


@dataclass(frozen=True)
class Made:
    """What was made.

    Attributes:
        folder: The data set.
        open: The one file or folder in it to look at first.
        layout: How it is laid out, in words.
        sequences: Number of sequences.
        frames: Number of all frames.
        classes: Sequences of each class.
        boxes: Number of boxes.
    """

    folder: Path
    open: Path
    layout: str
    sequences: int
    frames: int
    classes: dict[str, int]
    boxes: int


def make_dataset(
    request: MakeRequest,
    folder: Path,
    *,
    overwrite: bool = False,
    begin: Callable[[], None] = lambda: None,
    advance: Callable[[int], None] = lambda count: None,
) -> Made:
    """Write a generated data set; it appears whole or not at all.

    Sequences are made and written one after the other (small ones some at a time): memory does not grow with
    their number. With the same request, files of pixels are the same byte for byte.

    Args:
        request: What to make.
        folder: Where to.
        overwrite: Whether a data set made before may be replaced; nothing else ever is.
        begin: Called when all that can be checked before is.
        advance: Called with the number of sequences that are done since it was last called.

    Raises:
        UsageError: Something of the request is out of its range.
        SeqimgError: The folder exists or cannot be written, or there is too little space.

    Example:
        >>> request = MakeRequest("motion", count=2, length=4, size=(32, 32), format="frames")
        >>> made = make_dataset(request, Path(tmp) / "motion")
        >>> made.layout, made.classes
        ('class folders', {'pan-right': 1, 'pan-left': 1})
        >>> sorted(path.name for path in (Path(tmp) / "motion" / "pan-left" / "000002").iterdir())[0]
        'frame_000001.png'
    """
    options = checked_options(request.name, request.options)
    _check(request)
    if overwrite:
        _check_replaceable(folder)
    samples = _samples(request, options)
    with publish_folder(folder, overwrite=overwrite) as temporary:
        first = next(samples)
        layout = _layout(request, first, temporary)
        classes: dict[str, int] = {}
        boxes = 0
        with layout:
            _check_room(folder, layout.known_bytes())
            begin()
            for number, sample in _numbered(first, samples):
                layout.write(number, sample)
                if number == 1:
                    _check_room(folder, _written(temporary) * (request.count - 1))
                if sample.label is not None:
                    classes[sample.label] = classes.get(sample.label, 0) + 1
                boxes += 0 if sample.tracks is None else len(sample.tracks.frame)
                advance(1)
        write_json(temporary / RECORD, _record(request, layout, classes))
    return Made(
        folder=folder,
        open=folder / layout.shown,
        layout=layout.name,
        sequences=request.count,
        frames=request.count * request.length,
        classes=classes,
        boxes=boxes,
    )


def _check(request: MakeRequest) -> None:
    if not 1 <= request.count <= _MOST:
        raise UsageError(f"count is {request.count}", why=f"it must be 1 to {_MOST:,}")
    check_request(
        0, length=request.length, size=request.size, seed=request.seed, split=request.split, channels=1
    )


def _samples(request: MakeRequest, options: Mapping[str, Any]) -> Iterator[Sample]:
    common: dict[str, Any] = {
        "length": request.length,
        "size": request.size,
        "seed": request.seed,
        "split": request.split,
    }
    batch = batch_of(request.name, options)
    if batch is None:
        generator = partial(plugin_host().datasets.load(request.name), **options)
        for index in range(request.count):
            yield make_sample(generator, index, **common)
        return
    together = max(1, _TOGETHER // (request.length * request.size[0] * request.size[1]))
    for first in range(0, request.count, together):
        yield from map(Sample, batch(range(first, min(first + together, request.count)), **common))


def _numbered(first: Sample, rest: Iterator[Sample]) -> Iterator[tuple[int, Sample]]:
    yield 1, first
    yield from enumerate(rest, start=2)


def _layout(request: MakeRequest, sample: Sample, folder: Path) -> Layout:
    """Return the layout for what a generator knows of its sequences."""
    wanted = request.format
    if sample.tracks is not None:
        if request.boxes == "mot":
            if wanted not in (None, "frames"):
                raise UsageError(f"MOT challenge folders cannot hold {wanted}", why="they hold frames")
            return MotFolders(folder, "frames", request.fps)
        return CocoVideos(folder, wanted or "mp4", request.fps)
    if sample.label is not None:
        return ClassFolders(folder, wanted or "mp4", request.fps)
    if sample.flow is not None:
        return FlowFolders(folder, wanted or "frames", request.fps)
    if wanted == "npy" or (wanted is None and sample.frames.shape[-1] == 1):
        return OneArray(folder, request.count, sample)
    return Plain(folder, wanted or "mp4", request.fps)


def _check_room(folder: Path, needed: int) -> None:
    parent = next(path for path in [folder.absolute(), *folder.absolute().parents] if path.exists())
    free = shutil.disk_usage(parent).free
    if needed > free:
        raise SeqimgError(
            f"{folder} needs {needed / 1e9:,.1f} GB, there are {free / 1e9:,.1f} GB free",
            why="nothing is begun that cannot be finished",
            hint="fewer, shorter or smaller sequences, or another disk",
        )


def _written(folder: Path) -> int:
    return sum(item.stat().st_size for item in folder.rglob("*") if item.is_file())


def _check_replaceable(folder: Path) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if made_layout(folder) is None:
        raise SeqimgError(
            f"{folder} exists and is no data set made by seqimg",
            why="nothing else is replaced",
            hint="another folder",
        )


def _record(request: MakeRequest, layout: Layout, classes: Mapping[str, int]) -> dict[str, Any]:
    return {
        "made_by": MAKER,
        "layout": layout.name,
        "classes": dict(classes),
        "request": {**asdict(request), "options": dict(request.options), "format": layout.format},
        "versions": {
            "seqimg": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            **{name: metadata.version(name) for name in ("pillow", "scikit-image", "av")},
        },
    }
