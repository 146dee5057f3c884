"""`save_sequence` and `open_writer`: frames to disk as they come, whole or not at all."""

import math
import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

from seqimg.errors import UsageError, did_you_mean
from seqimg.plugins.specs import FormatSpec
from seqimg.sequences.base import Sequence
from seqimg.sequences.formats import by_suffix, for_folder, suffixes
from seqimg.sequences.limits import MAX_FPS, check_value_range
from seqimg.sequences.pictures.patterns import number_format
from seqimg.sequences.pictures.writer import PICTURE_SUFFIXES
from seqimg.sequences.pixeltypes import Pixels
from seqimg.sequences.publishing import PublishingWriter, SavedSequence
from seqimg.sequences.video.audio import AudioSource

__all__ = ["open_writer", "save_sequence"]


def save_sequence(
    frames: Iterable[Pixels],
    path: str | os.PathLike[str],
    *,
    fps: Fraction | float | None = None,
    value_range: tuple[float, float] | None = None,
    fill_value: float | None = None,
    overwrite: bool = False,
) -> SavedSequence:
    """Write frames to a video, an animation, a stack or a folder of pictures, in constant memory.

    Args:
        frames: `[H, W, C]` or `[H, W]` each, all of one size and dtype: uint8, uint16 or a float.
        path: Where to. The suffix names the format; none, or an ending slash, means a folder of PNGs.
            `out/%05d.jpg` means a folder of JPEGs, or PNGs or TIFFs, of such names, numbered from 1.
        fps: Frames a second; by default each frame has the time it has in `frames`, if that is a sequence
            with times and the format can hold them, or else its mean rate.
        value_range: The values that mean black and white where frames are scaled to 8 bits; by default
            those of `frames`, if it is a sequence, or all of an integer's range, or [0, 1] for floats.
        fill_value: A value that stands for a missing one; by default that of `frames`.
        overwrite: Whether an existing file, or folder of such frames, may be replaced.

    Raises:
        SequenceError: There are no frames, or they differ, or the format cannot hold them.
        SeqimgError: The path exists or cannot be written, or the disk is full. Nothing is left behind.
        UsageError: The suffix or an option is wrong.

    Example:
        >>> import numpy as np
        >>> saved = save_sequence(np.zeros((5, 48, 64, 3), np.uint8), Path(tmp) / "black.mp4", fps=25)
        >>> saved.frame_count, saved.path.name
        (5, 'black.mp4')
    """
    timed: Iterable[tuple[Pixels, float | None]] = ((frame, None) for frame in frames)
    if isinstance(frames, Sequence):
        info = frames.info
        if fps is None and info.fps is not None:
            timed = ((frame.pixels, frame.time) for frame in frames.timed())
        fps = info.fps if fps is None else fps
        value_range = info.value_range if value_range is None else value_range
        fill_value = info.fill_value if fill_value is None else fill_value
    with open_writer(
        path, fps=fps, value_range=value_range, fill_value=fill_value, overwrite=overwrite
    ) as writer:
        for frame, time in timed:
            writer.write(frame, time)
    return writer.saved


def open_writer(
    path: str | os.PathLike[str],
    *,
    fps: Fraction | float | None = None,
    value_range: tuple[float, float] | None = None,
    fill_value: float | None = None,
    overwrite: bool = False,
    pixel_aspect: Fraction = Fraction(1),
    quality: int | None = None,
    audio_from: AudioSource | None = None,
) -> PublishingWriter:
    """Open `path` for writing frame by frame; it appears when the `with` block ends well.

    Arguments, errors and formats are those of [save_sequence][seqimg.sequences.save_sequence], and more:

    Args:
        path: Where to.
        fps: Frames a second; where frames are written with times of their own, the mean rate.
        value_range: The values that mean black and white.
        fill_value: A value that stands for a missing one; NaN always does.
        overwrite: Whether what is there may be replaced.
        pixel_aspect: Width of a pixel over its height; video keeps it.
        quality: From 1, small files, to 100, few losses, for formats that lose anything.
        audio_from: For video, a file whose sound is copied, as it is, beside the frames.

    Example:
        >>> import numpy as np
        >>> with open_writer(Path(tmp) / "noise.npy") as writer:
        ...     for seed in range(3):
        ...         writer.write(np.random.default_rng(seed).random((48, 64, 1), np.float32))
        >>> writer.saved.frame_count
        3
    """
    names = _numbered_names(os.fspath(path))
    spec = _format_of(os.fspath(path) if names is None else f"{Path(path).parent}/")
    rate = None if fps is None else _rate(fps)
    declared = None if value_range is None else check_value_range(value_range)
    options: dict[str, object] = {"quality": quality, "audio_from": audio_from, "names": names}
    return PublishingWriter(
        Path(path),
        spec,
        fps=rate,
        value_range=declared,
        fill_value=fill_value,
        overwrite=overwrite,
        pixel_aspect=pixel_aspect,
        options={name: value for name, value in options.items() if value is not None},
    )


def _numbered_names(path: str) -> str | None:
    """Return the last part of `out/%05d.jpg`, or None for any other path."""
    target = Path(path)
    if target.suffix.lower() not in PICTURE_SUFFIXES or number_format(target.name) is None:
        return None
    if target.parent in (Path(), Path("/"), Path("..")):
        raise UsageError(
            f"cannot write {path}",
            why="numbered pictures need a folder of their own",
            hint=f"-o frames/{target.name}",
        )
    return target.name


def _format_of(path: str) -> FormatSpec:
    """Return the format that writes `path`."""
    is_folder = path.endswith(("/", os.sep)) or not Path(path).suffix or Path(path).is_dir()
    spec = for_folder("writer") if is_folder else by_suffix(Path(path).name, "writer")
    if spec is not None:
        return spec
    known = suffixes("writer")
    near = did_you_mean(Path(path).suffix.lower(), known)
    raise UsageError(
        f"cannot write {path}" + (f"; did you mean {Path(path).with_suffix(near).name}?" if near else ""),
        why=f"writable are {', '.join(known)}, and folders",
    )


def _rate(fps: Fraction | float) -> Fraction:
    """Return a frame rate as the fraction it is meant to be."""
    # 29.97002997 is meant to be 30000/1001.
    exact = isinstance(fps, Fraction)
    rate = (
        Fraction(fps).limit_denominator(1_000_000 if exact else 1001) if math.isfinite(fps) else Fraction(0)
    )
    if not 0 < rate <= MAX_FPS:
        raise UsageError(
            f"{fps} frames a second is no frame rate", why=f"it must be above 0 and at most {MAX_FPS}"
        )
    return rate
