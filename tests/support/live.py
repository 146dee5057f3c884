"""A live page with a model small enough to be as quick as its source, and clients to look at it."""

import http.client
import json
import struct
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from seqimg.cli.resident import resident_bytes
from seqimg.config import Config, TaskConfig
from seqimg.data import Batch, Datasets, Part
from seqimg.live.browser_camera import BrowserCamera
from seqimg.live.engine import Engine
from seqimg.live.hub import Hub
from seqimg.live.pictures import Moment
from seqimg.live.recorder import Recorder
from seqimg.live.serving import LOOPBACK, LiveServer, listen
from seqimg.live.source import LiveSource
from seqimg.live.studio import Facts, Studio
from seqimg.modelfolder import LoadedModel
from seqimg.sequences import Sequence, SequenceInfo, TimedFrame
from seqimg.streaming import Stream
from seqimg.task import Baseline, Losses, Seen, Shown, Task

__all__ = [
    "Clip",
    "Glow",
    "GlowRun",
    "Serving",
    "clip_of",
    "engine_of",
    "glow",
    "serving",
    "squares",
    "until",
]

SIZE = (48, 64)


class GlowConfig(TaskConfig):
    """Nothing can be set."""


class GlowRun(Config):
    """Options of a run."""

    strength: float = Field(1.0, ge=0, le=2, description="How bright.")
    colour: Literal["plain", "inverted"] = Field("plain", description="Which way.")
    reach: int = Field(1, ge=1, le=1000, description="Wide range.")
    at_end: bool = Field(False, description="Say all at the end.")
    fail_at: int = -1


class GlowModel(nn.Module):
    """Half of what was, half of what is."""

    def __init__(self) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.tensor(0.5))

    def forward(self, frames: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        glow = frames[:, 0] if state is None else state + (frames[:, 0] - state) * self.share
        return glow[:, None], glow


class Glow(Task[GlowConfig, GlowRun, Tensor]):
    """A task of its own, as a third party would write it."""

    name = "glow"
    columns = ("frame", "mean")
    leading_metric = "none"
    Config = GlowConfig
    RunOptions = GlowRun
    slow: float = 0.0

    def datasets(self, part: Part = "test") -> Datasets:
        raise NotImplementedError

    def build_model(self) -> nn.Module:
        return GlowModel()

    def expected(self, batch: Batch) -> Any:
        raise NotImplementedError

    def loss(self, outputs: Tensor, batch: Batch) -> Losses:
        raise NotImplementedError

    def metrics(self) -> Any:
        raise NotImplementedError

    def baselines(self, model: nn.Module) -> Mapping[str, Baseline]:
        raise NotImplementedError

    def decode(self, outputs: Tensor) -> Iterable[Tensor]:
        return list(outputs[0])

    def draw(self, frame: Tensor, answer: Tensor) -> Tensor:
        return answer

    @classmethod
    def while_live(cls, options: GlowRun) -> GlowRun:
        return options.model_copy(update={"at_end": False})

    def show(self, stream: Stream, frames: Iterable[Seen], options: GlowRun) -> Iterator[Shown]:
        for seen in frames:
            if self.slow:
                time.sleep(self.slow)
            if 0 <= options.fail_at <= seen.index:
                raise ValueError("this task is broken")
            picture = stream.step(seen.frame, seen.time)[0, 0] * options.strength
            picture = 1 - picture if options.colour == "inverted" else picture
            row = {"frame": seen.index, "mean": round(float(picture.mean()), 4)}
            yield Shown(picture, (row,), f"glow {float(picture.mean()):.3f}")


class Clip(Sequence):
    """Frames from a function, with the time of a video."""

    def __init__(
        self,
        frame: Callable[[int], np.ndarray],
        count: int | None,
        *,
        fps: int = 50,
        live: bool = False,
        path: str = "clip.mp4",
        fails: str | None = None,
    ) -> None:
        height, width, channels = frame(0).shape
        super().__init__(
            SequenceInfo(
                path=path,
                format="video",
                height=height,
                width=width,
                channels=channels,
                dtype="uint8",
                value_range=(0, 255),
                fps=Fraction(fps),
                frame_count=count,
                live=live,
            )
        )
        self._frame, self._count, self._fps, self._fails = frame, count, fps, fails

    def _read(self) -> Generator[TimedFrame, None, None]:
        begun, index = time.monotonic(), 0
        while self._count is None or index < self._count:
            if self.info.live:  # a camera waits for nobody
                time.sleep(max(0.0, begun + index / self._fps - time.monotonic()))
            yield TimedFrame(index, index / self._fps, self._frame(index))
            index += 1
        if self._fails:
            from seqimg.sequences import SequenceError

            raise SequenceError(f"{self.info.path} broke off", why=self._fails)


def squares(index: int, *, channels: int = 3) -> np.ndarray:
    """A bright square that moves over grey."""
    frame = np.full((*SIZE, channels), 60, np.uint8)
    left = index * 2 % (SIZE[1] - 12)
    frame[18:30, left : left + 12] = (240, 200, 90)[:channels]
    return frame


def clip_of(count: int | None = 40, **options: Any) -> Callable[[], Clip]:
    """Return what opens a clip."""
    return lambda: Clip(options.pop("frame", squares), count, **options)


def glow(**config: Any) -> LoadedModel:
    """Return a model that is loaded already."""
    task = Glow(GlowConfig(channels=config.pop("channels", 3), **config))
    return LoadedModel(task, task.build_model().eval(), {}, (), {}, {})


def engine_of(
    opened: Callable[[], Sequence],
    publish: Callable[[Moment], object] = lambda moment: None,
    *,
    loaded: LoadedModel | None = None,
    loop: bool = False,
    **options: Any,
) -> Engine:
    """Return an engine that is not started; `stop_engines` ends it."""
    loaded = loaded or glow()
    source = LiveSource(opened, loaded.task, "model", loop=loop)
    _MADE.append(Engine(loaded, source, Glow.RunOptions(**options), torch.device("cpu"), publish))
    return _MADE[-1]


_MADE: list[Engine] = []


def stop_engines() -> None:
    """End what tests have left running: moments that are kept would fill the memory of all tests that follow."""
    while _MADE:
        _MADE.pop().stop()


def until(true: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait until something is true, and return it."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)
    return found


@dataclass
class Serving:
    """A page that is served."""

    server: LiveServer
    studio: Studio
    port: int
    said: list[str]
    stack: ExitStack
    thread: threading.Thread

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def ask(
        self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Ask over HTTP and return the status, the headers by lower-case name, and the body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.putrequest(method, path, skip_host="Host" in (headers or {}))
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def cookie(self) -> str:
        """Exchange the token for the cookie."""
        status, headers, _ = self.ask(f"/?token={self.server.token}")
        assert status == 303, status
        return headers["set-cookie"].partition(";")[0]

    def socket(self, path: str = "/watch", **headers: str) -> Any:
        """Open a WebSocket as the page does, unless other headers are given."""
        from websockets.sync.client import connect

        given = {"Origin": f"http://{self.host}", "Cookie": self.cookie(), **headers}
        return connect(
            f"ws://{self.host}{path}",
            additional_headers=[(name, value) for name, value in given.items() if value],
            compression=None,
            max_size=None,
            open_timeout=10,
        )


def moment_of(data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Split a message into its words and its pictures."""
    (length,) = struct.unpack(">I", data[:4])
    about = json.loads(data[4 : 4 + length])
    pictures, at = [], 4 + length
    for part in about["parts"]:
        pictures.append(data[at : at + part["bytes"]])
        at += part["bytes"]
    assert at == len(data)
    return about, pictures


@contextmanager
def serving(
    opened: Callable[[], Sequence] | None = None,
    *,
    loop: bool = True,
    loaded: LoadedModel | None = None,
    browser: bool = False,
    keep: float = 5.0,
    source: str = "clip.mp4",
    **options: Any,
) -> Iterator[Serving]:
    """Serve a page in a thread while the block runs."""
    loaded = loaded or glow()
    camera = BrowserCamera(3) if browser else None
    opened = camera.opened if camera is not None else opened or clip_of()
    played = LiveSource(opened, loaded.task, "model", loop=loop)
    if camera is not None:
        camera.gate = played.gate
    hub, said = Hub(), list[str]()
    engine = Engine(loaded, played, loaded.task.RunOptions(**options), torch.device("cpu"), hub.publish)
    facts = Facts(
        source=source,
        name=source,
        model="model",
        device="Computing on the CPU.",
        kernel=None,
        command=lambda now: f"seqimg glow run {source} --strength {getattr(now.options, 'strength', 1)}",
        resident=resident_bytes,
        browser=browser,
    )
    studio = Studio(engine, hub, Recorder("clip.glow.live", keep), facts, said.append)
    place = listen(LOOPBACK, 0, 0)
    server = LiveServer(studio, place, camera=camera, tell=said.append)
    thread = threading.Thread(target=server.run, name="server")
    thread.start()
    try:
        with ExitStack() as stack:
            yield Serving(server, studio, place.port, said, stack, thread)
    finally:
        server.stop()
        thread.join(20)
        assert not thread.is_alive(), "the server did not end"
