"""Decoding a video stream so that every frame is accounted for."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import av
import av.container
import av.error
import av.video.frame
import av.video.stream

from seqimg.sequences.isolated.pulse import pulse
from seqimg.sequences.video.ledger import Ledger
from seqimg.sequences.video.packets import packet_decoder, packets_of
from seqimg.sequences.video.tail import Tail
from seqimg.sequences.video.tears import tears_of

__all__ = ["Decoded", "decode"]


@dataclass(frozen=True, slots=True)
class Decoded:
    """What came out next: a frame, or damage (`reason`), or frames found missing.

    Attributes:
        frame: The frame, or None.
        lost: How many frames went missing directly before it, or before the end.
        reason: What is damaged; the frames it costs are counted when the next good one appears.
        ends: Whether the file ends here, before it should.
    """

    frame: av.video.frame.VideoFrame | None = None
    lost: int = 0
    reason: str | None = None
    ends: bool = False


def decode(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> Iterator[Decoded]:
    """Yield the frames of `stream` in order, and what is damaged where it is met.

    After damage the next frame is the next one that needs none before it: what the decoder patches up
    is dropped, and so is what it builds on that. Damage that the decoder does not notice stays unseen.
    """
    ledger, tail, tears = Ledger(container, stream), Tail(container, stream), tears_of(container, stream)
    source, decode_packet = packets_of(container, stream), packet_decoder(stream)
    queue = _Queue(ledger)
    while True:
        packet = None
        pulse()
        try:
            packet = next(source, None)
            if packet is None:
                break
            if tears.is_torn_before(packet):
                ledger.tear(tears.lost(packet))
            ledger.expect(packet)
            tail.note(packet)
            frames = decode_packet(packet)
        except av.error.FFmpegError as error:
            ledger.fail(packet)
            queue.drop()
            yield Decoded(reason=error.strerror or str(error))
            continue
        for frame in frames:
            if tail.is_beyond(frame):
                yield from queue.release(frame)
                break
            yield from _judged(frame, ledger, queue)
    queue.drop()
    lost = ledger.settle()
    if lost and not ledger.astray:
        yield Decoded(reason="the last frames are missing")
    yield Decoded(lost=lost)
    if tail.missing:
        yield Decoded(reason=tail.missing, ends=True)


def _judged(frame: av.video.frame.VideoFrame, ledger: Ledger, queue: "_Queue") -> Iterator[Decoded]:
    """Yield what a frame that came out is worth, and those it makes sure of."""
    if ledger.contradicts(frame):
        queue.drop()
        yield Decoded(lost=ledger.settle())
        yield Decoded(reason="its times contradict each other: no place is sure from here", ends=True)
        return
    fault = ledger.fault(frame)
    if fault:
        queue.drop()
        yield Decoded(reason=fault, ends=ledger.adrift)
    if ledger.is_sound(frame):
        yield from queue.add(frame)


class _Queue:
    """Frames held back until what they may build on has come out sound, though it is shown later."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._held: deque[tuple[av.video.frame.VideoFrame, int | None]] = deque()

    def add(self, frame: av.video.frame.VideoFrame) -> Iterator[Decoded]:
        """Take in a sound frame; yield those that wait no longer."""
        self._held.append((frame, self._ledger.take(frame)))
        yield from self.release(frame)

    def release(self, latest: av.video.frame.VideoFrame) -> Iterator[Decoded]:
        """Yield those that wait no longer now that `latest` is out."""
        while self._held and not latest.is_corrupt:
            frame, until = self._held[0]
            if until is not None and (latest.pts is None or latest.pts < until):
                return
            self._held.popleft()
            yield Decoded(frame, self._ledger.settle(frame.pts))

    def drop(self) -> None:
        """Count all as lost."""
        self._ledger.lose(len(self._held))
        self._held.clear()
