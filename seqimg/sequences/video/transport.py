"""Whether parts of an MPEG transport stream are missing or cannot be read: its packets are numbered."""

from pathlib import Path
from typing import BinaryIO

import av
import av.video.stream
import numpy as np

__all__ = ["Transport"]

# Bytes of a packet, and where in it the mark is: alone, with a time before it, with a check sum behind it.
_FORMS = ((188, 0), (192, 4), (204, 0))
_SYNC = 0x47
_MOST_BYTES = 2**26  # from one picture to the next


class Transport:
    """Follows the numbers of the packets that carry the pictures.

    Args:
        path: The file.
        stream: Its video stream.
    """

    def __init__(self, path: Path, stream: av.video.stream.VideoStream) -> None:
        self._path, self._stream_id = path, stream.id
        self._form: tuple[int, int] | None = None
        self._before: int | None = None

    def is_torn_before(self, packet: av.Packet) -> bool:
        """Tell whether something between the picture before and this one is missing or cannot be read."""
        if not packet.size or packet.pos is None or packet.pos < 0:
            return False
        before, here = self._before, packet.pos
        if before is not None and here <= before:
            return False  # several pictures begin in one packet
        self._before = here
        if before is None or here - before > _MOST_BYTES:
            return False
        try:
            with self._path.open("rb", buffering=0) as file:
                self._form = self._form or _form_at(file, before)
                if self._form is None:
                    return False
                file.seek(before)
                return not self._is_continuous(file.read(here - before + self._form[0]), *self._form)
        except OSError:
            return False

    def _is_continuous(self, data: bytes, size: int, mark: int) -> bool:
        if len(data) % size:
            return False
        packets = np.frombuffer(data, np.uint8).reshape(-1, size)[:, mark:]
        if (packets[:, 0] != _SYNC).any() or (packets[:, 1] & 0x80).any():
            return False
        numbers = (packets[:, 1] & 0x1F).astype(np.int64) << 8 | packets[:, 2]
        ours = packets[(numbers == self._stream_id) & (packets[:, 3] & 0x10 > 0)]
        # A packet may be sent twice, and one may say that the count begins anew.
        steps = np.diff(ours[:, 3] & 0xF) & 0xF
        anew = (ours[1:, 3] & 0x20 > 0) & (ours[1:, 4] > 0) & (ours[1:, 5] & 0x80 > 0)
        return bool(((steps <= 1) | anew).all())


def _form_at(file: BinaryIO, start: int) -> tuple[int, int] | None:
    """Return what packets are like, judged from one of them on; None if that cannot be told."""
    file.seek(start)
    data = file.read(4 * _FORMS[-1][0])
    fitting = (form for form in _FORMS if set(data[form[1] : 4 * form[0] : form[0]]) == {_SYNC})
    return next(fitting, None)
