"""How generated data sets are laid out on disk."""

import math
from abc import ABC, abstractmethod
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, ClassVar, Self

import numpy as np

from seqimg.data.generators.coco_writing import CocoFile
from seqimg.data.generators.record import ARRAY, BOXES, FRAMES
from seqimg.data.generators.samples import Sample, Tracks
from seqimg.errors import SeqimgError, UsageError
from seqimg.sequences import save_sequence
from seqimg.sequences.formats import suffixes
from seqimg.sequences.pictures.images import write_png

__all__ = ["ClassFolders", "CocoVideos", "FlowFolders", "Layout", "MotFolders", "OneArray", "Plain"]


class Layout(ABC):
    """Writes the sequences of a data set into a folder, one after the other.

    Args:
        folder: An empty folder.
        form: `frames` for folders of PNG files, or the ending of a file format without its dot.
        fps: Frames a second of videos.

    Attributes:
        name: What the layout is called.
        shown: The file or folder to look at first, in the folder; known after the first sequence.
    """

    name: ClassVar[str]

    def __init__(self, folder: Path, form: str, fps: float) -> None:
        known = [suffix.removeprefix(".") for suffix in suffixes("writer") if suffix]
        if form != "frames" and form not in known:
            raise UsageError(f"cannot write sequences as {form}", why=f"there are frames, {', '.join(known)}")
        self.folder, self.format, self.fps = folder, form, fps
        self.shown = Path()

    @abstractmethod
    def write(self, number: int, sample: Sample) -> None:
        """Write sequence `number`, counted from 1."""

    def known_bytes(self) -> int:
        """Return how many bytes the data set will have, as far as that is certain before anything is written."""
        return 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Finish what belongs to all sequences; most layouts have nothing of the kind."""
        return

    def _save(self, sample: Sample, stem: Path) -> Path:
        """Write frames to `stem` with the ending of the format; return where, in the folder."""
        place = stem if self.format == "frames" else stem.with_name(f"{stem.name}.{self.format}")
        (self.folder / place).parent.mkdir(parents=True, exist_ok=True)
        timed = self.format not in ("frames", "npy", "tif", "tiff")
        save_sequence(sample.frames, self.folder / place, fps=self.fps if timed else None)
        self._show(place)
        return place

    def _show(self, place: Path) -> None:
        if self.shown == Path():
            self.shown = place


class Plain(Layout):
    """`000001.mp4`, `000002.mp4`, …."""

    name = "files"

    def write(self, number: int, sample: Sample) -> None:
        """Write one file or folder."""
        self._save(sample, Path(f"{number:06d}"))


class ClassFolders(Layout):
    """`CLASS/000001.mp4`, …."""

    name = "class folders"

    def write(self, number: int, sample: Sample) -> None:
        """Write one file or folder into that of its class."""
        label = str(sample.label)
        if Path(label).name != label or label in ("", ".", ".."):
            raise SeqimgError(f"class {label!r} cannot be a folder", why="a plain name is needed")
        self._save(sample, Path(label) / f"{number:06d}")


class FlowFolders(Layout):
    """`frames/000001`, `flow/000001.npy`, `flow_backward/000001.npy`, `occluded/000001.npy`, …."""

    name = "flow folders"

    def write(self, number: int, sample: Sample) -> None:
        """Write one sequence and its flow."""
        stem = f"{number:06d}"
        self._save(sample, Path(FRAMES) / stem)
        if sample.flow is not None:
            for name, values in (
                ("flow", sample.flow.forward),
                ("flow_backward", sample.flow.backward),
                ("occluded", sample.flow.occluded),
                ("disoccluded", sample.flow.disoccluded),
            ):
                place = self.folder / name
                place.mkdir(exist_ok=True)
                with (place / f"{stem}.npy").open("wb") as file:
                    np.lib.format.write_array(file, np.ascontiguousarray(values), allow_pickle=False)


class CocoVideos(Layout):
    """`videos/000001.mp4` or `frames/000001/000001.png`, …, and `annotations.json` as of COCO-VID."""

    name = "COCO-VID"

    def __init__(self, folder: Path, form: str, fps: float) -> None:
        super().__init__(folder, form, fps)
        self._file = CocoFile(folder / BOXES, fps)

    def write(self, number: int, sample: Sample) -> None:
        """Write one sequence and its boxes."""
        if self.format == "frames":
            place = Path("frames") / f"{number:06d}"
            frames = _numbered_pngs(self.folder, place, sample)
            self._show(place)
        else:
            place = self._save(sample, Path("videos") / f"{number:06d}")
            frames = []
        self._file.add(number, place, frames, sample)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write the annotations."""
        self._file.close(whole=kind is None)


class MotFolders(Layout):
    """`000001/img1/000001.png`, …, `000001/gt/gt.txt`, `000001/gt/labels.txt`, `000001/seqinfo.ini`."""

    name = "MOT challenge"

    def write(self, number: int, sample: Sample) -> None:
        """Write one folder."""
        place = Path(f"{number:06d}")
        _numbered_pngs(self.folder, place / "img1", sample)
        self._show(place / "img1")
        length, height, width, _ = sample.frames.shape
        noise = ""
        truth = self.folder / place / "gt"
        truth.mkdir()
        tracks = sample.tracks
        if tracks is not None:
            (truth / "gt.txt").write_text(_mot_lines(tracks))
            (truth / "labels.txt").write_text("".join(f"{name}\n" for name in tracks.categories))
            if tracks.noise.any():
                noise = f"noiseFrames={' '.join(str(frame + 1) for frame in np.flatnonzero(tracks.noise))}\n"
        (self.folder / place / "seqinfo.ini").write_text(
            f"[Sequence]\nname={place}\nimDir=img1\nframeRate={self.fps:g}\nseqLength={length}\n"
            f"imWidth={width}\nimHeight={height}\nimExt=.png\n{noise}"
        )


class OneArray(Layout):
    """`sequences.npy`, `[N, T, H, W]` or `[N, T, H, W, C]`.

    Args:
        folder: An empty folder.
        count: How many sequences there will be.
        sample: The first of them.
    """

    name = "one array"

    def __init__(self, folder: Path, count: int, sample: Sample) -> None:
        super().__init__(folder, "npy", 0)
        self.shown = Path(ARRAY)
        shape = sample.frames.shape
        self._shape = (count, *(shape[:3] if shape[3] == 1 else shape))
        self._files = ExitStack()
        self._file: BinaryIO = self._files.enter_context((folder / self.shown).open("wb"))
        header = {"descr": "|u1", "fortran_order": False, "shape": self._shape}
        np.lib.format.write_array_header_1_0(self._file, header)

    def known_bytes(self) -> int:
        """Return the size of the array."""
        return math.prod(self._shape)

    def write(self, number: int, sample: Sample) -> None:
        """Append one sequence."""
        self._file.write(np.ascontiguousarray(sample.frames).data)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close the file."""
        self._files.close()


def _numbered_pngs(folder: Path, place: Path, sample: Sample) -> list[Path]:
    (folder / place).mkdir(parents=True)
    places = [place / f"{number:06d}.png" for number in range(1, len(sample.frames) + 1)]
    for name, frame in zip(places, sample.frames, strict=True):
        write_png(folder / name, frame)
    return places


def _mot_lines(tracks: Tracks) -> str:
    """Frame and track from 1; left and top from 1 as MOT counts; flag 1, class from 1, visibility."""
    lines = []
    for frame, track, kind, box, visibility in zip(
        tracks.frame.tolist(),
        tracks.track.tolist(),
        tracks.category.tolist(),
        tracks.box.tolist(),
        tracks.visibility.tolist(),
        strict=True,
    ):
        left, top, right, bottom = (int(edge) for edge in box)
        corner = f"{left + 1},{top + 1},{right - left},{bottom - top}"
        lines.append(f"{frame + 1},{track},{corner},1,{kind + 1},{visibility:.4f}\n")
    return "".join(lines)
