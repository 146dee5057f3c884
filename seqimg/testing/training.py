"""A task trained for a moment, and what its contract measures with."""

import atexit
import gc
import shutil
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from seqimg.config import Resolved, TaskConfig, to_toml
from seqimg.data import Batch, Clip, ClipDataset, collate, to_tensor
from seqimg.plugins.manager import plugin_host
from seqimg.task import Seen
from seqimg.testing.checking import require
from seqimg.testing.command_line import Said, run_command

__all__ = ["SMALL", "FewClips", "Trained", "few", "memory_held", "seen", "trained", "written_config"]

SMALL: Mapping[str, object] = {
    "steps": 2,
    "batch_size": 2,
    "validate_every": 2,
    "validation_clips": 2,
    "size": 64,
    "crop": 16,
    "device": "cpu",
}
"""Configuration that makes any task's training a matter of moments."""


@dataclass(frozen=True)
class Trained:
    """A task that was trained for two steps.

    Attributes:
        folder: Where its data are, and its run in `run/`.
        data: What it learnt from, as `--data` takes it.
        said: What `train` said.
    """

    folder: Path
    data: tuple[str, ...]
    said: Said


_KEPT: dict[type, Trained] = {}


def trained(
    key: type, task: str, values: Mapping[str, object], data: Callable[[Path], Sequence[str]]
) -> Trained:
    """Train a task through the command line for two steps, once for each `key`.

    Raises:
        BrokenContractError: Training fails.
    """
    if key not in _KEPT:
        folder = Path(mkdtemp(prefix="seqimg-contract-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        kind: type[TaskConfig] = plugin_host().tasks.load(task, "config")
        named = tuple(map(str, data(folder)))
        path = written_config(folder, task, kind(**{**SMALL, **values, "data": named}))
        said = run_command(task, "train", "--config", path, "-o", folder / "run", folder=folder)
        _KEPT[key] = Trained(folder, named, said)
    made = _KEPT[key]
    require(made.said.code == 0, f"training ends with code {made.said.code}: {made.said.err.strip()}")
    return made


def written_config(folder: Path, task: str, config: TaskConfig) -> Path:
    """Write a configuration as TOML and return the file."""
    sources = dict.fromkeys(config.model_dump(), "flag")
    path = folder / "contract.toml"
    path.write_text(to_toml(task, Resolved(config, sources)), encoding="utf-8")
    return path


class FewClips:
    """A few clips of a data set, evenly spread.

    Args:
        clips: The data set.
        count: Most clips.
    """

    def __init__(self, clips: ClipDataset, count: int) -> None:
        count = min(count, len(clips))
        self._clips, self._places = clips, [number * len(clips) // count for number in range(count)]

    @property
    def owners(self) -> list[int]:
        """For each clip, the index of the sequence it was cut from."""
        owners = self._clips.owners
        return [owners[place] for place in self._places]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Clip:
        return self._clips[self._places[index]]

    def batch(self) -> Batch:
        """Return all of them as a batch."""
        return collate([self[number] for number in range(len(self))])


def few(clips: ClipDataset, count: int) -> FewClips:
    """Return at most `count` clips of a data set, evenly spread.

    Raises:
        BrokenContractError: There are none.
    """
    require(len(clips), "the data give no clip")
    return FewClips(clips, count)


def seen(clip: NDArray[Any], at: Callable[[int], object] = lambda place: None) -> Iterator[Seen]:
    """Yield frames `[T, H, W, C]` as a task is shown them, 25 a second; `at` is called before each."""
    for place, frame in enumerate(clip):
        at(place)
        top = 255 if frame.dtype == "uint8" else 1
        yield Seen(to_tensor(frame, (0, top)), place, place / 25)


class _Held:
    """Bytes that this process holds in tensors and in Python's own memory."""

    def __call__(self) -> int:
        """Return them."""
        gc.collect()
        storages: dict[int, int] = {}
        for thing in gc.get_objects():
            if type(thing) in (Tensor, torch.nn.Parameter):
                # Packed weights have no storage to look at; they do not come with frames.
                with suppress(NotImplementedError, RuntimeError):
                    storage = thing.untyped_storage()
                    storages[storage.data_ptr()] = storage.nbytes()
        python: int = tracemalloc.get_traced_memory()[0]
        return sum(storages.values()) + python

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count what is allocated in the block."""
        already = tracemalloc.is_tracing()
        if not already:
            tracemalloc.start()
        try:
            yield
        finally:
            if not already:
                tracemalloc.stop()


memory_held = _Held()
"""Returns the bytes held in tensors and, within `memory_held.counting()`, by Python."""
