"""What the packets and headers of a video say, read in a process of its own like its frames.

The first half runs here, the second half in the other process.
"""

from collections.abc import Callable
from dataclasses import asdict, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from seqimg.errors import SeqimgError
from seqimg.sequences.base import SequenceError
from seqimg.sequences.isolated.decoder import Decoder, DecoderGoneError, give_back, take
from seqimg.sequences.isolated.message_info import NonsenseError, is_count, is_number
from seqimg.sequences.isolated.messages import Answer, Failed
from seqimg.sequences.isolated.request import (
    Request,
    can_isolate,
    memory_allowed,
    new_key,
    seconds_allowed,
    words,
)
from seqimg.sequences.isolated.ring import Ring
from seqimg.sequences.video.audio import AudioTrack, audio_tracks
from seqimg.sequences.video.index import VideoIndex, cached_index, index_video, is_sensible

__all__ = ["index_of", "look", "sound_of"]

_Answer = TypeVar("_Answer")


def index_of(path: Path, *, isolate: bool = True) -> VideoIndex:
    """Return the index of a video, as [index_video][seqimg.sequences.index_video] does.

    Args:
        path: The file.
        isolate: Whether it is looked at in another process, where the system has what that needs.

    Raises:
        SequenceError: The file is no video, or is damaged so that it cannot be opened, or brings the process
            that looks at it down.
    """
    # The copy on the disk is ours; nothing of the file is read for it.
    found = cached_index(path) if isolate and can_isolate() else index_video(path)
    return found if found is not None else _asked("index", path, _index_from)


def sound_of(path: Path, *, isolate: bool = True) -> tuple[AudioTrack, ...]:
    """List the sound in a video file.

    Args:
        path: The file.
        isolate: Whether it is looked at in another process, where the system has what that needs.

    Raises:
        SequenceError: It cannot be opened, or brings the process that looks at it down.
    """
    return _asked("sound", path, _sound_from) if isolate and can_isolate() else audio_tracks(path)


def _asked(what: str, path: Path, understand: Callable[[Path, dict[str, Any], Decoder], _Answer]) -> _Answer:
    decoder = take(key := new_key())
    try:
        decoder.send(words("look", Request(what, path, {}), key=key, memory=memory_allowed()))
        message = decoder.receive(seconds_allowed())
        if isinstance(message, Failed) and message.expected:
            give_back(decoder)
            raise message.error()
        if not isinstance(message, Answer):
            said = message.message if isinstance(message, Failed) else "it answered out of turn"
            raise DecoderGoneError(f"its decoder failed ({said})")
        answer = understand(path, message.words, decoder)
    except (DecoderGoneError, NonsenseError) as gone:
        decoder.kill()
        raise SequenceError(f"cannot read {path}", why=str(gone)) from None
    except SeqimgError:
        raise
    except BaseException:
        decoder.kill()
        raise
    give_back(decoder)
    return answer


def _index_from(path: Path, said: dict[str, Any], decoder: Decoder) -> VideoIndex:
    frames, keys, unit, doubt = (said.get(name) for name in ("frames", "keys", "unit", "doubt"))
    if not (is_count(frames) and is_count(keys) and (doubt is None or isinstance(doubt, str))):
        raise NonsenseError("its decoder answered nonsense (no index)")
    if not (isinstance(unit, list) and len(unit) == 2 and all(is_count(part) and part for part in unit)):
        raise NonsenseError("its decoder answered nonsense (no unit of time)")
    size = 8 * (frames + keys)
    if size > decoder.ring.size:
        raise NonsenseError("its decoder answered nonsense (an index that is not there)")
    values = np.empty(0, np.int64)
    if size:
        decoder.ring.divide(size, 1)
        values = decoder.ring.slot(0).view(np.int64).copy()
    index = VideoIndex(path, values[:frames], values[frames:], Fraction(*unit), doubt)
    if not is_sensible(index):
        raise NonsenseError("its decoder answered nonsense (an index out of order)")
    return index


def _sound_from(path: Path, said: dict[str, Any], decoder: Decoder) -> tuple[AudioTrack, ...]:
    tracks = said.get("tracks")
    names = {field.name for field in fields(AudioTrack)}
    if not isinstance(tracks, list):
        raise NonsenseError("its decoder answered nonsense (no list of sound)")
    for track in tracks:
        if not (
            isinstance(track, dict)
            and track.keys() == names
            and isinstance(track["codec"], str)
            and is_count(track["sample_rate"])
            and is_count(track["channels"])
            and (track["duration"] is None or is_number(track["duration"]))
            and (track["language"] is None or isinstance(track["language"], str))
        ):
            raise NonsenseError("its decoder answered nonsense (no sound)")
    return tuple(AudioTrack(**track) for track in tracks)


def look(what: str, path: Path, ring: Ring) -> dict[str, object]:
    """Look at a file and return the words of the answer; an index goes into the ring."""
    if what == "sound":
        return {"say": "answer", "tracks": [asdict(track) for track in audio_tracks(path)]}
    index = index_video(path)
    values = np.concatenate([index.pts, index.keyframes]).view(np.uint8)
    if values.size:
        ring.reserve(values.size, 1)
        ring.divide(values.size, 1)
        np.copyto(ring.slot(0), values)
    unit = index.time_base
    return {
        "say": "answer",
        "frames": len(index.pts),
        "keys": len(index.keyframes),
        "unit": [unit.numerator, unit.denominator],
        "doubt": index.doubt,
    }
