"""Video that comes from elsewhere than a local file: from a camera or through a network."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from itertools import chain

import av
import av.container
import av.error
import av.video.frame
import av.video.reformatter
import av.video.stream

from seqimg.sequences.base import (
    ASSUMED_FPS,
    Damage,
    OnError,
    Sequence,
    SequenceError,
    SequenceInfo,
    TimedFrame,
)
from seqimg.sequences.isolated.pulse import pulse
from seqimg.sequences.limits import check_size, value_range_of
from seqimg.sequences.pixeltypes import Pixels
from seqimg.sequences.video.container import frame_rate, video_stream
from seqimg.sequences.video.decoding import Decoded, decode
from seqimg.sequences.video.pixels import VideoPixels, pixel_aspect, plan_pixels

__all__ = ["OPEN_SECONDS", "READ_SECONDS", "RETRIES", "Connect", "StreamedVideo"]

OPEN_SECONDS = 15.0
"""How long a connection may take to be made, the first frames included."""

READ_SECONDS = 15.0
"""How long the next frame may take to come."""

RETRIES = 3
"""How often a lost connection is tried again, after 1, 2 and 4 seconds."""

Connect = Callable[[], AbstractContextManager[av.container.InputContainer]]
"""Makes a connection; raises a SequenceError that says why it cannot be made."""

_TIMEOUT = "Immediate exit requested"  # FFmpeg's words when our time limit ends a call


@dataclass
class _Connection:
    container: av.container.InputContainer
    stream: av.video.stream.VideoStream
    steps: Iterator[Decoded]
    stack: ExitStack


class StreamedVideo(Sequence):
    """Video over a connection.

    What is live has one pass, which begins with the first frame that came. Anything else is read from
    the start with a new connection each time.

    Args:
        name: What to call it, without credentials.
        connect: Makes a connection.
        live: Whether it happens now; None to tell by what comes.
        on_error: What to do about damage, and about a connection that is lost: `"skip"` connects
            again, up to three times, and counts the frames missed meanwhile by the clock.

    Raises:
        SequenceError: There is no connection, or no video comes through it.
    """

    def __init__(
        self, name: str, connect: Connect, *, live: bool | None = None, on_error: OnError = "error"
    ) -> None:
        self._name, self._connect, self._on_error = name, connect, on_error
        self._place, self._seconds, self._seen = 0, 0.0, time.monotonic()
        self._begun = False
        self._first: _Connection | None = None
        connection = self._connected()
        try:
            if live is None:
                live = connection.container.format.name == "mpjpeg"
            if live:
                # Threads for several frames would hold frames back.
                connection.stream.thread_type = "SLICE"
            frame = _first_frame(name, connection, on_error, live)
            self._convert = plan_pixels(frame)
            super().__init__(_info(name, connection, frame, self._convert, live))
        except BaseException:
            connection.stack.close()
            raise
        if live:
            self._first = connection
        else:
            connection.stack.close()

    def close(self) -> None:
        """End the pass and the connection."""
        super().close()
        if self._first is not None:
            self._first.stack.close()
            self._first = None

    def _connected(self) -> _Connection:
        with ExitStack() as stack:
            container = stack.enter_context(self._connect())
            stream = video_stream(container, self._name)
            return _Connection(container, stream, decode(container, stream), stack.pop_all())
        raise AssertionError

    def _read(self) -> Generator[TimedFrame, None, None]:
        if not self.info.live:
            self._place, self._seconds = 0, 0.0
        elif self._begun or self._first is None:
            raise SequenceError(f"{self._name} is live and was read already", hint="open it again")
        self._begun = True
        connection: _Connection | None = self._first or self._connected()
        self._first = None
        while connection is not None:
            try:
                broken = yield from self._play(connection.steps)
            finally:
                connection.stack.close()
            connection = None if broken is None else self._again(broken)

    def _play(self, steps: Iterator[Decoded]) -> Generator[TimedFrame, None, str | None]:
        """Yield frames until the end; return why, if the connection did not end well."""
        reformatter = av.video.reformatter.VideoReformatter()
        reason: str | None = None
        begin, start = self._seconds, None
        for step in steps:
            if step.reason is not None:
                reason = _said(step.reason)
                if self._ends_at(reason):
                    return None
                continue
            if step.lost:
                if reason is None and self._ends_at("frames are missing"):
                    return None
                self._lose(step.lost, reason or "frames are missing")
            if step.frame is None:
                continue
            reason = None
            at = float(self._place / (self.info.fps or ASSUMED_FPS))
            at = at if step.frame.time is None else step.frame.time
            start = at if start is None else start
            self._seconds, self._seen = begin + at - start, time.monotonic()
            frame = TimedFrame(self._place, self._seconds, self._pixels(step.frame, reformatter))
            self._place += 1
            yield frame
        if reason is not None and not self.info.live:
            self._lose(None, reason)
        return reason if self.info.live else None

    def _lose(self, count: int | None, reason: str) -> None:
        self.damage.append(Damage(self._place, count, reason))
        self._place += count or 0

    def _ends_at(self, reason: str) -> bool:
        """Follow the policy on damage: raise, or tell whether the pass ends here."""
        if self._on_error == "error":
            hint = "skip, to connect again, or --on-error truncate" if self.info.live else "truncate"
            raise SequenceError(
                f"{self._name} broke off at frame {self._place}", why=reason, hint=f"--on-error {hint}"
            )
        if self._on_error == "truncate":
            self._lose(None, reason)
            return True
        return False

    def _again(self, reason: str) -> _Connection | None:
        """Return a new connection, or None if there is none to be had."""
        for attempt in range(RETRIES):
            for _ in range(10 * 2**attempt):
                time.sleep(0.1)
                pulse()
            try:
                connection = self._connected()
            except SequenceError:
                continue
            connection.stream.thread_type = "SLICE"
            missed = time.monotonic() - self._seen
            lost = max(1, round(missed * (self.info.fps or ASSUMED_FPS)))
            self._lose(lost, f"{reason}; connected again after {missed:.1f} s")
            self._seconds += missed
            return connection
        self._lose(None, f"{reason}; tried {RETRIES} times to connect again")
        return None

    def _pixels(
        self, frame: av.video.frame.VideoFrame, reformatter: av.video.reformatter.VideoReformatter
    ) -> Pixels:
        try:
            pixels = self._convert(reformatter, frame)
        except av.error.FFmpegError as error:
            raise SequenceError(
                f"cannot convert frame {self._place} of {self._name}", why=error.strerror
            ) from error
        info = self.info
        if pixels.shape != (info.height, info.width, info.channels):
            raise SequenceError(
                f"{self._name} changes its frame size at frame {self._place}",
                why=f"from {info.width} by {info.height} to {pixels.shape[1]} by {pixels.shape[0]}",
            )
        return pixels


def _first_frame(
    name: str, connection: _Connection, on_error: OnError, live: bool
) -> av.video.frame.VideoFrame:
    """Return the first frame, and put it back."""
    why = "it holds no frames"
    steps = connection.steps
    for step in steps:
        if step.frame is not None:
            connection.steps = chain([Decoded(step.frame)], steps)
            return step.frame
        if step.reason is not None:
            why = f"its first frame is damaged: {_said(step.reason)}"
            # Whoever joins what is live comes in the middle: frames that need those before are no damage.
            if on_error != "skip" and not live:
                break
    raise SequenceError(f"cannot read {name}", why=why)


def _said(reason: str) -> str:
    return f"nothing came for {READ_SECONDS:g} s" if reason == _TIMEOUT else reason


def _info(
    name: str, connection: _Connection, first: av.video.frame.VideoFrame, convert: VideoPixels, live: bool
) -> SequenceInfo:
    stream = connection.stream
    height, width = (first.width, first.height) if convert.turns % 2 else (first.height, first.width)
    check_size(name, height, width, convert.channels)
    aspect = pixel_aspect(stream)
    return SequenceInfo(
        path=name,
        format="live" if live else "video",
        height=height,
        width=width,
        channels=convert.channels,
        dtype=convert.dtype,
        value_range=value_range_of(convert.dtype),
        fps=frame_rate(connection.container, stream),
        frame_count=None if live else stream.frames or None,
        codec=stream.codec_context.name,
        rotation=90 * convert.turns,
        pixel_aspect=1 / aspect if convert.turns % 2 else aspect,
        pixel_format=convert.source_format,
        colour_range=convert.colour_range,
        live=live,
        notes=(*(["live"] if live else []), *convert.notes),
    )
