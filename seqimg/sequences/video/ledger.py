"""Which packets of a video stream have come out as frames, and which have not."""

import av
import av.container
import av.video.frame
import av.video.stream

from seqimg.sequences.video.beat import Beat
from seqimg.sequences.video.packets import is_hidden, is_whole, trusts_packets

__all__ = ["Ledger"]

_MAX_WAITING = 4096


class Ledger:
    """Packets that went into the decoder, by time stamp, until they come out as frames.

    Frames come out in the order of their time stamps, so packets that are older than the frame just
    out never will. Where each packet is a picture they are frames lost; elsewhere they are if they
    were inside when decoding failed.

    Args:
        container: The file.
        stream: Its video stream.

    Attributes:
        adrift: Whether nobody can tell the place of what comes next.
    """

    def __init__(self, container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> None:
        self._codec = stream.codec_context.name
        self._whole = is_whole(container, stream)
        # Some decoders do not say what is a keyframe.
        self._keys: set[int] | None = set() if trusts_packets(stream) else None
        # Files that state no order of showing have time stamps in decoding order, which proves nothing.
        self._ordered = not stream.codec_context.has_b_frames
        self._waiting: dict[int, int] = {}  # and how many packets were stored before
        self._stored = 0
        self._corrupt: set[int] = set()
        self._suspect: set[int] = set()  # inside when decoding failed
        self._doubtful: set[int] = set()  # the failure may be behind a keyframe of these
        self._lost = 0
        self._begun = self._astray = self.adrift = False
        self._beat = Beat(container, stream)
        self._tears: list[int] = []  # how many packets were stored before each
        self._costs: dict[int, int | None] = {}  # frames lost in each
        self._torn = False
        # Where times are only counted and frames are not shown as they are stored, nothing tells for certain.
        self._counts_shuffled = not self._beat.is_known and bool(stream.codec_context.has_b_frames)
        self._given_up: set[int] = set()  # lost, though nothing was wrong with them

    def expect(self, packet: av.Packet) -> None:
        """Take in a packet, before it is decoded."""
        if packet.pts is None or not packet.size or packet.is_discard or is_hidden(packet, self._codec):
            return
        self._ordered |= packet.pts != packet.dts
        if len(self._waiting) >= _MAX_WAITING:
            self._lost += len(self._waiting)
            self._waiting.clear()
            for times in (self._corrupt, self._suspect, self._doubtful, self._given_up):
                times.clear()
        if not self._stored and not self._tears:
            self._beat.begin(packet.pts)
        self._waiting[packet.pts] = self._stored
        self._stored += 1
        if self._keys is not None and packet.is_keyframe:
            self._keys.add(packet.pts)
        if packet.is_corrupt:
            self._corrupt.add(packet.pts)

    def tear(self, lost: int | None = 0) -> None:
        """Take note that the file cannot be read between the packet before and the next.

        Args:
            lost: How many frames that costs; 0 if their times tell, None if nothing does.
        """
        self._tears.append(self._stored)
        self._costs[self._stored] = lost
        if not self._stored:
            self._beat.begin(0)

    def fail(self, packet: av.Packet | None) -> None:
        """Take note that decoding failed, for this packet or one before it that is still inside."""
        self._begun = self._astray = True
        self._suspect |= self._waiting.keys()
        self._doubtful |= self._waiting.keys()
        self._lost += packet is not None and packet.pts is None and packet.size > 0

    def fault(self, frame: av.video.frame.VideoFrame) -> str | None:
        """Say what is newly wrong at this frame, if anything."""
        reason = None
        stored = self._waiting.get(frame.pts) if frame.pts is not None else None
        if self._tears and (stored is None or stored >= self._tears[0]):
            # All that was stored before it has come out or is shown later: nothing else is touched.
            self._pass_tears(stored)
            reason = "part of the file cannot be read"
        if frame.is_corrupt or frame.pts in self._corrupt:
            reason = "part of the frame is missing"
            self._suspect |= self._waiting.keys()
            self._lost += frame.pts is None
        elif self._begun and not self._astray and self._passed(frame.pts):
            reason = "the frame before is missing"
        if reason is not None:
            self._begun = self._astray = True
            if self._torn and (self.adrift or self._guesses):
                how = "not known" if self.adrift else "a guess"
                reason += f"; how many frames that costs is {how}"
        return reason

    @property
    def _guesses(self) -> bool:
        """Whether the number of frames that a tear costs is a guess."""
        return self._counts_shuffled or (self._beat.is_known and not self._beat.even)

    def _pass_tears(self, stored: int | None) -> None:
        """Leave the tears behind that lie before a packet, with what they cost."""
        passed = [tear for tear in self._tears if stored is None or tear <= stored]
        costs = [self._costs.pop(tear, 0) for tear in passed]
        self._tears = self._tears[len(passed) :]
        self._torn, self.adrift = True, None in costs
        self._lost += sum(filter(None, costs))

    def is_sound(self, frame: av.video.frame.VideoFrame) -> bool:
        """Tell whether a frame is whole and builds on none that is not; count it as lost otherwise."""
        if frame.is_corrupt or frame.pts in self._corrupt:
            return False
        is_key = frame.key_frame if self._keys is None else frame.pts in self._keys
        if is_key and frame.pts not in self._doubtful:
            self._astray = False
        if self._astray:
            self._suspect.add(frame.pts)
            self._lost += frame.pts is None
        return not self._astray

    def contradicts(self, frame: av.video.frame.VideoFrame) -> bool:
        """Tell whether a frame's time says that it was among those that were counted as lost."""
        return frame.pts is not None and frame.pts in self._given_up

    def take(self, frame: av.video.frame.VideoFrame) -> int | None:
        """Take a sound frame out; return until which time it waits, for one it may build on is shown later.

        What is stored before a frame and shown after it has to come out sound first.
        """
        stored = self._waiting.pop(frame.pts, None) if frame.pts is not None else None
        if stored is None:
            return None
        later = [time for time, before in self._waiting.items() if time > frame.pts and before < stored]
        return max(later, default=None)

    def lose(self, count: int) -> None:
        """Count frames as lost that had been taken out: what they may build on is not sound."""
        self._lost += count

    @property
    def astray(self) -> bool:
        """Whether damage was seen and no keyframe since."""
        return self._astray

    def settle(self, pts: int | None = None) -> int:
        """Return how many frames were lost before the one at `pts`, or before the end."""
        passed = self._passed(pts) if self._begun else set()
        if len(self._given_up) < _MAX_WAITING:
            self._given_up |= passed - self._suspect
        lost = self._lost + len(passed)
        end = max(self._waiting, default=None)
        self._waiting = {
            time: stored for time, stored in self._waiting.items() if pts is not None and time > pts
        }
        for times in (self._corrupt, self._suspect, self._doubtful):
            times &= self._waiting.keys()
        if self._keys is not None:
            self._keys &= self._waiting.keys()
        # What is stored behind a tear may be shown before what is stored in front of it.
        torn = self._torn or (bool(self._tears) and self._beat.even)
        if pts is not None:
            lost = self._beat.missing(pts, lost, torn=torn)
        elif lost and end is not None:  # the last that is lost is the last there was
            lost = self._beat.missing(end, lost - 1, torn=torn) + 1
        self._lost, self._begun, self._torn = 0, True, False
        return lost

    def _passed(self, pts: int | None) -> set[int]:
        """Return the frames that should have come out before the one at `pts`, or before the end."""
        older = {time for time in self._waiting if pts is None or time < pts}
        return older if self._whole and self._ordered else older & self._suspect
