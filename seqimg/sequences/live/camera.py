"""Cameras at this machine: `camera:0`, `camera:0?size=1280x720&fps=30`, `/dev/video0`."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl

import av
import av.container
import av.error
from av.device import enumerate_input_devices

from seqimg.errors import UnavailableError, UsageError
from seqimg.sequences.base import OnError, SequenceError
from seqimg.sequences.live.reader import OPEN_SECONDS, READ_SECONDS, StreamedVideo

__all__ = ["CameraDevice", "open_camera"]

_SCHEME = "camera:"
_SIZE = re.compile(r"\d{1,5}x\d{1,5}")
_RATE = re.compile(r"\d{1,4}(\.\d{1,6})?(/\d{1,6})?")
_INPUTS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}


@dataclass(frozen=True, slots=True)
class CameraDevice:
    """A camera as FFmpeg calls it.

    Attributes:
        name: What the user called it.
        device: FFmpeg's name of it.
        input: FFmpeg's name of the kind of device.
        options: Size and rate, if asked for.

    Example:
        >>> CameraDevice.parse("camera:1?size=640x480", platform="linux")
        CameraDevice(name='camera:1', device='/dev/video1', input='v4l2', options={'video_size': '640x480'})
    """

    name: str
    device: str
    input: str
    options: dict[str, str]

    @classmethod
    def parse(cls, source: str, *, platform: str = sys.platform) -> "CameraDevice":
        """Read `camera:NUMBER`, `camera:NAME` or a device's path, and what stands behind a `?`.

        Raises:
            UsageError: It is something else.
            UnavailableError: There are no cameras on such a system.
        """
        name, _, query = source.partition("?")
        wanted = name.removeprefix(_SCHEME)
        if platform not in _INPUTS:
            raise UnavailableError(f"cannot read {name}", why=f"cameras are not known on {platform}")
        if not wanted:
            raise UsageError("camera: does not say which", hint="camera:0")
        if platform == "linux":
            device = f"/dev/video{wanted}" if wanted.isdigit() else wanted
            if not re.fullmatch(r"/dev/[\w./-]+", device) or ".." in device:
                raise UsageError(f"{name} is no camera", why="cameras are camera:0 or /dev/video0")
        else:
            device = _numbered(wanted, _INPUTS[platform]) if platform == "win32" else f"{wanted}:none"
        return cls(name, device, _INPUTS[platform], _options(name, query))


def open_camera(source: str, *, on_error: OnError = "error") -> StreamedVideo:
    """Open a camera.

    Args:
        source: `camera:0`, with `?size=1280x720&fps=30` if the camera's own choice is not wanted, or
            `/dev/video0`.
        on_error: What to do when the camera is lost.

    Raises:
        SequenceError: There is no such camera, or it cannot be used.
        UsageError: The text is wrong.
        UnavailableError: This FFmpeg cannot use cameras.
    """
    camera = CameraDevice.parse(source)
    if camera.input not in {name for names in av.formats_available for name in names.split(",")}:
        raise UnavailableError(
            f"cannot read {camera.name}",
            why=f"PyAV's FFmpeg lacks {camera.input}",
            hint=f"ffmpeg -f {camera.input} -i {camera.device} -f rawvideo -pix_fmt rgb24 - | seqimg … - --raw 640x480",
        )
    return StreamedVideo(camera.name, partial(_connected, camera), live=True, on_error=on_error)


@contextmanager
def _connected(camera: CameraDevice) -> Iterator[av.container.InputContainer]:
    if camera.input == "v4l2" and not Path(camera.device).exists():
        found = ", ".join(sorted(str(path) for path in Path("/dev").glob("video*"))) or "none"
        raise SequenceError(f"there is no {camera.name}", why=f"{camera.device} is missing; found: {found}")
    try:
        container = av.open(
            camera.device,
            mode="r",
            format=camera.input,
            container_options=camera.options,
            timeout=(OPEN_SECONDS, READ_SECONDS),
        )
    except av.error.FFmpegError as error:
        raise SequenceError(
            f"cannot read {camera.name}",
            why=f"{camera.device}: {error.strerror}",
            hint="close what else uses it" if error.errno == 16 else None,
        ) from error
    with container:
        yield container


def _options(name: str, query: str) -> dict[str, str]:
    checks = {"size": ("video_size", _SIZE), "fps": ("framerate", _RATE)}
    options = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        option, pattern = checks.get(key, ("", None))
        if pattern is None or not pattern.fullmatch(value):
            raise UsageError(
                f"{name} has no {key}={value}",
                why="size=WIDTHxHEIGHT and fps=NUMBER can be asked for",
                hint=f"'{name}?size=1280x720&fps=30'",
            )
        options[option] = value
    return options


def _numbered(wanted: str, kind: str) -> str:
    """Return DirectShow's name of a camera, which it knows by name only."""
    if not wanted.isdigit():
        return f"video={wanted}"
    names = [device.name for device in enumerate_input_devices(kind) if "video" in device.media_types]
    if int(wanted) >= len(names):
        raise SequenceError(f"there is no camera:{wanted}", why=f"found: {', '.join(names) or 'none'}")
    return f"video={names[int(wanted)]}"
