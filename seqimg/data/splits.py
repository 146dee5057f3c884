"""What is for training, validation and testing: whole sequences, or parts of each."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Literal

from seqimg.data.generators.generator import Split
from seqimg.data.items import Item
from seqimg.errors import SeqimgError

__all__ = ["Part", "overlapping", "part_span", "split_sequences"]

Part = Literal["all", "train", "val", "test"]
"""Share of each sequence: training, validation and test follow one another in time."""


def part_span(frames: int, part: Part, *, holdout: float, validation: float, length: int) -> range:
    """Return the frames of a sequence that belong to a part.

    The last `holdout` of the frames are for testing. Of the rest the last `validation` are for
    validation, at least one window if that leaves as much for training.

    Example:
        >>> [part_span(100, p, holdout=0.3, validation=0.1, length=10) for p in ("train", "val", "test")]
        [range(0, 60), range(60, 70), range(70, 100)]
    """
    test = frames - round(frames * holdout)
    val = test - round(test * validation)
    if validation > 0 and test >= 2 * length:
        val = min(val, test - length)
    return {"all": range(frames), "train": range(val), "val": range(val, test), "test": range(test, frames)}[
        part
    ]


def split_sequences(
    items: Sequence[Item], *, holdout: float, validation: float, balanced: int | None = None
) -> tuple[Split, ...]:
    """Put every sequence into one part, windows of one never into two.

    What the makers of a data set decided holds. Else sequences go by a hash of their names: the same ones
    for every seed, machine and order. Of what is for training, `validation` chooses the best model; if
    the makers have a part for validation but none for testing, theirs is for testing. Several items of
    one file stay together.

    Args:
        items: The sequences.
        holdout: Share that is for testing, where the makers have no such part.
        validation: Share of the rest that is for validation, where they have none.
        balanced: Take these shares of each class, the sequences drawn by this seed; None goes by their names.

    Raises:
        SeqimgError: There is only one sequence, or one without a class where classes are to be balanced.

    Example:
        >>> items = [Item(f"{name}.mp4", name=name) for name in "abcdefghij"]
        >>> parts = split_sequences(items, holdout=0.3, validation=0.2)
        >>> parts.count("train"), parts.count("val"), parts.count("test")
        (6, 1, 3)
    """
    order = _key(items) if balanced is None else _drawn(items, balanced)
    groups = _of_one_class(items) if balanced is not None else {item.path: 0 for item in items}
    own = {item.split for item in items} - {None}
    if len(own) < 2:  # one part alone says nothing about the others
        parts: dict[str, Split] = dict.fromkeys(sorted({item.path for item in items}, key=order), "train")
        if len(parts) < 2:
            raise SeqimgError(
                f"{items[0].path} is one sequence, which cannot be split by sequences",
                why="no window of a sequence may be in two parts",
                hint="--split time",
            )
        _take(parts, holdout, "test", groups)
        _take(parts, validation, "val", groups)
        return tuple(parts[item.path] for item in items)
    renamed: dict[Split, Split] = {"val": "test"} if "test" not in own else {}
    stated = {item.path: renamed.get(item.split, item.split) if item.split else "train" for item in items}
    if "val" not in stated.values():
        train = sorted((path for path, part in stated.items() if part == "train"), key=order)
        free: dict[str, Split] = dict.fromkeys(train, "train")
        _take(free, validation, "val", groups)
        stated |= free
    return tuple(stated[item.path] for item in items)


def overlapping(named: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return those of the named paths that lie in a known one, hold one, or are one.

    Example:
        >>> overlapping(["set/run", "a.mp4", "other"], ["set", "a.mp4", "b.mp4"])
        ['set/run', 'a.mp4']
    """
    places = [Path(path).absolute() for path in known]
    found = []
    for path in named:
        place = Path(path).absolute()
        if any(place.is_relative_to(other) or other.is_relative_to(place) for other in places):
            found.append(path)
    return found


def _key(items: Sequence[Item]) -> Callable[[str], tuple[bytes, str]]:
    """Return by what paths are sorted: a hash of their names, so that it is the same wherever the data lie."""
    names = {item.path: item.name or item.path for item in items}
    return lambda path: (sha256(names[path].encode(errors="surrogateescape")).digest(), path)


def _drawn(items: Sequence[Item], seed: int) -> Callable[[str], tuple[bytes, str]]:
    """Return by what paths are sorted: a hash of the seed and their names."""
    names = {item.path: f"{seed} {item.name or item.path}" for item in items}
    return lambda path: (sha256(names[path].encode(errors="surrogateescape")).digest(), path)


def _of_one_class(items: Sequence[Item]) -> dict[str, object]:
    """Return what each path's class is, or all its classes; a file of several sequences has those of the first."""
    bare = next((item for item in items if item.label is None), None)
    if bare is not None:
        raise SeqimgError(
            f"{bare.path} has no class",
            why="every sequence needs one where classes are balanced",
            hint="--split auto",
        )
    return {item.path: item.label for item in reversed(items)}


def _take(parts: dict[str, Split], share: float, part: Split, groups: Mapping[str, object]) -> None:
    """Move a share of what is for training to another part, of each group alike: never all of one."""
    free: dict[object, list[str]] = {}
    for path, now in parts.items():
        if now == "train":
            free.setdefault(groups[path], []).append(path)
    least = 1 if len(free) == 1 else 0
    for paths in free.values():
        count = min(max(round(len(paths) * share), least), len(paths) - 1) if share > 0 else 0
        for path in paths[:count]:
            parts[path] = part
