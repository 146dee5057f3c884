"""The newest moment, for whoever looks: a viewer takes it when it is free, and the stream waits for nobody."""

import asyncio
import json
import math
import struct
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from seqimg.live.pictures import Moment, Part, Quality

__all__ = ["Hub", "Viewer", "packed"]

_LONGEST = 300  # letters of a line or of a cell of a table
_IN_FLIGHT = 2
"""Moments that are on their way to one viewer, at most."""


@dataclass(eq=False)
class Viewer:
    """One page that looks.

    Attributes:
        parts: What it wants to see.
        quality: How good.
        latency: Milliseconds from when a frame came until this viewer had it on the screen and said so.
        woken: Set when there may be something to send.
        notes: What is to be said to this viewer alone.
        status_due: Whether it is to be told how things stand.
        leaving: Whether it is to be told that the server ends.
    """

    parts: tuple[Part, ...] = ("output",)
    quality: Quality = "medium"
    latency: float | None = None
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    notes: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=8))
    status_due: bool = True
    leaving: bool = False
    _sent: int = 0
    _flying: dict[int, float] = field(default_factory=dict)

    def look(self, parts: tuple[Part, ...], quality: Quality) -> None:
        """Look at something else, at once."""
        self.parts, self.quality, self._sent = parts, quality, 0
        self.woken.set()

    def tell(self, note: dict[str, Any]) -> None:
        """Have a note sent to this viewer alone."""
        self.notes.append(note)
        self.woken.set()

    def free_for(self, moment: Moment | None) -> bool:
        """Whether a moment is to be sent: it is newer, and not too much is on its way already."""
        return moment is not None and moment.number > self._sent and len(self._flying) < _IN_FLIGHT

    def sending(self, moment: Moment) -> None:
        """Note that a moment is on its way."""
        self._sent = moment.number
        self._flying[moment.number] = moment.at

    def drawn(self, number: int) -> None:
        """Take in that a moment is on the screen: it, and all before it, have arrived."""
        at = self._flying.get(number)
        if at is None:
            return
        self.latency = (time.monotonic() - at) * 1000
        self._flying = {other: when for other, when in self._flying.items() if other > number}
        self.woken.set()


class Hub:
    """Where moments go, and viewers look.

    Attributes:
        viewers: Who looks.
        latest: The newest moment, None before the first.
        most: How many may look at once.
        hearers: Told each moment, in the thread of whoever publishes it.
    """

    def __init__(self, *, most: int = 8) -> None:
        self.viewers: set[Viewer] = set()
        self.latest: Moment | None = None
        self.most = most
        self.hearers: list[Callable[[Moment], object]] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to wake viewers, which live in this loop."""
        self._loop = loop

    def publish(self, moment: Moment) -> None:
        """Show a moment, from any thread."""
        self.latest = moment
        for hear in self.hearers:
            hear(moment)
        loop = self._loop
        if loop is not None and self.viewers:
            with suppress(RuntimeError):  # the loop has ended just now
                loop.call_soon_threadsafe(self._wake)

    def wake_for_status(self) -> None:
        """Have every viewer told how things stand."""
        for viewer in self.viewers:
            viewer.status_due = True
            viewer.woken.set()

    def dismiss(self) -> None:
        """Have every viewer told that the server ends."""
        for viewer in self.viewers:
            viewer.leaving = True
            viewer.woken.set()

    def _wake(self) -> None:
        for viewer in self.viewers:
            viewer.woken.set()


def packed(moment: Moment, parts: tuple[Part, ...], quality: Quality) -> bytes:
    """Return a moment as one message: four bytes that say how long the words are, words as JSON, pictures."""
    found = [(part, moment.encoded(part, quality)) for part in parts]
    if not any(one is not None for part, one in found if part != "bare"):
        # There is no such picture: an answer of another size has no difference, and the first is still to come.
        other: Part = "input" if moment.answer is None else "output"
        found.append((other, moment.encoded(other, quality)))
    about = {
        "number": moment.number,
        "frame": moment.place,
        "time": round(moment.time, 3),
        "age": moment.age,
        "fresh": moment.fresh,
        "answered": moment.answer is not None,
        "line": _short(moment.line),
        "bare_line": _short(moment.bare_line),
        "rows": [{name: _short(value) for name, value in row.items()} for row in moment.rows],
        "parts": [
            {"part": part, "bytes": len(one.data), "width": one.width, "height": one.height, "full": one.full}
            for part, one in found
            if one is not None
        ],
    }
    words = json.dumps(about).encode()
    return b"".join(
        [struct.pack(">I", len(words)), words, *(one.data for _, one in found if one is not None)]
    )


def _short(value: object) -> object:
    """Return a value as a page can show it: not too long, and no number that JSON does not know."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float) else str(value)[:_LONGEST]
