"""Writing folders of PNG frames."""

from pathlib import Path

from seqimg.errors import SeqimgError
from seqimg.sequences.base import SequenceError, SequenceInfo, SequenceWriter
from seqimg.sequences.images import write_png
from seqimg.sequences.pixels import EightBit
from seqimg.sequences.pixeltypes import Pixels

__all__ = ["PngFolderWriter", "check_replaceable"]

_NAME = "frame_{:06d}.png"


class PngFolderWriter(SequenceWriter):
    """`frame_000001.png`, `frame_000002.png`, …; 8-bit and 16-bit frames as they are, floats as 8-bit.

    Args:
        path: An empty folder.
        info: What the frames are.

    Raises:
        SequenceError: PNG cannot hold that many channels.
    """

    def __init__(self, path: Path, info: SequenceInfo) -> None:
        allowed = (1, 3, 4) if info.dtype == "uint16" else (1, 2, 3, 4)
        if info.channels not in allowed:
            raise SequenceError(
                f"a PNG cannot hold {info.channels} channels of {info.dtype}",
                why=f"it holds {', '.join(map(str, allowed))}",
                hint="a .npy file instead",
            )
        self._path, self._count = path, 0
        self._scale = EightBit(info) if info.dtype.startswith("float") else None
        self.codec = "png"

    def write(self, frame: Pixels) -> None:
        """Append one frame."""
        self._count += 1
        write_png(self._path / _NAME.format(self._count), self._scale(frame) if self._scale else frame)

    def close(self) -> None:
        """Collect the notes; every frame is on the disk already."""
        self.notes = self._scale.notes if self._scale else ()

    def abort(self) -> None:
        """Hold nothing, so release nothing."""


def check_replaceable(folder: Path) -> None:
    """Refuse to replace a folder that holds anything but frames written by seqimg.

    Raises:
        SeqimgError: `folder` is a link, no folder, or holds other files; the message names one.
    """
    if folder.is_symlink() or not folder.is_dir():
        raise SeqimgError(f"cannot replace {folder} by a folder of frames", why="it is a file or a link")
    other = next((item.name for item in folder.iterdir() if not _is_ours(item)), None)
    if other is not None:
        raise SeqimgError(
            f"cannot replace {folder}",
            why=f"it holds other files than frames, for example {other}",
            hint="another -o, or remove that folder yourself",
        )


def _is_ours(item: Path) -> bool:
    digits = item.name.removeprefix("frame_").removesuffix(".png")
    return digits.isdecimal() and item.name == _NAME.format(int(digits)) and not item.is_dir()
