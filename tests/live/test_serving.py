"""What viewers get: the newest moments, whatever they look at and however slow they are; and a clean end."""

import io
import json
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed

from seqimg.errors import SeqimgError, UsageError
from seqimg.live.serving import Place, listen
from seqimg.sequences import open_sequence
from tests.support.live import Clip, clip_of, glow, moment_of, serving, squares, until


class Page:
    """A viewer as the page is one: it answers what it has drawn."""

    def __init__(self, socket_: Any) -> None:
        self.socket = socket_
        self.moments: list[tuple[dict[str, Any], list[bytes]]] = []
        self.words: list[dict[str, Any]] = []

    def say(self, **words: Any) -> None:
        self.socket.send(json.dumps(words))

    def take(self, *, answer: bool = True, timeout: float = 20.0) -> None:
        """Take the next message."""
        message = self.socket.recv(timeout)
        if isinstance(message, str):
            self.words.append(json.loads(message))
        else:
            self.moments.append(moment_of(message))
            if answer:
                self.say(drawn=self.moments[-1][0]["number"])

    def until(self, true: Any, **how: Any) -> Any:
        """Take messages until something is true."""
        end = time.monotonic() + 20
        while not (found := true()):
            assert time.monotonic() < end, "it never came true"
            self.take(**how)
        return found

    def status(self) -> dict[str, Any]:
        """Return how things stand, told from now on."""
        count = len(self.words)
        return self.until(
            lambda: next((said for said in self.words[count:] if said["kind"] == "status"), None)
        )

    def note(self) -> dict[str, Any]:
        """Return the next note."""
        count = len(self.words)
        return self.until(lambda: next((said for said in self.words[count:] if said["kind"] == "note"), None))


def test_frames_arrive_with_what_was_said_of_them() -> None:
    with serving(clip_of(None)) as served, served.socket() as socket_:
        page = Page(socket_)
        page.until(lambda: len(page.moments) >= 5)
        hello = page.words[0]
        assert (hello["kind"], hello["task"], hello["source"]) == ("hello", "glow", "clip.mp4")
        assert [control["name"] for control in hello["controls"]] == ["strength", "colour", "reach"]
        assert (hello["controls"][0]["low"], hello["controls"][0]["high"]) == (0, 2)
        numbers = [about["number"] for about, _ in page.moments]
        assert numbers == sorted(set(numbers))
        about, (picture,) = page.moments[-1]
        image = Image.open(io.BytesIO(picture))
        assert (image.format, image.size) == ("JPEG", (64, 48))
        assert about["line"].startswith("glow 0.")
        assert about["rows"][0]["frame"] == about["frame"]
        assert about["parts"][0]["part"] == "output"


@pytest.mark.parametrize(
    ("look", "parts"),
    [(["input"], ["input"]), (["input", "output"], ["input", "output"]), (["difference"], ["difference"])],
)
def test_each_viewer_chooses_what_it_looks_at(look: list[str], parts: list[str]) -> None:
    with serving(clip_of(None)) as served, served.socket() as one, served.socket() as other:
        page, beside = Page(one), Page(other)
        page.say(look=look, quality="high")
        page.until(lambda: page.moments and [p["part"] for p in page.moments[-1][0]["parts"]] == parts)
        beside.until(lambda: len(beside.moments) > 2)
        assert [part["part"] for part in beside.moments[-1][0]["parts"]] == ["output"]


def test_what_is_wished_for_is_done_and_everybody_is_told() -> None:
    with serving(clip_of(None)) as served, served.socket() as one, served.socket() as other:
        page, beside = Page(one), Page(other)
        page.say(set={"strength": 0})
        page.until(lambda: page.moments and page.moments[-1][0]["line"] == "glow 0.000")
        status = beside.until(
            lambda: next((s for s in beside.words if s.get("options", {}).get("strength") == 0), None)
        )
        assert status["command"].endswith("--strength 0.0")
        assert ["change", "strength 0"] in [happening[1:] for happening in page.status()["happenings"]]
        page.say(set={"colour": "inverted"})
        page.until(lambda: page.moments[-1][0]["line"] == "glow 1.000")
        page.say(do="reset")
        page.until(lambda: page.status()["last_reset"] == "asked for")
        page.say(do="pause")
        page.until(lambda: page.status()["state"] == "paused")
        page.say(do="go")
        page.until(lambda: page.status()["state"] == "running")
        page.say(compare=True, look=["output", "bare"])
        page.until(lambda: [part["part"] for part in page.moments[-1][0]["parts"]] == ["output", "bare"])
        assert page.moments[-1][0]["bare_line"].startswith("glow")


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"strength": 3}, "--strength cannot be 3"),
        ({"colour": "green"}, "--colour cannot be 'green'"),
        ({"at_end": True}, "at_end cannot be turned here"),
        ({"fail_at": 3}, "fail_at cannot be turned here"),
        ({"__class__": "x"}, "__class__ cannot be turned here"),
    ],
)
def test_what_cannot_be_is_refused_in_words(wish: dict[str, Any], words: str) -> None:
    with serving(clip_of(None)) as served, served.socket() as socket_:
        page = Page(socket_)
        page.say(set=wish)
        note = page.note()
        assert note["bad"]
        assert words in note["text"]
        assert served.studio.engine.state in ("running", "waiting")


def test_latency_and_rates_are_measured() -> None:
    with serving(clip_of(None, fps=40)) as served, served.socket() as socket_:
        page = Page(socket_)
        end = time.monotonic() + 2.5
        page.until(lambda: time.monotonic() > end)
        status = page.status()
        assert 0 < status["latency"] < 5000
        assert 5 < status["fps_in"] < 50
        assert 5 < status["fps_out"] < 50
        assert status["resident"] > 50e6
        assert 10 < status["frames"] <= 160
        assert sum(bar[2] for bar in status["bars"]) > 10
        assert status["viewers"] == 1


def test_who_does_not_draw_gets_no_more_and_slows_nobody() -> None:
    with serving(clip_of(None)) as served, served.socket() as lazy, served.socket() as quick:
        idle, page = Page(lazy), Page(quick)
        idle.until(lambda: len(idle.moments) == 2, answer=False)
        page.until(lambda: len(page.moments) > 25)
        for _ in range(2):
            idle.until(lambda: idle.words[-1:] and idle.words[-1]["kind"] == "status", answer=False)
            idle.words.clear()
        assert len(idle.moments) == 2, "two are on their way, and never more"
        newest = served.studio.hub.latest
        idle.say(drawn=idle.moments[-1][0]["number"])
        idle.until(lambda: len(idle.moments) == 3, answer=False)
        assert newest is not None
        assert idle.moments[-1][0]["number"] >= newest.number, "the newest, none of those between"


def test_who_stops_reading_or_is_killed_slows_nobody() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (360, 480, 3), dtype=np.uint8)
    with serving(lambda: Clip(lambda index: np.roll(noise, index, 1), None, fps=50)) as served:
        stack = served.stack
        deaf, killed = (stack.enter_context(served.socket()) for _ in range(2))
        for socket_ in (deaf, killed):
            socket_.send('{"look": ["input", "output", "difference"], "quality": "high"}')
        killed.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        killed.socket.close()
        # It says it has drawn, and reads nothing.
        for number in range(1, 2000):
            try:
                deaf.send(json.dumps({"drawn": number}))
            except (ConnectionClosed, OSError):
                break
        with served.socket() as quick:
            page = Page(quick)
            page.until(lambda: len(page.moments) > 15)
            page.until(lambda: page.status()["fps_out"] > 5)
        deaf.socket.close()
        until(lambda: not served.studio.hub.viewers)
        assert served.said == []


def test_there_are_not_too_many_viewers() -> None:
    with serving(clip_of(None)) as served:
        sockets = [served.stack.enter_context(served.socket()) for _ in range(served.studio.hub.most)]
        until(lambda: len(served.studio.hub.viewers) == len(sockets))
        with served.socket() as one_more, pytest.raises(ConnectionClosed) as closed:
            one_more.recv(10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4008
        sockets.pop().close()
        with served.socket() as next_one:
            assert json.loads(next_one.recv(10))["kind"] == "hello"
        for socket_ in sockets:
            socket_.close()


def test_messages_are_small_or_the_connection_ends() -> None:
    with serving(clip_of(None)) as served:
        for message in ("x" * 70_000, b"bytes"):
            with served.socket() as socket_:
                socket_.send(message)
                assert _closing(Page(socket_)) in (1003, 1009)
        assert served.said == []


def test_a_snapshot_is_what_is_shown_without_loss() -> None:
    with serving(clip_of(1), loop=False) as served:
        until(lambda: served.studio.engine.state == "ended")
        status, headers, body = served.ask("/snapshot.png", headers={"Cookie": served.cookie()})
        assert status == 200
        assert headers["content-disposition"] == 'attachment; filename="glow-0.png"'
        assert (np.asarray(Image.open(io.BytesIO(body))) == squares(0)).all()


def test_the_last_seconds_are_written_to_the_current_folder() -> None:
    with serving(clip_of(None), keep=1.0) as served, served.socket() as socket_:
        page = Page(socket_)
        page.until(lambda: len(page.moments) > 20)
        page.say(do="save")
        page.until(lambda: any(said["kind"] == "note" for said in page.words))
        page.say(do="save")
        page.until(lambda: sum(said["kind"] == "note" for said in page.words) == 2)
        notes = [said["text"] for said in page.words if said["kind"] == "note"]
        assert notes[0].startswith("Saved clip.glow.live-1.mp4")
        assert notes[1].startswith("Saved clip.glow.live-2.mp4")
        assert served.said == ["Saved clip.glow.live-1.mp4", "Saved clip.glow.live-2.mp4"]
    with open_sequence(Path("clip.glow.live-1.mp4")) as sequence:
        frames = list(sequence)
        assert 5 <= len(frames) <= 75
        assert frames[0].shape == (48, 64, 3)
        assert sequence.info.fps is not None
        assert 10 < sequence.info.fps <= 61
        seconds = len(frames) / float(sequence.info.fps)
        assert seconds < 1.5


def test_a_disk_that_is_full_is_told_to_who_asked(monkeypatch: Any) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise SeqimgError("cannot write clip.mp4", why="No space left on device")

    monkeypatch.setattr("seqimg.live.recorder.save_sequence", full)
    with serving(clip_of(None)) as served, served.socket() as socket_:
        page = Page(socket_)
        page.until(lambda: len(page.moments) > 5)
        page.say(do="save")
        note = page.note()
        assert note["bad"]
        assert "No space left" in note["text"]


def test_a_failure_stands_on_the_page_and_on_the_terminal() -> None:
    with serving(clip_of(None), fail_at=3) as served, served.socket() as socket_:
        page = Page(socket_)
        status = page.until(lambda: next((s for s in page.words if s.get("state") == "failed"), None))
        assert status["error"] == ["the task glow failed", "ValueError: this task is broken"]
        until(lambda: served.said == ["the task glow failed; ValueError: this task is broken"])
        page.say(do="again")
        page.until(lambda: page.status()["state"] == "failed")


def test_a_browsers_camera_is_a_source() -> None:
    def jpeg(width: int, height: int, value: int) -> bytes:
        file = io.BytesIO()
        Image.new("RGB", (width, height), (value, 0, 0)).save(file, "JPEG")
        return file.getvalue()

    with serving(browser=True) as served, served.socket() as watching, served.socket("/camera") as camera:
        page = Page(watching)
        assert page.status()["state"] == "waiting"
        assert page.words[0]["browser"] is True
        for value in (10, 120, 240):
            camera.send(jpeg(80, 60, value))
            assert camera.recv(10) == "{}"
            page.until(lambda: page.moments, timeout=20)
        assert page.moments[-1][0]["parts"][0]["width"] == 80
        for nonsense in (b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"0" * 99, jpeg(80, 60, 9)[:300]):
            camera.send(nonsense)
            assert camera.recv(10) == "{}"
        camera.send(jpeg(60, 80, 99))  # it was turned
        assert camera.recv(10) == "{}"
        page.until(lambda: page.moments[-1][0]["parts"][0]["width"] == 60)
        with served.socket("/camera") as second, pytest.raises(ConnectionClosed) as closed:
            second.recv(10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4008
        camera.send(b"x" * (600 * 1024))
        with pytest.raises(ConnectionClosed):
            camera.recv(10)
        assert served.studio.engine.state == "running"


def test_it_ends_soon_and_tells_its_viewers() -> None:
    loaded = glow()
    loaded.task.slow = 0.2  # type: ignore[attr-defined]
    with serving(clip_of(None), loaded=loaded) as served:
        page = Page(served.stack.enter_context(served.socket()))
        page.until(lambda: page.moments)
        begun = time.monotonic()
        served.server.stop()
        assert _closing(page) == 1012
    assert time.monotonic() - begun < 5


def test_it_ends_within_three_seconds_whoever_looks() -> None:
    rng = np.random.default_rng(0)
    noise, loaded = rng.integers(0, 255, (360, 480, 3), dtype=np.uint8), glow()
    loaded.task.slow = 30.0  # type: ignore[attr-defined]  # a task that hangs
    with serving(lambda: Clip(lambda index: noise, None), loaded=loaded) as served:
        page = Page(served.stack.enter_context(served.socket()))
        deaf = served.stack.enter_context(_deaf(served))
        until(lambda: len(served.studio.hub.viewers) == 2)
        begun = time.monotonic()
        served.server.stop()
        assert _closing(page) == 1012
        served.thread.join(20)
        assert time.monotonic() - begun < 3
        deaf.close()


def _deaf(served: Any) -> socket.socket:
    """Connect as a page does, and then read nothing and answer nothing."""
    raw = socket.create_connection(("127.0.0.1", served.port), timeout=10)
    lines = [
        "GET /watch HTTP/1.1",
        f"Host: {served.host}",
        f"Origin: http://{served.host}",
        f"Cookie: {served.cookie()}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ]
    raw.sendall("\r\n".join([*lines, "", ""]).encode())
    return raw


def _closing(page: Page) -> int | None:
    """Take messages until the connection is closed and return the code."""
    try:
        while True:
            page.take(answer=False)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd is not None else None


def test_who_talks_while_it_ends_is_told_too() -> None:
    for _ in range(3):
        with serving(clip_of(None, fps=500)) as served:
            viewer = Page(served.stack.enter_context(served.socket()))
            viewer.take()
            gone = threading.Event()

            def talk(viewer: Page = viewer, gone: threading.Event = gone) -> None:
                with suppress(ConnectionClosed):
                    while not gone.is_set():
                        viewer.say(drawn=0)

            talker = threading.Thread(target=talk)
            talker.start()
            served.server.stop()
            try:
                assert _closing(viewer) == 1012, "the connection was reset"
            finally:
                gone.set()
                talker.join(20)


def test_a_taken_port_is_passed_over_or_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SeqimgError, match=f"port {port} is taken"):
            listen("127.0.0.1", port, 0)
        place = listen("127.0.0.1", None, port)
        assert port < place.port < port + 20
        place.listener.close()


def test_a_host_that_is_not_ours_is_told() -> None:
    with pytest.raises(UsageError, match=r"cannot listen at 192\.0\.2\.1"):
        listen("192.0.2.1", None, 8765)


def test_a_recording_that_is_being_written_is_broken_off_at_the_end_and_leaves_nothing() -> None:
    with serving(clip_of(None)) as served, served.socket() as socket_:
        page = Page(socket_)
        page.until(lambda: len(page.moments) > 5)
    with pytest.raises(SeqimgError, match="broken off"):
        served.studio.save()
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize(
    ("host", "names", "shown"),
    [
        ("127.0.0.1", {"127.0.0.1", "localhost", "[::1]"}, "127.0.0.1"),
        ("::1", {"127.0.0.1", "localhost", "[::1]"}, "[::1]"),
        ("10.1.2.3", {"10.1.2.3"}, "10.1.2.3"),
        ("0.0.0.0", {"127.0.0.1", "localhost", "[::1]", socket.gethostname().lower()}, socket.gethostname()),
    ],
)
def test_a_place_has_names_that_are_exact(host: str, names: set[str], shown: str) -> None:
    with socket.socket() as listener:
        place = Place(listener, host, 8765)
        assert place.names == names
        assert place.url("t") == f"http://{shown}:8765/?token=t"
