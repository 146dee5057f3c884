"""Classes of data matched with those of a model: by name, whatever their order in either."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.utils.data import Dataset

from seqimg.data.clips import Clip
from seqimg.data.datasets import ClipDataset, Datasets
from seqimg.data.windows import WindowDataset
from seqimg.errors import SeqimgError, did_you_mean

__all__ = ["Matched", "class_counts", "clip_count", "known_labels", "labels_of", "with_classes"]

_NAMED = 8  # classes that a message lists

Label = int | tuple[int, ...] | Tensor | None


class Matched(Dataset[Clip]):
    """Clips whose labels, and those of their boxes, are places in another list of classes.

    Args:
        clips: The clips to relabel.
        classes: Names of the classes that their labels stand for.
        wanted: Names that they are to stand for.
        several: Whether a clip may have any number of classes: its label becomes `[classes]` float32, 1 for each.

    Raises:
        SeqimgError: A clip that is read has a class which is not wanted, or several where it may have one.

    Example:
        >>> from seqimg.data import ClipSource
        >>> class One:
        ...     owners = [0]
        ...     def __len__(self):
        ...         return 1
        ...     def __getitem__(self, index):
        ...         return Clip(torch.zeros(2, 1, 8, 8), ClipSource("a", 0), label=0)
        >>> Matched(One(), ("run", "walk"), ("walk", "run"))[0].label
        1
    """

    def __init__(
        self, clips: ClipDataset, classes: Sequence[str], wanted: Sequence[str], *, several: bool = False
    ) -> None:
        self.clips, self.several = clips, several
        self._classes, self._wanted = tuple(classes), tuple(wanted)
        places = {name: place for place, name in enumerate(wanted)}
        self._numbers = torch.tensor([places.get(name, -1) for name in classes], dtype=torch.int64)

    @property
    def owners(self) -> list[int]:
        """For each clip, the index of its sequence."""
        return self.clips.owners

    @property
    def lengths(self) -> list[int] | None:
        """For each clip, its number of frames, if the data set knows."""
        return getattr(self.clips, "lengths", None)

    @property
    def sizes(self) -> list[tuple[int, int]] | None:
        """For each clip, height and width of its frames, if the data set knows."""
        return getattr(self.clips, "sizes", None)

    @property
    def streamed(self) -> bool:
        """Whether clips follow one another, and have an answer at the end of their sequence only."""
        return getattr(self.clips, "streamed", False)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> Clip:
        clip = self.clips[index]
        boxes = clip.boxes
        if boxes is not None and len(boxes):
            boxes = replace(boxes, labels=self._matched(boxes.labels, clip.source.path))
        return replace(clip, label=self._label(clip), boxes=boxes)

    def label(self, label: Label, path: str) -> Label:
        """Return what a label of the data becomes.

        Args:
            label: A class of the data, several, `[classes]` float32 shares, or None.
            path: Whose it is, for messages.

        Returns:
            The same of the model's classes; `[classes]` float32, 1 for each, where a clip may have several.

        Raises:
            SeqimgError: A class is not wanted, or there are several where there may be one.
        """
        if label is None or isinstance(label, Tensor):
            return label
        several = (label,) if isinstance(label, int) else label
        numbers = [int(number) for number in self._matched(torch.tensor(several, dtype=torch.int64), path)]
        if self.several:
            return torch.zeros(len(self._wanted)).index_fill_(
                0, torch.tensor(numbers, dtype=torch.int64), 1.0
            )
        if len(numbers) != 1:
            raise SeqimgError(
                f"{path} has {len(numbers) or 'no'} classes",
                why="each sequence needs one where classes exclude each other",
                hint="--several, for a model that answers each class by itself",
            )
        return numbers[0]

    def _label(self, clip: Clip) -> Label:
        return self.label(clip.label, clip.source.path)

    def _matched(self, labels: Tensor, path: str) -> Tensor:
        found = self._numbers[labels]
        if bool((found < 0).any()):
            name = self._classes[int(labels[found < 0][0])]
            raise _unknown_class(name, self._wanted, path)
        return found


def with_classes(data: Datasets, wanted: Sequence[str], *, several: bool = False) -> Datasets:
    """Return data sets whose labels are places in a list of classes, those of a model.

    Args:
        data: The data sets.
        wanted: Names of the classes.
        several: Whether a clip may have any number of them.

    Raises:
        SeqimgError: The data have no classes, or a sequence is of one that is not wanted.

    Example:
        >>> from seqimg.config import TaskConfig
        >>> from seqimg.data import window_datasets
        >>> data = window_datasets(TaskConfig(data=("demo:motion",), crop=16), length=2, step=2)
        >>> turned = with_classes(data, data.classes[::-1])
        >>> data.test[0].label, turned.test[0].label
        (0, 7)
    """
    if not data.classes:
        raise SeqimgError(
            "these data have no classes",
            why=data.readings[0] if data.readings else None,
            hint="--layout class-folders, or a list with lines `path class`",
        )
    matched = [
        Matched(part, data.classes, wanted, several=several) for part in (data.train, data.val, data.test)
    ]
    for part in matched:
        for path, label in known_labels(part.clips):
            part.label(label, path)  # what is wrong is said before any work
        for path, name in _box_classes(part.clips, data.classes):
            if name not in wanted:
                raise _unknown_class(name, wanted, path)
    train, val, test = matched
    return replace(data, train=train, val=val, test=test, classes=tuple(wanted))


def labels_of(clips: ClipDataset) -> list[Label] | None:
    """Return the label of each clip if that can be told without reading frames, as the data set itself has it.

    Args:
        clips: The clips.

    Returns:
        For each a number, several, `[classes]` float32 shares, or None.

    Example:
        >>> from seqimg.config import TaskConfig
        >>> from seqimg.data import window_datasets
        >>> data = window_datasets(TaskConfig(data=("demo:motion",), crop=16), length=2, step=2)
        >>> labels_of(data.train) is None  # they are generated
        True
    """
    if isinstance(clips, Matched):
        own = labels_of(clips.clips)
        return None if own is None else [clips.label(label, "a sequence") for label in own]
    if isinstance(clips, WindowDataset):
        return [clips.stores[owner].item.label for owner in clips.owners]
    return None


def class_counts(clips: ClipDataset, classes: int) -> tuple[int, ...]:
    """Return how many clips each class has; generated data have about as many of each, and count as one each.

    A clip of several classes counts for each of them.

    Args:
        clips: The clips.
        classes: How many classes there are.

    Example:
        >>> from seqimg.config import TaskConfig
        >>> from seqimg.data import window_datasets
        >>> data = window_datasets(TaskConfig(data=("demo:motion",), crop=16), length=2, step=2)
        >>> class_counts(data.train, 3)
        (1, 1, 1)
    """
    labels = labels_of(clips)
    if labels is None:
        return (1,) * classes
    counts: Counter[int] = Counter()
    for label in labels:
        if isinstance(label, Tensor):
            counts.update(label.nonzero().flatten().tolist())
        elif label is not None:
            counts.update(label if isinstance(label, tuple) else (label,))
    return tuple(counts[number] for number in range(classes))


def clip_count(clips: ClipDataset, classes: int) -> int:
    """Return how many clips `class_counts` has counted, of generated data one of each class.

    Args:
        clips: The clips.
        classes: How many classes there are.

    Example:
        >>> from seqimg.config import TaskConfig
        >>> from seqimg.data import window_datasets
        >>> data = window_datasets(TaskConfig(data=("demo:motion",), crop=16), length=2, step=2)
        >>> clip_count(data.train, 3)
        3
    """
    labels = labels_of(clips)
    return classes if labels is None else sum(label is not None for label in labels)


def _unknown_class(name: str, wanted: Sequence[str], path: str) -> SeqimgError:
    """Return the error about a class that a model does not know."""
    near = did_you_mean(name, wanted)
    more = ", …" if len(wanted) > _NAMED else ""
    return SeqimgError(
        f"{path} is of class {name!r}, which the model does not know",
        why=f"its {len(wanted)} classes: {', '.join(wanted[:_NAMED])}{more}",
        hint=f"call it {near!r}, if that is what it is" if near else None,
    )


def known_labels(clips: ClipDataset) -> Iterator[tuple[str, Label]]:
    """Yield the path of each sequence that has clips, and its label as the data have it, if that can be told.

    Args:
        clips: The clips.

    Yields:
        Path and label: a number, several, `[classes]` float32 shares, or None.

    Example:
        >>> from seqimg.config import TaskConfig
        >>> from seqimg.data import window_datasets
        >>> data = window_datasets(TaskConfig(data=("demo:motion",), crop=16), length=2, step=2)
        >>> list(known_labels(data.train))  # they are generated
        []
    """
    if isinstance(clips, Matched):
        clips = clips.clips
    if isinstance(clips, WindowDataset):
        for owner in sorted(set(clips.owners)):
            yield clips.stores[owner].path, clips.stores[owner].item.label


def _box_classes(clips: ClipDataset, classes: Sequence[str]) -> Iterator[tuple[str, str]]:
    if isinstance(clips, WindowDataset):
        for owner in sorted(set(clips.owners)):
            boxes = clips.stores[owner].item.boxes
            if boxes is not None:
                for number in boxes.labels.unique().tolist():
                    yield clips.stores[owner].path, classes[number]
