"""Tasks, clips and sequences for tests of classification."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from seqimg.data import Batch, Clip, ClipSource, collate
from seqimg.sequences import save_sequence
from seqimg_classify.config import ClassifyConfig
from seqimg_classify.task import ClassifyTask

__all__ = ["CLASSES", "batch_of", "task_of", "videos"]

CLASSES = ("a", "b", "c")


def task_of(**values: object) -> ClassifyTask:
    """A small task of three classes, settled."""
    settled = {
        "frames": 8,
        "classes": CLASSES,
        "class_counts": (5, 3, 2),
        "clips": 10,
        "channels": 3,
        "picture": (12, 16),
    }
    return ClassifyTask(ClassifyConfig(**{"widths": (4, 6), "units": 8, **settled, **values}))  # type: ignore[arg-type]


def batch_of(*lengths: int, size: tuple[int, int] = (12, 16), seed: int = 0, several: bool = False) -> Batch:
    """Random clips of the given lengths, of the classes in turn."""
    random = torch.Generator().manual_seed(seed)
    clips = []
    for number, length in enumerate(lengths):
        frames = torch.rand(length, 3, *size, generator=random)
        label = torch.eye(3)[number % 3] if several else number % 3
        clips.append(Clip(frames, ClipSource(f"{number}.mp4", first=0), label=label))
    return collate(clips)


def videos(folder: Path, counts: Sequence[int], *, frames: int = 6, side: int = 16) -> Path:
    """Write class folders a, b, c, … of grey noise, brighter from class to class."""
    random = np.random.default_rng(0)
    for number, count in enumerate(counts):
        for which in range(count):
            name = folder / "abcdefgh"[number] / f"{which}.npy"
            name.parent.mkdir(parents=True, exist_ok=True)
            noise = random.integers(0, 60, (frames, side, side, 1)) + 40 * number
            save_sequence(noise.astype(np.uint8), name)
    return folder
