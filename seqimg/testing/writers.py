"""What every writer of sequences promises, for the tests of a plugin that brings one."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from seqimg.errors import SeqimgError
from seqimg.sequences import open_sequence, open_writer, save_sequence
from seqimg.testing.checking import require
from seqimg.testing.sequences import moving_square

__all__ = ["WriterContract"]


class WriterContract:
    """Tests to inherit, for a writer of files that a reader of the same format reads.

    Attributes:
        suffix: Ending of its files, with the dot.
        kinds: Channels and dtypes that it can hold, each to be tested.
        tolerance: Largest difference of a value that is read again; 0 for formats that lose nothing.
        size: Height and width of the frames.
        options: Options of [open_sequence][seqimg.open_sequence] that files are read again with.

    Example:
        >>> class TestStacks(WriterContract):
        ...     suffix = ".npy"
        >>> TestStacks().test_what_is_written_is_read_again()
    """

    suffix: ClassVar[str]
    kinds: ClassVar[tuple[tuple[int, str], ...]] = ((1, "uint8"), (3, "uint8"))
    tolerance: ClassVar[float] = 0
    size: ClassVar[tuple[int, int]] = (24, 32)
    options: ClassVar[dict[str, Any]] = {}

    def test_what_is_written_is_read_again(self) -> None:
        """Every frame that is written is read again, in order."""
        for channels, dtype in self.kinds:
            frames = self._frames(channels, dtype)
            with TemporaryDirectory() as name:
                saved = save_sequence(frames, Path(name) / f"a{self.suffix}", fps=25)
                require(
                    saved.frame_count == len(frames), f"{saved.frame_count} of {len(frames)} frames written"
                )
                with open_sequence(saved.path, **self.options) as sequence:
                    read = list(sequence)
            require(len(read) == len(frames), f"{len(read)} of {len(frames)} frames are read again")
            for place, (found, wanted) in enumerate(zip(read, frames, strict=True)):
                what = f"frame {place} of {channels} {dtype} channels"
                require(found.shape == wanted.shape, f"{what} is read as {found.shape}, not {wanted.shape}")
                off = np.abs(found.astype(np.float64) - wanted).max()
                require(off <= self.tolerance, f"{what} is off by up to {off:g} when it is read again")

    def test_one_frame(self) -> None:
        """A sequence of one frame is one."""
        with TemporaryDirectory() as name:
            frames = self._frames(*self.kinds[0])[:1]
            path = save_sequence(frames, Path(name) / f"a{self.suffix}", fps=25).path
            with open_sequence(path, **self.options) as sequence:
                require(len(list(sequence)) == 1, "one frame is read as several or none")

    def test_nothing_is_left_of_a_failure(self) -> None:
        """Where writing fails, no file is left, and one that was there stays."""
        with TemporaryDirectory() as name:
            path = Path(name) / f"a{self.suffix}"
            for kept in (False, True):
                if kept:
                    save_sequence(self._frames(*self.kinds[0]), path, fps=25)
                before = _content(Path(name))
                try:
                    with open_writer(path, fps=25, overwrite=kept) as writer:
                        for frame in self._frames(*self.kinds[0])[:3]:
                            writer.write(frame)
                        raise InterruptedError
                except InterruptedError:
                    pass
                require(
                    _content(Path(name)) == before, "a writer that was broken off leaves something behind"
                )

    def test_frames_that_differ_are_refused(self) -> None:
        """A frame of another size than the first is an error, and nothing is written."""
        frames = self._frames(*self.kinds[0])
        with TemporaryDirectory() as name:
            path = Path(name) / f"a{self.suffix}"
            try:
                save_sequence([frames[0], frames[1][:-2]], path, fps=25)
            except SeqimgError:
                require(not path.exists(), "frames that do not fit were refused, but a file is there")
                return
            require(False, "frames of several sizes are written")

    def test_nothing_is_overwritten_unasked(self) -> None:
        """An existing file is replaced only with overwrite."""
        frames = self._frames(*self.kinds[0])
        with TemporaryDirectory() as name:
            path = save_sequence(frames, Path(name) / f"a{self.suffix}", fps=25).path
            try:
                save_sequence(frames, path, fps=25)
            except SeqimgError:
                save_sequence(frames, path, fps=25, overwrite=True)
                return
            require(False, "an existing file is overwritten")

    def _frames(self, channels: int, dtype: str) -> NDArray[Any]:
        return moving_square(7, self.size, channels, dtype)


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
