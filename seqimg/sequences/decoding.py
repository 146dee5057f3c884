"""Decoding a video stream so that every frame is accounted for."""

from collections.abc import Iterator
from dataclasses import dataclass

import av
import av.container
import av.error
import av.video.frame
import av.video.stream

from seqimg.sequences.ledger import Ledger
from seqimg.sequences.packets import packet_decoder
from seqimg.sequences.pulse import pulse
from seqimg.sequences.tail import Tail

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
    ledger, tail = Ledger(container, stream), Tail(container, stream)
    source, decode_packet = container.demux(stream), packet_decoder(stream)
    while True:
        packet = None
        pulse()
        try:
            packet = next(source, None)
            if packet is None:
                break
            ledger.expect(packet)
            tail.note(packet)
            frames = decode_packet(packet)
        except av.error.FFmpegError as error:
            ledger.fail(packet)
            yield Decoded(reason=error.strerror or str(error))
            continue
        for frame in frames:
            if tail.is_beyond(frame):
                break
            fault = ledger.fault(frame)
            if fault:
                yield Decoded(reason=fault)
            if ledger.is_sound(frame):
                yield Decoded(frame, ledger.settle(frame.pts))
    lost = ledger.settle()
    if lost and not ledger.astray:
        yield Decoded(reason="the last frames are missing")
    yield Decoded(lost=lost)
    if tail.missing:
        yield Decoded(reason=tail.missing, ends=True)
