"""Video at an address: `http://`, `https://`, `rtsp://`, `rtsps://`."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from time import monotonic

import av
import av.container
import av.error

from seqimg.masking import masked
from seqimg.sequences.base import OnError, SequenceError
from seqimg.sequences.live.reader import OPEN_SECONDS, READ_SECONDS, RETRIES, StreamedVideo
from seqimg.sequences.video.container import DEMUXERS

__all__ = ["open_address"]

# Playlists are missing: an m3u8 may name any file of this machine and any address behind its firewall.
# The protocols an address may lead to, by redirection for example, are those it has itself.
_WEB = {
    "format_whitelist": f"{DEMUXERS},mpjpeg",
    "reconnect": "1",
    "reconnect_max_retries": str(RETRIES),
    "reconnect_delay_max": "4",
    "user_agent": "seqimg",
}
_CAMERA = {"format_whitelist": "rtsp,sdp,rtp", "rtsp_flags": "prefer_tcp"}
_OPTIONS = {
    "http": _WEB | {"protocol_whitelist": "http,https,tls,tcp"},
    "https": _WEB | {"protocol_whitelist": "https,tls,tcp"},
    "rtsp": _CAMERA | {"protocol_whitelist": "rtp,udp,tcp"},
    "rtsps": _CAMERA | {"protocol_whitelist": "rtp,srtp,udp,tcp,tls"},
}
_TIMES = (TimeoutError, av.error.ExitError)


def open_address(address: str, *, on_error: OnError = "error") -> StreamedVideo:
    """Open video at an address; `rtsp` and motion JPEG are live, anything else is read like a file.

    Args:
        address: The address; names, passwords and tokens in it are never shown.
        on_error: What to do about damage, and about a live connection that is lost.

    Raises:
        SequenceError: Nobody answers, or not with video.
    """
    scheme = address.partition(":")[0].lower()
    live = True if scheme.startswith("rtsp") else None
    connect = partial(_connected, address, _OPTIONS[scheme])
    return StreamedVideo(masked(address), connect, live=live, on_error=on_error)


@contextmanager
def _connected(address: str, options: dict[str, str]) -> Iterator[av.container.InputContainer]:
    begun = monotonic()
    try:
        container = av.open(
            address, mode="r", container_options=options, timeout=(OPEN_SECONDS, READ_SECONDS)
        )
    except (av.error.FFmpegError, UnicodeEncodeError, ValueError) as error:
        # The error's own text may hold the address, with all that is secret in it.
        raise SequenceError(f"cannot read {masked(address)}", why=_why(error, monotonic() - begun)) from None
    with container:
        if not container.streams:
            raise SequenceError(f"cannot read {masked(address)}", why="nothing came that could be video")
        yield container


def _why(error: Exception, seconds: float) -> str:
    # A camera that lets one wait for its first word is invalid data to FFmpeg.
    if isinstance(error, _TIMES) or seconds >= OPEN_SECONDS:
        return f"no answer within {OPEN_SECONDS:g} s"
    # What is not on the list of formats is an invalid argument to FFmpeg.
    if isinstance(error, av.error.InvalidDataError) or getattr(error, "errno", None) == errno.EINVAL:
        return "what comes from there is no video; playlists are not followed"
    if isinstance(error, av.error.ProtocolNotFoundError):
        return "this FFmpeg cannot speak to such an address"
    if isinstance(error, av.error.FFmpegError):
        return error.strerror or type(error).__name__
    return "the address is not valid text"
