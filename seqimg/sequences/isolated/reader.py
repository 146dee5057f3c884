"""Reading a sequence in a process of its own, which a file may bring down without harm.

`open_sequence(path, isolate=True)` returns what `open_sequence(path)` does, with the same frames, times,
damage and errors, but the reader runs in another process. If a file crashes it, makes it hang, or makes
it ask for too much memory, that costs this one sequence: a `SequenceError`
names the file, the frame and what happened; with `on_error="skip"` or `"truncate"` the pass ends there
and the loss stands in `damage`. The next sequence gets a fresh process.

- A decoder whose threads wait for each other is given up after 4 seconds, and the sequence is read again with
  one frame decoded at a time, from the frame on that did not come.
- A process that gives no frame and no sign of work for 30 seconds is ended; `SEQIMG_DECODE_SECONDS` says
  another number. Until it has loaded what it reads with, it has a minute.
- It may take 4 GiB of memory, twice the file's size and 64 frames beyond what it starts with;
  `SEQIMG_DECODE_MEMORY` says another number of GiB in place of the 4.
"""

import math
import weakref
from bisect import bisect_left
from collections.abc import Generator
from collections.abc import Sequence as Several

import numpy as np

from seqimg.errors import SeqimgError
from seqimg.masking import masked
from seqimg.sequences.base import Damage, Sequence, SequenceError
from seqimg.sequences.info import SequenceInfo, TimedFrame
from seqimg.sequences.isolated.decoder import (
    Decoder,
    DecoderGoneError,
    StandstillError,
    end_decoders,
    give_back,
    take,
    told_to_forget,
)
from seqimg.sequences.isolated.messages import Announced, Ended, Failed, Opened
from seqimg.sequences.isolated.request import (
    Request,
    can_isolate,
    memory_allowed,
    new_key,
    said,
    seconds_allowed,
    words,
)
from seqimg.sequences.isolated.ring import slots_for
from seqimg.sequences.pixeltypes import Pixels

__all__ = ["IsolatedSequence", "Request", "can_isolate", "end_decoders"]

_MOST_PLACES = 50_000


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
        self._request, self._key = request, new_key()
        self._seconds, self._memory = seconds_allowed(), memory_allowed()
        self._place = masked(str(request.source))
        self._own: Decoder | None = None
        self._playing: Decoder | None = None
        self._careful = False
        try:
            decoder, info = self._opened()
        except StandstillError:
            self._careful = True
            decoder, info = self._opened()
        super().__init__(info)
        self._place = info.path
        decoder.known.add(self._key)
        if info.live:
            # The connection cannot be made twice, so the process belongs to this sequence.
            self._own = decoder
            weakref.finalize(self, decoder.kill)
        else:
            give_back(decoder)

    def _opened(self) -> tuple[Decoder, SequenceInfo]:
        """Have a decoder open the sequence.

        Raises:
            StandstillError: Its threads wait for each other, which they might not if it were careful.
        """
        decoder = take(self._key)
        try:
            decoder.send(self._words("open"))
            message = decoder.receive(self._seconds)
            if isinstance(message, Failed) and message.expected:
                give_back(decoder)
                raise message.error()
            return decoder, _checked(message)
        except DecoderGoneError as gone:
            decoder.kill()
            if isinstance(gone, StandstillError) and not self._careful:
                raise
            raise self._error(str(gone), None) from None
        except SeqimgError:
            raise
        except BaseException:
            decoder.kill()
            raise

    def interrupt(self) -> None:
        """End the process that a pass is waiting for."""
        if (decoder := self._playing) is not None:
            decoder.end()

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
        place = wanted if isinstance(wanted, int) else min(wanted, default=0)
        try:
            for item in self._items(wanted):
                if isinstance(item, TimedFrame):
                    place = item.index + 1
                    yield item
                else:
                    place = max(place, item.index + (item.count or 0))
                    self.damage.append(item)
        except StandstillError as gone:
            if self._careful or self._own is not None:
                self._end_at(place, wanted, gone)
                return
            self._careful = True
            # Frames are taken up where they stopped; what was left out before is known.
            yield from self._pass(place if isinstance(wanted, int) else wanted[bisect_left(wanted, place) :])
        except DecoderGoneError as gone:
            self._end_at(place, wanted, gone)

    def _end_at(self, place: int, wanted: int | Several[int], gone: DecoderGoneError) -> None:
        """Follow the policy on damage where a decoder is gone."""
        if not isinstance(wanted, int):
            place = next((index for index in wanted if index >= place), place)
        if self._request.options.get("on_error", "error") == "error":
            raise self._error(str(gone), place) from None
        self.damage.append(Damage(place, None, str(gone)))

    def _items(self, wanted: int | Several[int]) -> Generator[TimedFrame | Damage, None, None]:
        """Yield what a decoder gives that is taken for this, and not used again if it is gone."""
        decoder, ended = self._own or take(self._key), False
        known, self._playing = len(self.damage), decoder
        try:
            for item in self._frames_of(decoder, wanted):
                if isinstance(item, TimedFrame) or item not in self.damage[:known]:
                    yield item
            ended = True
        except DecoderGoneError:
            decoder.kill()
            raise
        except SeqimgError:
            ended = True
            raise
        finally:
            self._playing = None
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
        decoder.send(self._words("pass") | {"wanted": said(wanted), "slot_bytes": slot_bytes, "slots": slots})
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
        return words(do, self._request, key=self._key, memory=self._memory, careful=self._careful)

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


def _checked(message: object) -> SequenceInfo:
    if isinstance(message, Failed):
        raise DecoderGoneError(f"its decoder failed ({message.message})")
    if not isinstance(message, Opened):
        raise DecoderGoneError("its decoder answered out of turn")
    return message.info
