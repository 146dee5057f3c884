"""Video files of every make, whose frames carry their number."""

from dataclasses import dataclass, field
from pathlib import Path

import av
import pytest

from tests.sequences.numbered import encode

__all__ = ["MAKES", "Make"]


@dataclass(frozen=True)
class Make:
    """How a file is made.

    Attributes:
        name: Its name; the suffix is that of the container.
        codec: The encoder.
        options: The encoder's options.
        pixel_format: FFmpeg's name.
        times: When each frame is shown, in hundredths of a second; None for a constant rate.
        count: Number of frames.
        jumps: Whether frames can be jumped to; where not, all is decoded from the start.
    """

    name: str
    codec: str
    options: dict[str, str] = field(default_factory=dict)
    pixel_format: str = "yuv420p"
    times: tuple[int, ...] | None = None
    count: int = 60
    jumps: bool = True

    def write(self, folder: Path) -> Path:
        """Write the file; a missing encoder skips the test."""
        if self.codec not in av.codecs_available:
            pytest.skip(f"this FFmpeg has no {self.codec}")
        path = folder / self.name
        if not path.exists():
            times = None if self.times is None else list(self.times)
            count = self.count if times is None else len(times)
            encode(
                path,
                self.codec,
                count,
                pixel_format=self.pixel_format,
                times=times,
                options=self.options,
            )
        return path


_X265 = "log-level=none:pools=none:frame-threads=1:keyint=10:min-keyint=10:scenecut=0"
_VP9 = {"deadline": "good", "cpu-used": "5", "lag-in-frames": "12", "auto-alt-ref": "1", "g": "12"}
_VARYING = tuple(sorted({time * time % 997 + 3 * time for time in range(60)}))

MAKES = (
    Make("b.mp4", "libx264", {"bf": "3", "g": "12", "b_strategy": "0"}),
    Make("b.mkv", "libx264", {"bf": "3", "g": "12", "b_strategy": "0"}),
    Make("rare.mp4", "libx264", {"bf": "3", "g": "600"}),
    Make("open.mp4", "libx264", {"bf": "3", "x264-params": "open-gop=1:keyint=10:scenecut=0"}),
    Make("open.mkv", "libx264", {"bf": "3", "x264-params": "open-gop=1:keyint=10:scenecut=0"}),
    Make("open.ts", "libx264", {"bf": "2", "x264-params": "open-gop=1:keyint=10"}, jumps=False),
    # The file marks as keyframes what needs ten frames more to be whole.
    Make("refresh.mkv", "libx264", {"x264-params": "intra-refresh=1:keyint=20:scenecut=0"}),
    Make("varying.mkv", "libx264", {"bf": "2", "g": "8"}, times=_VARYING),
    Make("varying.mp4", "libx264", {"bf": "2", "g": "8"}, times=_VARYING),
    Make("ten.mp4", "libx264", {"g": "12"}, pixel_format="yuv420p10le"),
    Make("hevc.mp4", "libx265", {"x265-params": f"{_X265}:bframes=3"}),
    Make("hevc-open.mp4", "libx265", {"x265-params": f"{_X265}:bframes=3:open-gop=1"}),
    Make("hevc-open.mkv", "libx265", {"x265-params": f"{_X265}:bframes=3:open-gop=1"}),
    Make("av1.mp4", "libsvtav1", {"preset": "10", "g": "12", "crf": "20", "svtav1-params": "lp=1"}),
    Make("vp8.webm", "libvpx", {**_VP9, "g": "12"}),
    Make("vp9.webm", "libvpx-vp9", _VP9),
    Make("vp9.mkv", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "g": "12"}),
    Make("intra.mov", "mjpeg", pixel_format="yuvj420p"),
    Make("intra.mkv", "ffv1"),
    Make("png.mov", "png", pixel_format="rgb24"),
    Make("animation.mov", "qtrle", pixel_format="rgb24", jumps=False),
    Make("four.mp4", "mpeg4", {"bf": "2", "g": "12"}, jumps=False),
    Make("four.avi", "mpeg4", {"g": "12"}, jumps=False),
    Make("packed.avi", "mpeg4", {"bf": "2", "g": "12"}, jumps=False),
    Make("shuffled.avi", "libx264", {"bf": "3", "g": "12", "b_strategy": "0"}, jumps=False),
    Make("intra.avi", "mjpeg", pixel_format="yuvj420p", jumps=False),
    Make("two.ts", "mpeg2video", {"bf": "2", "g": "12"}, jumps=False),
    Make("two.mpg", "mpeg2video", {"bf": "2", "g": "12"}, jumps=False),
    Make("two.mkv", "mpeg2video", {"bf": "2", "g": "12"}, jumps=False),
    Make("flash.flv", "flv", {"g": "12"}, jumps=False),
    Make("old.wmv", "wmv2", {"g": "12"}, jumps=False),
    Make("raw.y4m", "rawvideo", jumps=False),
    Make("colours.gif", "gif", pixel_format="rgb8", jumps=False),
    Make("one.mp4", "libx264", count=1),
    Make("two.mp4", "libx264", count=2),
)
"""One of each kind that is met."""
