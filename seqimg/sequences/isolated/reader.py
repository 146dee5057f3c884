"""Reading a sequence in a process of its own, which a file may bring down without harm.

`open_sequence(path, isolate=True)` returns what `open_sequence(path)` does, with the same frames, times,
damage and errors, but the reader runs in another process. If a file crashes it, makes it hang, or makes
it ask for too much memory, that costs this one sequence: a `SequenceError`
names the file, the frame and what happened; with `on_error="skip"` or `"truncate"` the pass ends there
and the loss stands in `damage`. The next sequence gets a fresh process.

- A process that gives no frame and no sign of work for 30 seconds is ended; `SEQIMG_DECODE_SECONDS` says
  another number.
- It may take 4 GiB of memory, twice the file's size and 64 frames beyond what it starts with;
  `SEQIMG_DECODE_MEMORY` says another number of GiB in place of the 4.
"""

import math
import os
import sys
import weakref
from collections.abc import Generator, Mapping
from collections.abc import Sequence as Several
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from seqimg.errors import SeqimgError, UsageError
from seqimg.sequences.base import Damage, Sequence, SequenceError
from seqimg.sequences.info import SequenceInfo, TimedFrame
from seqimg.sequences.isolated.decoder import (
    Decoder,
    DecoderGoneError,
    end_decoders,
    give_back,
    take,
    told_to_forget,
)
from seqimg.sequences.isolated.messages import Announced, Ended, Failed, Opened
from seqimg.sequences.isolated.ring import slots_for
from seqimg.sequences.live.masking import masked
from seqimg.sequences.pixeltypes import Pixels

__all__ = ["SECONDS", "IsolatedSequence", "Request", "can_isolate", "end_decoders"]

SECONDS = 30.0
"""How long a decoder may say nothing, unless `SEQIMG_DECODE_SECONDS` says otherwise."""

_MEMORY = 4.0
_MOST_PLACES = 50_000
_keys = count()


def can_isolate() -> bool:
    """Tell whether this system has what isolation needs: POSIX descriptors that are handed to children."""
    return os.name == "posix" and bool(sys.executable)


@dataclass(frozen=True, slots=True)
class Request:
    """What a decoder needs to know to open a sequence.

    Attributes:
        format: The format's name.
        source: A path, or an address as text.
        options: The reader's options.
    """

    format: str
    source: Path | str
    options: Mapping[str, Any]


class IsolatedSequence(Sequence):
    """A sequence whose reader runs in a process of its own.

    Processes are used again, one sequence after the other; each pass has one to itself while it lasts.

    Args:
        request: What to open.

    Raises:
        SeqimgError: What the reader raises; or a SequenceError because it died, hung or asked for too
            much memory.
    """

    def __init__(self, request: Request) -> None:
        self._request, self._key = request, next(_keys)
        self._seconds, self._memory = _limit("SECONDS", SECONDS), _limit("MEMORY", _MEMORY)
        self._place = masked(str(request.source))
        self._own: Decoder | None = None
        decoder = take(self._key)
        try:
            decoder.send(self._words("open"))
            message = decoder.receive(self._seconds)
            if isinstance(message, Failed) and message.expected:
                give_back(decoder)
                raise message.error()
            info = _checked(message)
        except DecoderGoneError as gone:
            decoder.kill()
            raise self._error(str(gone), None) from None
        except SeqimgError:
            raise
        except BaseException:
            decoder.kill()
            raise
        super().__init__(info)
        self._place = info.path
        decoder.known.add(self._key)
        if info.live:
            # The connection cannot be made twice, so the process belongs to this sequence.
            self._own = decoder
            weakref.finalize(self, decoder.kill)
        else:
            give_back(decoder)

    def close(self) -> None:
        """End every pass and release what it holds, the reader in the other process included."""
        super().close()
        if self._own is not None:
            self._own.kill()
            self._own = None
        told_to_forget(self._key)

    def _read(self) -> Generator[TimedFrame, None, None]:
        return self._pass(0)

    def _from(self, start: int) -> Generator[TimedFrame, None, None]:
        return self._pass(start)

    def _pick(self, indices: Several[int]) -> Generator[TimedFrame, None, None]:
        if isinstance(indices, range):
            yield from self._pass(indices)
            return
        # A message has an end, what people ask for has none.
        for start in range(0, len(indices), _MOST_PLACES):
            yield from self._pass(indices[start : start + _MOST_PLACES])

    def _pass(self, wanted: int | Several[int]) -> Generator[TimedFrame, None, None]:
        """Play the frames from a place on, or those at certain places."""
        decoder = self._own or take(self._key)
        place, ended = wanted if isinstance(wanted, int) else min(wanted, default=0), False
        try:
            for item in self._frames_of(decoder, wanted):
                if isinstance(item, TimedFrame):
                    place = item.index + 1
                    yield item
                else:
                    self.damage.append(item)
                    place = max(place, item.index + (item.count or 0))
            ended = True
        except DecoderGoneError as gone:
            decoder.kill()
            if not isinstance(wanted, int):
                place = next((index for index in wanted if index >= place), place)
            if self._request.options.get("on_error", "error") == "error":
                raise self._error(str(gone), place) from None
            self.damage.append(Damage(place, None, str(gone)))
        except SeqimgError:
            ended = True
            raise
        finally:
            self._leave(decoder, ended=ended)

    def _leave(self, decoder: Decoder, *, ended: bool) -> None:
        """Hand a decoder on, if need be with the order to stop."""
        if not ended:
            decoder.stale = True
            decoder.send({"do": "stop"})
        if decoder is not self._own:
            give_back(decoder)

    def _frames_of(
        self, decoder: Decoder, wanted: int | Several[int]
    ) -> Generator[TimedFrame | Damage, None, None]:
        """Yield what a decoder gives: frames, and before each what was left out."""
        info, ring = self.info, decoder.ring
        shape = _kind(info)[:3]
        size = math.prod(shape) * np.dtype(info.dtype).itemsize
        slots = slots_for(size)
        slot_bytes = -(-size // 64) * 64
        ring.reserve(slot_bytes, slots)
        ring.divide(slot_bytes, slots)
        decoder.known.add(self._key)
        decoder.send(
            self._words("pass") | {"wanted": _said(wanted), "slot_bytes": slot_bytes, "slots": slots}
        )
        number = unthanked = 0
        while True:
            message = decoder.receive(self._seconds)
            if isinstance(message, Opened):
                self._check_same(message.info)
                continue
            if isinstance(message, Announced):
                yield from message.damage
                pixels: Pixels = ring.slot(number)[:size].view(info.dtype).reshape(shape).copy()
                number, unthanked = number + 1, unthanked + 1
                if 2 * unthanked >= slots:
                    decoder.send({"do": "free", "count": unthanked})
                    unthanked = 0
                yield TimedFrame(message.index, message.time, pixels)
            elif isinstance(message, Ended):
                yield from message.damage
                return
            elif isinstance(message, Failed):
                yield from message.damage
                if message.expected:
                    raise message.error()
                raise DecoderGoneError(f"its decoder failed ({message.message})")
            else:
                raise DecoderGoneError("its decoder answered out of turn")

    def _words(self, do: str) -> dict[str, object]:
        request = self._request
        return {
            "do": do,
            "key": self._key,
            "cwd": _current_folder(),
            "format": request.format,
            "source": str(request.source),
            "is_path": isinstance(request.source, Path),
            "options": dict(request.options),
            "memory": int(self._memory * 2**30),
        }

    def _check_same(self, found: SequenceInfo) -> None:
        """Compare what a decoder opened anew with what was opened first."""
        if _kind(found) != _kind(self.info):
            raise DecoderGoneError("it changed since it was opened")

    def _error(self, reason: str, place: int | None) -> SequenceError:
        if place is None:
            return SequenceError(f"cannot open {self._place}", why=reason)
        return SequenceError(
            f"cannot read {self._place} from frame {place} on",
            why=reason,
            hint="--on-error truncate, to use the frames before" if place else None,
        )


def _kind(info: SequenceInfo) -> tuple[int, int, int, str]:
    return info.height, info.width, info.channels, info.dtype


def _said(wanted: int | Several[int]) -> object:
    """Return places as a message says them: a range may be as long as the sequence."""
    if isinstance(wanted, range):
        return {"range": [wanted.start, wanted.stop, wanted.step]}
    return wanted if isinstance(wanted, int) else list(wanted)


def _checked(message: object) -> SequenceInfo:
    if isinstance(message, Failed):
        raise DecoderGoneError(f"its decoder failed ({message.message})")
    if not isinstance(message, Opened):
        raise DecoderGoneError("its decoder answered out of turn")
    return message.info


def _current_folder() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


def _limit(name: str, default: float) -> float:
    variable = f"SEQIMG_DECODE_{name}"
    text = os.environ.get(variable, "")
    try:
        value = float(text or default)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise UsageError(f"{variable} is {text!r}", why="it must be a number above 0")
    return value
