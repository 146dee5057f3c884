"""A COCO-VID file written piece by piece, so that memory does not grow with the number of boxes."""

import json
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from seqimg.data.generators.samples import Sample

__all__ = ["CocoFile"]

_SECTIONS = ("videos", "images", "annotations")


class CocoFile:
    """Collects videos, images and boxes, each in a temporary file without a name, and joins them in the end.

    Args:
        path: The JSON file.
        fps: Frames a second of every video.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self._path, self._fps = path, fps
        self._stack = ExitStack()
        self._parts: dict[str, IO[str]] = {
            name: self._stack.enter_context(_unnamed(path.parent)) for name in _SECTIONS
        }
        self._counts = dict.fromkeys(_SECTIONS, 0)
        self._tracks = 0
        self._categories: tuple[str, ...] = ()

    def add(self, number: int, place: Path, frames: Sequence[Path], sample: Sample) -> None:
        """Add a sequence.

        Args:
            number: Its number from 1.
            place: Where it is, from the folder of the JSON file.
            frames: Where its frames are, if each has a file of its own.
            sample: What is known of it.
        """
        length, height, width, _ = sample.frames.shape
        size = {"width": width, "height": height}
        name = {"name": place.stem, "file_name": place.as_posix()}
        self._add("videos", {"id": number, **name, **size, "length": length, "fps": self._fps})
        first_image = self._counts["images"] + 1
        for frame in range(length):
            file = {"file_name": (frames[frame] if frames else place).as_posix()}
            image = {"id": first_image + frame, "video_id": number, "frame_id": frame, **file, **size}
            if sample.tracks is not None and sample.tracks.noise[frame]:
                image["noise"] = True
            self._add("images", image)
        tracks = sample.tracks
        if tracks is None:
            return
        self._categories = tracks.categories
        for frame, track, kind, box, visibility in zip(
            tracks.frame.tolist(),
            tracks.track.tolist(),
            tracks.category.tolist(),
            tracks.box.tolist(),
            tracks.visibility.tolist(),
            strict=True,
        ):
            left, top, right, bottom = box
            annotation = {
                "id": self._counts["annotations"] + 1,
                "image_id": first_image + frame,
                "video_id": number,
                "category_id": kind + 1,
                "track_id": track,
                "instance_id": self._tracks + track,
                "bbox": [left, top, right - left, bottom - top],
                "area": (right - left) * (bottom - top),
                "iscrowd": 0,
                "occluded": visibility < 1,
                "visibility": round(visibility, 4),
            }
            self._add("annotations", annotation)
        self._tracks += int(tracks.track.max(initial=0))

    def close(self, *, whole: bool) -> None:
        """Write the JSON file, if all sequences are `whole`, and give the temporary ones up."""
        with self._stack:
            if not whole:
                return
            categories = [{"id": number, "name": name} for number, name in enumerate(self._categories, 1)]
            with self._path.open("w", encoding="utf-8") as file:
                file.write(f'{{"categories": {json.dumps(categories)}')
                for name, part in self._parts.items():
                    file.write(f',\n"{name}": [')
                    part.seek(0)
                    shutil.copyfileobj(part, file)
                    file.write("]")
                file.write("}\n")

    def _add(self, section: str, entry: dict[str, Any]) -> None:
        self._parts[section].write((",\n" if self._counts[section] else "\n") + json.dumps(entry))
        self._counts[section] += 1


def _unnamed(folder: Path) -> IO[str]:
    return tempfile.TemporaryFile("w+", dir=folder, encoding="utf-8")
