"""Everything there is to know of a sequence without decoding it all."""

import inspect
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from seqimg.config import ReadingConfig
from seqimg.errors import SeqimgError, UsageError
from seqimg.plugins.manager import plugin_host
from seqimg.sequences.base import ASSUMED_FPS, Sequence, SequenceError, SequenceInfo
from seqimg.sequences.finding import format_of
from seqimg.sequences.formats import by_scheme
from seqimg.sequences.isolated.looking import index_of, sound_of
from seqimg.sequences.open import open_configured
from seqimg.sequences.video.audio import AudioTrack
from seqimg.sequences.video.index import VideoIndex

__all__ = ["Keyframes", "Survey", "open_leniently", "survey", "understood"]


@dataclass(frozen=True, slots=True)
class Keyframes:
    """Where decoding can begin.

    Attributes:
        count: How many there are.
        mean_spacing: Frames from one to the next.
        longest: The most frames from one to the next, or to the end.
    """

    count: int
    mean_spacing: float
    longest: int


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What a sequence is, and what is odd about it.

    Attributes:
        info: What its reader says.
        frame_count: Number of frames, if known.
        counted: Whether the source states it or all its packets were counted.
        duration: Seconds, if known; at 25 frames a second if it has no times.
        keyframes: Where decoding can begin; None where every frame stands alone, or nobody knows.
        doubt: Why frames of a video cannot be jumped to, if so.
        sound: Its streams of sound.
        size: Bytes on the disk; None if it is an address.
        damage: What was noticed on opening.
    """

    info: SequenceInfo
    frame_count: int | None
    counted: Literal["stated", "counted"] | None
    duration: float | None
    keyframes: Keyframes | None = None
    doubt: str | None = None
    sound: tuple[AudioTrack, ...] = ()
    size: int | None = None
    damage: tuple[str, ...] = ()


def open_leniently(source: str, reading: ReadingConfig) -> tuple[Sequence, tuple[str, ...]]:
    """Open a sequence even if it is damaged, and say what is: it is then read past damage and gaps.

    What the configuration asks for otherwise is left alone.

    Raises:
        SequenceError: It cannot be read at all.

    Example:
        >>> from seqimg.sequences import save_sequence
        >>> import numpy as np
        >>> path = save_sequence(np.zeros((4, 8, 8, 3), np.uint8), Path(tmp) / "holey").path
        >>> (path / "frame_000002.png").unlink()
        >>> sequence, damage = open_leniently(str(path), ReadingConfig())
        >>> sequence.info.frame_count is None, len(damage)
        (False, 1)
    """
    changes: tuple[dict[str, Any], ...] = (
        {},
        {"on_error": "skip"},
        {"gaps": "skip"},
        {"on_error": "skip", "gaps": "skip"},
    )
    first: SequenceError | None = None
    for change in changes:
        if all(getattr(reading, name) == "error" for name in change):
            try:
                sequence = open_configured(source, reading.model_copy(update=change))
            except SequenceError as error:
                first = first or error
            except UsageError:  # this format knows no such option
                if first is None:
                    raise
            else:
                said = () if first is None else (": ".join(filter(None, (first.message, first.why))),)
                return sequence, said
    assert first is not None, "the first try has no condition"
    raise first


def understood(source: str, reading: ReadingConfig) -> ReadingConfig:
    """Return a configuration without the options that mean nothing for a source, for commands that read many.

    Example:
        >>> from seqimg.sequences import save_sequence
        >>> import numpy as np
        >>> path = save_sequence(np.zeros((4, 8, 8, 3), np.uint8), Path(tmp) / "a.mp4").path
        >>> understood(str(path), ReadingConfig(axes="THWC", on_error="skip")).axes
        ''
    """
    try:
        spec = by_scheme(source)
        name = spec.name if spec else format_of(source)
    except SeqimgError:
        return reading
    parameters = inspect.signature(plugin_host().formats.load(name, "reader")).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return reading
    known = {parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}
    others = {name: field.default for name, field in ReadingConfig.model_fields.items() if name not in known}
    return reading.model_copy(update=others)


def survey(source: str, sequence: Sequence, damage: tuple[str, ...] = ()) -> Survey:
    """Gather what there is to know; the packets of a video are counted, nothing is decoded."""
    info = sequence.info
    place = Path(info.path)
    local = not info.live and place.exists()
    is_video = local and info.format == "video"
    index = index_of(place) if is_video else None
    exact = None if index is None else index.frame_count
    count = info.frame_count if exact is None else exact
    return Survey(
        info=info,
        frame_count=count,
        counted=None if count is None else "stated" if exact is None else "counted",
        duration=_duration(info, count, index),
        keyframes=None if index is None else _keyframes(index),
        doubt=None if index is None else index.doubt,
        sound=sound_of(place) if is_video else (),
        size=_bytes(place) if local else None,
        damage=damage,
    )


def _keyframes(index: VideoIndex) -> Keyframes | None:
    if index.frame_count is None or not len(index.keyframes):
        return None
    places = [*index.keyframes.tolist(), index.frame_count]
    spacings = [later - earlier for earlier, later in pairwise(places)]
    return Keyframes(len(index.keyframes), sum(spacings) / len(spacings), max(spacings))


def _duration(info: SequenceInfo, count: int | None, index: VideoIndex | None) -> float | None:
    if not count:
        return None
    if index is not None and index.frame_count and info.fps:
        return float(index.seconds[-1]) + float(1 / info.fps)
    return float(count / (info.fps or ASSUMED_FPS))


def _bytes(place: Path) -> int:
    if place.is_dir():
        return sum(item.stat().st_size for item in place.iterdir() if item.is_file())
    return place.stat().st_size
