"""Data sets that are one archive of arrays: TaxiBJ, OpenSTL's own, PredRNN; pickles are refused.

| layout | file | arrays |
|---|---|---|
| `xy-npz` | TaxiBJ's `dataset.npz`, OpenSTL's converted | `X_train, Y_train, X_val, …`, each `[N, T, C, H, W]` |
| `predrnn` | `moving-mnist-train.npz` | `clips [2, N, 2]` (first, frames), `input_raw_data [frames, C, H, W]` |
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqimg.config import ReadingConfig
from seqimg.data.generators.generator import Split
from seqimg.data.items import Item
from seqimg.data.layouts.base import Found, Layout
from seqimg.data.layouts.stacks import Stack, StackSequence, member_names, stack_info, value_range
from seqimg.errors import UsageError
from seqimg.sequences.base import SequenceError

__all__ = ["PICKLE", "PREDRNN", "XY_NPZ", "checked_count", "stack_opened"]

_MAX_CLIPS = 2_000_000


def stack_opened(
    path: str,
    stack: Stack,
    size: tuple[int, int, int],
    count: int,
    limits: tuple[float, float],
    frame: Callable[[int], NDArray[np.generic]],
    reading: ReadingConfig,
) -> StackSequence:
    """Open a sequence of `count` frames that `frame` gets out of a stack one by one."""
    return StackSequence(stack_info(path, stack, size, count, limits, reading), frame)


def checked_count(path: Path, count: int) -> int:
    """Return the number of sequences in a file, if it is not absurd.

    Raises:
        SequenceError: It is.
    """
    if count > _MAX_CLIPS:
        raise SequenceError(f"cannot read {path}", why=f"it has more than {_MAX_CLIPS:,} sequences")
    return count


def _npz(path: Path, *names: str) -> bool:
    return path.suffix.lower() == ".npz" and path.is_file() and set(names) <= set(member_names(path))


def _detect_xy(path: Path) -> str | None:
    return "arrays X_train and Y_train" if _npz(path, "X_train", "Y_train") else None


def _xy(path: Path, found: Found) -> None:
    names = member_names(path)
    splits: tuple[Split, ...] = ("train", "val", "test")
    pairs = {
        split: (Stack.open(path, f"X_{split}"), Stack.open(path, f"Y_{split}"))
        for split in splits
        if {f"X_{split}", f"Y_{split}"} <= set(names)
    }
    if not pairs:
        raise SequenceError(
            f"{path} has no arrays X_train and Y_train", why=f"its arrays: {', '.join(names[:8])}"
        )
    limits, how = value_range([stack for pair in pairs.values() for stack in pair], found.reading)
    for split, (past, future) in pairs.items():
        if not _fit(past.shape, future.shape):
            raise SequenceError(
                f"X_{split} and Y_{split} of {path} do not fit",
                why=f"their shapes are {past.shape} and {future.shape}; [N, T, C, H, W] is needed",
            )
        channels, height, width = past.shape[2:]
        for sample in range(checked_count(path, past.shape[0])):
            name = f"{path}[{split}][{sample}]"
            count = past.shape[1] + future.shape[1]
            frame = partial(_xy_frame, past, future, sample)
            opener = partial(stack_opened, name, past, (height, width, channels), count, limits, frame)
            found.items.append(Item(name, name=f"{split}/{sample}", split=split, opener=opener, cheap=True))
    found.detail = f"each X and then its Y, {how}"


def _fit(past: tuple[int, ...], future: tuple[int, ...]) -> bool:
    return len(past) == len(future) == 5 and past[0] == future[0] and past[2:] == future[2:]


def _xy_frame(past: Stack, future: Stack, sample: int, time: int) -> NDArray[np.generic]:
    seen = past.shape[1]
    frame = past.read(sample, time) if time < seen else future.read(sample, time - seen)
    return frame.transpose(1, 2, 0)


def _detect_predrnn(path: Path) -> str | None:
    return "arrays clips and input_raw_data" if _npz(path, "clips", "input_raw_data") else None


def _predrnn(path: Path, found: Found) -> None:
    names = member_names(path)
    clips, frames = Stack.open(path, "clips"), Stack.open(path, "input_raw_data")
    later = Stack.open(path, "output_raw_data") if "output_raw_data" in names else frames
    shaped = len(clips.shape) == 3 and clips.shape[0::2] == (2, 2) and len(frames.shape) == 4
    if not shaped or later.shape[1:] != frames.shape[1:]:
        raise SequenceError(
            f"{path} is no PredRNN file",
            why=f"clips is {clips.shape} and input_raw_data {frames.shape}; [2, N, 2] and [frames, C, H, W] are needed",
        )
    limits, how = value_range([frames] if later is frames else [frames, later], found.reading)
    table = np.stack([clips.read(half) for half in range(2)]).astype(np.int64)
    channels, height, width = frames.shape[1:]
    for number in range(checked_count(path, clips.shape[1])):
        (first, count), (second, more) = table[:, number].tolist()
        name = f"{path}[{number}]"
        if (
            min(first, count, second, more) < 0
            or first + count > len_of(frames)
            or second + more > len_of(later)
        ):
            found.refuse(
                SequenceError(f"{name} is not there", why=f"it names frames beyond {len_of(frames)}")
            )
            continue
        frame = partial(_predrnn_frame, frames, later, first, count, second)
        opener = partial(stack_opened, name, frames, (height, width, channels), count + more, limits, frame)
        found.items.append(Item(name, name=str(number), opener=opener, cheap=True))
    found.detail = f"each input and then its output, {how}"


def len_of(stack: Stack) -> int:
    """Return the size of the first axis."""
    return stack.shape[0]


def _predrnn_frame(
    frames: Stack, later: Stack, first: int, count: int, second: int, time: int
) -> NDArray[np.generic]:
    frame = frames.read(first + time) if time < count else later.read(second + time - count)
    return frame.transpose(1, 2, 0)


def _detect_pickle(path: Path) -> str | None:
    return "a pickle" if path.is_file() and path.suffix.lower() in (".pkl", ".pickle") else None


def _refuse_pickle(path: Path, found: Found) -> None:
    convert = "import pickle, numpy; numpy.savez('dataset.npz', **pickle.load(open('dataset.pkl', 'rb')))"
    raise UsageError(
        f"{path} is refused",
        why="it is a pickle: reading one runs whatever code it holds",
        hint=f'where you trust it, python -c "{convert}", then dataset.npz',
    )


XY_NPZ = Layout("xy-npz", "TaxiBJ and OpenSTL npz: X_train, Y_train, X_test, …", _detect_xy, _xy)
PREDRNN = Layout("predrnn", "PredRNN npz: clips, input_raw_data", _detect_predrnn, _predrnn)
PICKLE = Layout("pickle", "never read", _detect_pickle, _refuse_pickle)
