"""What every layout of data sets promises, for the tests of a plugin that brings one."""

import shutil
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from seqimg.config import ReadingConfig
from seqimg.data.layouts import Index, Item, read
from seqimg.errors import SeqimgError
from seqimg.plugins.manager import plugin_host
from seqimg.testing.checking import SkipTest, require

__all__ = ["LayoutContract"]


class LayoutContract:
    """Tests to inherit, for a way in which data sets lie on the disk, `seqimg.data.layouts.Layout`.

    Attributes:
        layout: Its registered name.
        recognised: Whether `--layout auto` tells it from what is there.

    Example:
        >>> import numpy as np
        >>> class TestVideos(LayoutContract):
        ...     layout = "frame-folders"
        ...     def make(self, folder):
        ...         from PIL import Image
        ...         for place in [f"{clip}/{frame}.png" for clip in "ab" for frame in "123"]:
        ...             (folder / place).parent.mkdir(exist_ok=True)
        ...             Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / place)
        ...         return folder
        >>> TestVideos().test_in_a_fixed_order()
    """

    layout: ClassVar[str]
    recognised: ClassVar[bool] = True

    @abstractmethod
    def make(self, folder: Path) -> Path:
        """Write a data set of two sequences or more, without the layout's own code, and return where it is.

        Args:
            folder: An empty folder.

        Returns:
            The data set: its folder, or its file.
        """

    def test_registered(self) -> None:
        """The layout is registered under its own name."""
        found = plugin_host().layouts.load(self.layout)
        require(
            found.name == self.layout, f"it says its name is {found.name!r}, registered as {self.layout!r}"
        )

    def test_recognised(self) -> None:
        """It is told from what is there, or by its name; a sentence says what was understood."""
        with self._made() as path:
            named = read(str(path), self.layout)
            require(len(named.items) >= 2, "make() writes two sequences or more")
            require(named.layout == self.layout, f"it is read as {named.layout}")
            require(named.sentence and "\n" not in named.sentence, "what was understood is not one line")
            if self.recognised:
                auto = read(str(path))
                require(auto.layout == self.layout, f"--layout auto takes it for {auto.layout}")
                require(_told(auto) == _told(named), "--layout auto finds other sequences than its name does")

    def test_in_a_fixed_order(self) -> None:
        """The same sequences come in the same order, wherever the data set lies: splits go by their names."""
        with self._made() as path, TemporaryDirectory() as other:
            here = read(str(path), self.layout)
            names = [item.name for item in here.items]
            require(
                all(names) and len(set(names)) == len(names), f"names are missing, or not unique: {names}"
            )
            require(not any(str(path) in name for name in names), "names tell where the data set lies")
            target = Path(other) / path.name
            (shutil.copytree if path.is_dir() else shutil.copy)(path, target)
            there = read(str(target), self.layout)
            require(_told(there) == _told(here), "copied to another folder, it is another data set")

    def test_sequences_can_be_read(self) -> None:
        """Each sequence opens, and has the frames and the size that the layout says."""
        with self._made() as path:
            for item in read(str(path), self.layout).items:
                with item.open(ReadingConfig()) as sequence:
                    places = [frame.index for frame in item.timed(sequence)]
                require(places, f"{item.name} has no frames")
                wanted = places if item.places is None else list(item.places)
                require(places == wanted, f"{item.name} has frames {places[:9]}, said are {wanted[:9]}")

    def test_labels(self) -> None:
        """Labels are numbers of classes; classes are named once each."""
        with self._made() as path:
            index = read(str(path), self.layout)
        labels = [item.label for item in index.items if item.label is not None]
        if not labels:
            raise SkipTest("it gives no labels")
        require(len(set(index.classes)) == len(index.classes), f"a class is named twice: {index.classes}")
        for label in labels:
            numbers = label if isinstance(label, tuple) else (label,)
            good = all(0 <= number < len(index.classes) for number in numbers)
            require(good, f"the label {label} is none of {len(index.classes)} classes")

    def test_boxes(self) -> None:
        """Boxes lie in frames that there are, inside the frame, around something."""
        with self._made() as path:
            boxed = [item for item in read(str(path), self.layout).items if item.boxes is not None]
            if not boxed:
                raise SkipTest("it gives no boxes")
            for item in boxed:
                self._boxes_fit(item)

    def test_what_is_missing_is_explained(self) -> None:
        """A data set of which a file or folder is gone is read without it, or refused in words; so is an empty one."""
        with self._made() as path:
            if not path.is_dir():
                raise SkipTest("it is a file")
            for gone in sorted(place.relative_to(path) for place in path.rglob("*")):
                with TemporaryDirectory() as name:
                    copy = Path(name) / path.name
                    shutil.copytree(path, copy)
                    target = copy / gone
                    shutil.rmtree(target) if target.is_dir() else target.unlink()
                    for on_error in ("error", "skip"):
                        self._read_or_refused(
                            copy, ReadingConfig.model_validate({"on_error": on_error}), str(gone)
                        )
        with TemporaryDirectory() as name:
            self._read_or_refused(Path(name), ReadingConfig(), "everything")

    def _read_or_refused(self, path: Path, reading: ReadingConfig, gone: str) -> None:
        try:
            read(str(path), self.layout, reading)
        except SeqimgError as error:
            few = len(str(error).splitlines()) <= 3
            require(few, f"without {gone} it is refused in more than 3 lines")
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is not what was promised
            require(
                False,
                f"without {gone} it ends in {type(error).__name__}: {error}; call found.refuse(SequenceError(…))",
            )

    def _boxes_fit(self, item: Item) -> None:
        with item.open(ReadingConfig()) as sequence:
            frames = {frame.index for frame in item.timed(sequence)}
            width, height = sequence.info.width, sequence.info.height
        boxes = item.boxes
        assert boxes is not None
        beyond = set(boxes.frames.tolist()) - frames
        require(not beyond, f"{item.name} has boxes in frames {sorted(beyond)[:5]}, which it does not have")
        left, top, right, bottom = boxes.corners.unbind(1)
        inside = (left >= 0) & (top >= 0) & (right <= width) & (bottom <= height)
        require(bool(inside.all()), f"{item.name} has boxes beyond its frames of {width}×{height}")
        require(bool(((right > left) & (bottom > top)).all()), f"{item.name} has boxes around nothing")

    @contextmanager
    def _made(self) -> Iterator[Path]:
        with TemporaryDirectory() as name:
            yield self.make(Path(name))


def _told(index: Index) -> list[tuple[object, ...]]:
    return [(item.name, item.label, item.split, item.places, item.seconds) for item in index.items]
