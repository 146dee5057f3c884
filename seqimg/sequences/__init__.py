"""Sequences in and out: video files, frame folders, animated GIF and array stacks.

[open_sequence][seqimg.sequences.open_sequence] reads lazily, [save_sequence][seqimg.sequences.save_sequence]
writes as it goes, both in constant memory. Nothing heavy is imported until a name is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqimg.sequences.base import (
        ASSUMED_FPS,
        Damage,
        Sequence,
        SequenceError,
        SequenceInfo,
        SequenceWriter,
        TimedFrame,
    )
    from seqimg.sequences.convert import Conversion, Converted, convert_sequence
    from seqimg.sequences.geometry import Crop, Size
    from seqimg.sequences.open import is_still, open_configured, open_sequence
    from seqimg.sequences.publishing import SavedSequence
    from seqimg.sequences.save import open_writer, save_sequence
    from seqimg.sequences.selection import Moment, Span
    from seqimg.sequences.video.audio import AudioSource
    from seqimg.sequences.video.index import VideoIndex, index_video

__all__ = [
    "ASSUMED_FPS",
    "AudioSource",
    "Conversion",
    "Converted",
    "Crop",
    "Damage",
    "Moment",
    "SavedSequence",
    "Sequence",
    "SequenceError",
    "SequenceInfo",
    "SequenceWriter",
    "Size",
    "Span",
    "TimedFrame",
    "VideoIndex",
    "convert_sequence",
    "index_video",
    "is_still",
    "open_configured",
    "open_sequence",
    "open_writer",
    "save_sequence",
]

_HOMES = {
    "AudioSource": "seqimg.sequences.video.audio",
    "Conversion": "seqimg.sequences.convert",
    "Converted": "seqimg.sequences.convert",
    "convert_sequence": "seqimg.sequences.convert",
    "Crop": "seqimg.sequences.geometry",
    "Size": "seqimg.sequences.geometry",
    "Moment": "seqimg.sequences.selection",
    "Span": "seqimg.sequences.selection",
    "VideoIndex": "seqimg.sequences.video.index",
    "index_video": "seqimg.sequences.video.index",
    "is_still": "seqimg.sequences.open",
    "open_configured": "seqimg.sequences.open",
    "open_sequence": "seqimg.sequences.open",
    "SavedSequence": "seqimg.sequences.publishing",
    "open_writer": "seqimg.sequences.save",
    "save_sequence": "seqimg.sequences.save",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, "seqimg.sequences.base")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
