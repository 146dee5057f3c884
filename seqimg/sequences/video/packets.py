"""Packets of video, before they are decoded, and what decodes them."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import av
import av.codec
import av.codec.codec
import av.container
import av.video.codeccontext
import av.video.frame
import av.video.stream

from seqimg.sequences.isolated.standstill import watched
from seqimg.sequences.limits import MAX_PIXELS
from seqimg.sequences.video.h264_header import may_have_fields

__all__ = [
    "PacketDecoder",
    "is_hidden",
    "is_whole",
    "packet_decoder",
    "packets_of",
    "states_alpha",
    "trusts_packets",
]

PacketDecoder = Callable[[av.Packet | None], list[av.video.frame.VideoFrame]]
"""Turns a packet into the frames that are ready by it; an empty one, or None, asks for all that are left."""

# Here each packet is one picture that is shown. Elsewhere a packet may be a field or show nothing.
_WHOLE_CONTAINERS = ("mov", "matroska")
_WHOLE_CODECS = (
    "h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "mjpeg", "png", "ffv1", "prores", "dnxhd", "rawvideo",
)  # fmt: skip
# FFmpeg's own decoders of these leave out transparency, which lies beside the pictures.
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def is_whole(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> bool:
    """Tell whether each packet that is not hidden comes out as one frame."""
    codec = stream.codec_context.name
    if not container.format.name.startswith(_WHOLE_CONTAINERS) or codec not in _WHOLE_CODECS:
        return False
    return codec != "h264" or not may_have_fields(stream.codec_context.extradata)


def is_hidden(packet: av.Packet, codec: str) -> bool:
    """Tell whether a packet is decoded but never shown: VP8 and VP9 have such, for others to build on."""
    if not codec.endswith(("vp8", "vp9")) or not packet.size:
        return False
    data = memoryview(packet)
    if codec.endswith("vp8"):
        return bool(data[0] & 0b0001_0000 == 0)
    # A superframe ends with its index and shows its last frame.
    if data[-1] & 0b1110_0000 == 0b1100_0000 or data[0] & 0b0011_0000 == 0b0011_0000:
        return False
    return bool(
        data[0] & 0b0000_1010 == 0
    )  # neither an existing frame to be shown, nor one that shows itself


def states_alpha(stream: av.video.stream.VideoStream) -> bool:
    """Tell whether the file says that transparency lies beside its pictures."""
    return bool(stream.metadata.get("alpha_mode") == "1")


def packets_of(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream
) -> Iterator[av.Packet]:
    """Yield the packets of one stream as they are stored, and an empty one behind the last."""
    source = container.demux(stream)
    # Where streams appear on the way, as in MPEG-TS, PyAV looks for more of them at the end than it has.
    with suppress(IndexError):
        yield from source


def packet_decoder(stream: av.video.stream.VideoStream) -> PacketDecoder:
    """Return what decodes the packets of `stream`, with their transparency if there is any."""
    name = _alpha_decoder(stream)
    if name is None:
        return watched(lambda packet: stream.decode(packet))
    context = av.CodecContext.create(name, "r")
    assert isinstance(context, av.video.codeccontext.VideoCodecContext)
    context.extradata = stream.codec_context.extradata
    context.thread_count = stream.codec_context.thread_count
    context.options = {"max_pixels": str(MAX_PIXELS)}
    return watched(lambda packet: context.decode(packet if packet is not None and packet.size else None))


def trusts_packets(stream: av.video.stream.VideoStream) -> bool:
    """Tell whether only packets say what is a keyframe: these decoders do not."""
    return _alpha_decoder(stream) is not None


def _alpha_decoder(stream: av.video.stream.VideoStream) -> str | None:
    name = _WITH_ALPHA.get(stream.codec_context.name) if states_alpha(stream) else None
    if name is not None:
        with suppress(av.codec.codec.UnknownCodecError):
            av.codec.Codec(name, "r")
            return name
    return None
