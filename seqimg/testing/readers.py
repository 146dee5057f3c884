"""What every reader of sequences promises, for the tests of a plugin that brings one."""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from seqimg.errors import SeqimgError
from seqimg.sequences import Sequence, open_sequence
from seqimg.testing.checking import SkipTest, require

__all__ = ["ReaderContract"]

Frames = NDArray[Any]


class ReaderContract:
    """Tests to inherit, for a reader of files.

    Attributes:
        options: Options of [open_sequence][seqimg.open_sequence] that it is opened with.
        tolerance: Largest difference of a value from what was stored; 0 for formats that lose nothing.

    Example:
        >>> from seqimg.testing import moving_square
        >>> class TestStacks(ReaderContract):
        ...     def make(self, folder):
        ...         frames = moving_square(6)
        ...         np.save(folder / "stack.npy", frames)
        ...         return folder / "stack.npy", frames
        >>> TestStacks().test_every_frame_is_exact()
    """

    options: ClassVar[dict[str, Any]] = {}
    tolerance: ClassVar[float] = 0

    @abstractmethod
    def make(self, folder: Path) -> tuple[Path, Frames]:
        """Write a file of six frames or more without the reader's own code, and return it and its frames.

        Args:
            folder: An empty folder.

        Returns:
            The file, or the folder, and `[T, H, W, C]` as it is to be read.
        """

    def test_what_it_is(self) -> None:
        """Size, channels, dtype and number of frames are said right before anything is read."""
        with self._opened() as (sequence, frames, _):
            info = sequence.info
            found = (info.height, info.width, info.channels, info.dtype)
            wanted = (*frames.shape[1:], str(frames.dtype))
            require(found == wanted, f"info says {found}, the frames are {wanted}")
            count = info.frame_count
            require(count in (None, len(frames)), f"info says {count} frames, there are {len(frames)}")
            require(info.sentence().endswith("."), "info.sentence() is no sentence")

    def test_every_frame_is_exact(self) -> None:
        """Every frame is read as it was stored, in order, with its place and a rising time."""
        with self._opened() as (sequence, frames, _):
            read = list(sequence.timed())
            require(len(read) == len(frames), f"{len(read)} frames are read, {len(frames)} are stored")
            for place, (found, wanted) in enumerate(zip(read, frames, strict=True)):
                self._same(found.pixels, wanted, f"frame {place}")
                require(found.index == place, f"frame {place} says it is frame {found.index}")
            times = [frame.time for frame in read if frame.time is not None]
            require(times == sorted(set(times)), "times do not rise")

    def test_again_from_the_start(self) -> None:
        """A second pass gives the same frames, and frames kept from the first stay as they were."""
        with self._opened() as (sequence, frames, _):
            first, second = list(sequence), list(sequence)
            for place, wanted in enumerate(frames):
                self._same(first[place], wanted, f"frame {place}, kept while others were read,")
                self._same(second[place], wanted, f"frame {place} of a second pass")

    def test_any_order(self) -> None:
        """Chosen frames are those chosen, in the order asked for, and a pass may begin anywhere."""
        with self._opened() as (sequence, frames, _):
            wanted = [len(frames) - 1, 0, 0, 2]
            found = list(sequence.frames(wanted))
            for place, frame in zip(wanted, found, strict=True):
                require(frame.index == place, f"asked for frame {place}, got {frame.index}")
                self._same(frame.pixels, frames[place], f"frame {place}, asked for by its place,")
            for place, frame in enumerate(sequence.timed(2), start=2):
                self._same(frame.pixels, frames[place], f"frame {place} of a pass from 2")

    def test_two_passes_at_once(self) -> None:
        """Two passes over one sequence do not disturb each other."""
        with self._opened() as (sequence, frames, _):
            if sequence.info.live:
                raise SkipTest("it is live: one pass is all there is")
            for place, (one, other) in enumerate(zip(sequence, sequence, strict=True)):
                self._same(one, frames[place], f"frame {place} of the first pass")
                self._same(other, frames[place], f"frame {place} of the second pass")

    def test_in_a_process_of_its_own(self) -> None:
        """Read in another process, as commands do, the frames are the same."""
        with self._opened(isolate=True) as (sequence, frames, _):
            for place, (found, wanted) in enumerate(zip(sequence, frames, strict=True)):
                self._same(found, wanted, f"frame {place}, read in a process of its own,")

    def test_closed(self) -> None:
        """After it is closed it is not read any more, which an error says."""
        with self._opened() as (sequence, _, _):
            sequence.close()
            try:
                next(iter(sequence))
            except SeqimgError:
                return
            require(False, "a closed sequence can still be read")

    def test_damage_is_explained(self) -> None:
        """A file cut short, emptied or overwritten is read as far as it goes, or refused in words; nothing else."""
        with TemporaryDirectory() as name:
            path, frames = self.make(Path(name))
            if path.is_dir():
                raise SkipTest("it is a folder")
            content = path.read_bytes()
            for part in (0, 1, 7, len(content) // 3, len(content) // 2, len(content) - 1):
                self._survives(path, content[:part], frames, f"of {len(content)} bytes cut to {part}")
            for start in (0, len(content) // 2):
                damaged = content[:start] + bytes(64) + content[start + 64 :]
                self._survives(path, damaged, None, f"with 64 zeros from byte {start} on")

    def _survives(self, path: Path, content: bytes, frames: Frames | None, what: str) -> None:
        path.write_bytes(content)
        try:
            with open_sequence(path, **self.options) as sequence:
                for place, found in enumerate(sequence):
                    if frames is not None:
                        self._same(found, frames[place], f"a file {what}: frame {place}")
        except SeqimgError as error:
            require(len(str(error).splitlines()) <= 3, f"a file {what} gives an error of more than 3 lines")
        except MemoryError:
            require(False, f"a file {what} has memory taken for what is not there")
        except (ArithmeticError, LookupError, OSError, TypeError, ValueError, EOFError) as error:
            require(False, f"a file {what} ends in {type(error).__name__}: {error}; raise a SequenceError")

    def _same(self, found: Frames, wanted: Frames, what: str) -> None:
        require(found.shape == wanted.shape, f"{what} is {found.shape}, not {wanted.shape}")
        require(found.dtype == wanted.dtype, f"{what} is {found.dtype}, not {wanted.dtype}")
        off = np.abs(found.astype(np.float64) - wanted.astype(np.float64)).max(initial=0)
        equal = (
            off <= self.tolerance
            if self.tolerance
            else np.array_equal(found, wanted, equal_nan=wanted.dtype.kind == "f")
        )
        require(equal, f"{what} is not what was stored: off by up to {off:g}")

    @contextmanager
    def _opened(self, **more: Any) -> Iterator[tuple[Sequence, Frames, Path]]:
        with TemporaryDirectory() as name:
            path, frames = self.make(Path(name))
            require(len(frames) >= 6, "make() writes six frames or more")
            with open_sequence(path, **{**self.options, **more}) as sequence:
                yield sequence, frames, path
