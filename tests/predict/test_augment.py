"""Augmented clips: exact symmetries of what was there, repeatable, and nothing else."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from seqimg.data import Clip, ClipSource
from seqimg_predict.augment import Augmented
from seqimg_predict.config import PredictConfig
from seqimg_predict.task import PredictTask
from tests.predict.clips import drifting


class _Clips:
    """One clip under many numbers."""

    def __init__(self, size: tuple[int, int] = (6, 6)) -> None:
        self.clip = Clip(drifting(1, 4, 2, size)[0], ClipSource("a", first=3))
        self.owners = [0] * 64

    def __len__(self) -> int:
        return 64

    def __getitem__(self, index: int) -> Clip:
        return replace(self.clip)


def _symmetries(frames: torch.Tensor, ways: tuple[str, ...]) -> dict[bytes, int]:
    turned = [frames, frames.flip(-2), frames.mT, frames.flip(-2).mT] if "turn" in ways else [frames]
    both = [*turned, *(f.flip(0) for f in turned)] if "reverse" in ways else turned
    return {f.contiguous().numpy().tobytes(): number for number, f in enumerate(both)}


@pytest.mark.parametrize("ways", [("turn",), ("reverse",), ("turn", "reverse")])
def test_every_symmetry_comes_up_and_nothing_else(ways: tuple[str, ...]) -> None:
    clips = _Clips()
    known = _symmetries(clips.clip.frames, ways)
    augmented = Augmented(clips, ways, seed=0)
    counts = Counter(known[augmented[number].frames.numpy().tobytes()] for number in range(200))
    assert len(counts) == len(known)
    assert min(counts.values()) > 200 / len(known) / 3


def test_a_clip_depends_on_seed_and_number_alone() -> None:
    first, again, other = (Augmented(_Clips(), ("turn", "reverse"), seed) for seed in (1, 1, 2))
    assert all(torch.equal(first[n].frames, again[n].frames) for n in range(40))
    assert any(not torch.equal(first[n].frames, other[n].frames) for n in range(40))
    assert (len(first), first.owners, first[7].source.first) == (64, [0] * 64, 3)


def test_a_clip_that_is_not_square_keeps_its_shape() -> None:
    augmented = Augmented(_Clips((4, 6)), ("turn",), seed=0)
    assert {tuple(augmented[number].frames.shape) for number in range(40)} == {(4, 2, 4, 6)}


def test_only_training_on_sequences_is_augmented(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", drifting(1, 60, 1, (12, 12))[0].permute(0, 2, 3, 1).numpy())

    def task(**values: object) -> PredictTask:
        return PredictTask(PredictConfig(**{"context": 2, "horizon": 2, **values}))  # type: ignore[arg-type]

    real = task(data=(str(tmp_path / "a.npy"),)).datasets()
    assert isinstance(real.train, Augmented)
    assert not isinstance(real.val, Augmented)
    assert not isinstance(real.test, Augmented)
    plain = task(data=(str(tmp_path / "a.npy"),), augment=()).datasets()
    assert not isinstance(plain.train, Augmented)
    assert not isinstance(task(data=("demo:pans",)).datasets().train, Augmented)
