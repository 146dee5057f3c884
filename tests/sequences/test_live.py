"""Cameras and addresses: what answers, what does not, and what must not be followed."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import av
import numpy as np
import pytest

from seqimg.errors import SeqimgError, UnavailableError, UsageError
from seqimg.masking import masked
from seqimg.sequences import SequenceError, open_sequence, save_sequence
from seqimg.sequences.live import reader as live
from seqimg.sequences.live.camera import CameraDevice, open_camera
from seqimg.sequences.live.reader import StreamedVideo
from tests.sequences.numbered import encode, number_of, numbered

COUNT = 60
Answer = Callable[[socket.socket, int, int], None]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("live") / "a.mp4"
    save_sequence(numbered(COUNT), path, fps=25)
    return path.read_bytes()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "OPEN_SECONDS", 1.5)
    monkeypatch.setattr("seqimg.sequences.live.address.OPEN_SECONDS", 1.5)
    monkeypatch.setattr("seqimg.sequences.live.address.READ_SECONDS", 1.5)


@contextmanager
def _server(answer: Answer) -> Iterator[tuple[str, list[str]]]:
    """Serve loopback: `answer(connection, first byte asked for, number of the connection)`."""
    requests: list[str] = []
    closing = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)

        def handle(connection: socket.socket, number: int) -> None:
            with connection, suppress(OSError):
                connection.settimeout(20)
                request = connection.recv(65536).decode()
                requests.append(request)
                wanted = re.search(r"Range: bytes=(\d+)-", request)
                answer(connection, int(wanted[1]) if wanted else 0, number)

        def listen() -> None:
            number = 0
            while not closing.is_set():
                with suppress(TimeoutError):
                    connection, _ = listener.accept()
                    threading.Thread(target=handle, args=(connection, number), daemon=True).start()
                    number += 1

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", requests
        finally:
            closing.set()
            thread.join()


def _head(data: bytes, start: int, kind: str = "video/mp4") -> bytes:
    status = (
        f"206 Partial Content\r\nContent-Range: bytes {start}-{len(data) - 1}/{len(data)}"
        if start
        else "200 OK"
    )
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(data) - start}\r\n"
        "Accept-Ranges: bytes\r\nConnection: close\r\n\r\n"
    ).encode()


def _whole(data: bytes) -> Answer:
    def answer(connection: socket.socket, start: int, number: int) -> None:
        connection.sendall(_head(data, start) + data[start:])

    return answer


@pytest.mark.parametrize("isolate", [False, True])
def test_a_file_on_a_server(clip: bytes, isolate: bool) -> None:
    with (
        _server(_whole(clip)) as (address, _),
        open_sequence(f"{address}/a.mp4", isolate=isolate) as sequence,
    ):
        info = sequence.info
        assert (info.live, info.frame_count, info.fps, info.codec) == (False, COUNT, 25, "h264")
        for _ in range(2):
            frames = list(sequence.timed())
            assert [number_of(frame.pixels) for frame in frames] == list(range(COUNT))
            assert [frame.index for frame in frames] == list(range(COUNT))
            assert frames[10].time == pytest.approx(0.4)
        assert [number_of(frame.pixels) for frame in sequence.frames([40, 3])] == [40, 3]


def test_secrets_are_never_shown(clip: bytes) -> None:
    with _server(_whole(clip)) as (address, requests):
        secret = address.replace("//", "//me:hush-hush@") + "/a.mp4?token=hush-too"
        with open_sequence(secret, isolate=True) as sequence:
            shown = f"{sequence.info}{sequence.info.sentence()}"
            assert sequence.info.path == address.replace("//", "//***@") + "/a.mp4?token=***"
    assert "hush" not in shown
    assert "hush-too" in requests[0]
    for wrong in (
        "http://me:hush@127.0.0.1:1/a.mp4",
        "rtsp://me:hush@127.0.0.1:1/1?key=hush",
        "gopher://me:hush@a/b",
        "ftp://me:hush@127.0.0.1:1/b",
    ):
        for isolate in (False, True):
            with pytest.raises(SeqimgError) as caught:
                open_sequence(wrong, isolate=isolate)
            assert "hush" not in f"{caught.value}{caught.value!r}{caught.value.__cause__!r}"
            assert "***" in caught.value.message
    with pytest.raises(UsageError) as usage:
        open_sequence("http://me:hush@127.0.0.1:1/a.mp4", axes="THW")
    assert "hush" not in str(usage.value)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://a:b@h/1", "rtsp://***@h/1"),
        ("rtsp://a:b@c@h:554/1", "rtsp://***@h:554/1"),
        ("rtsp://a:b/c@h/1", "rtsp://***@h/1"),
        ("http://h:80/@me/a.mp4", "http://h:80/@me/a.mp4"),
        ("http://h/a.mp4?x=1&y=2#z", "http://h/a.mp4?x=***&y=***"),
        ("http://h/a.mp4?secret", "http://h/a.mp4?***"),
        ("a@b.mp4", "a@b.mp4"),
        ("camera:0", "camera:0"),
    ],
)
def test_masking(address: str, shown: str) -> None:
    assert masked(address) == shown


def test_errors_of_servers() -> None:
    def missing(connection: socket.socket, start: int, number: int) -> None:
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    with _server(missing) as (address, _), pytest.raises(SequenceError) as caught:
        open_sequence(f"{address}/a.mp4")
    assert "404" in (caught.value.why or "")
    with pytest.raises(SequenceError) as caught:
        open_sequence("http://127.0.0.1:1/a.mp4")
    assert "refused" in (caught.value.why or "")
    with pytest.raises(SequenceError, match="rtsp"):
        open_sequence("rtsp://127.0.0.1:1/a")


@pytest.mark.parametrize("behaviour", ["silent", "stall", "drip"])
def test_servers_that_let_one_wait(clip: bytes, behaviour: str) -> None:
    def answer(connection: socket.socket, start: int, number: int) -> None:
        if behaviour == "stall":
            connection.sendall(_head(clip, start) + clip[start : start + 50])
        if behaviour == "drip":
            connection.sendall(_head(clip, start))
            for byte in clip[start:]:
                connection.sendall(bytes([byte]))
                time.sleep(0.1)
        time.sleep(60)

    with _server(answer) as (address, _):
        started = time.monotonic()
        with pytest.raises(SequenceError) as caught:
            open_sequence(f"{address}/a.mp4")
        assert time.monotonic() - started < 20
    assert (caught.value.why or "") in ("no answer within 1.5 s", "nothing came that could be video")


def test_a_camera_at_an_address_that_never_answers() -> None:
    with _server(lambda connection, start, number: time.sleep(60)) as (address, _):
        with pytest.raises(SequenceError) as caught:
            open_sequence(address.replace("http", "rtsp") + "/a")
        assert caught.value.why == "no answer within 1.5 s"


@pytest.mark.parametrize("policy", ["error", "truncate", "skip"])
def test_a_server_that_stalls_in_the_middle(clip: bytes, policy: str) -> None:
    # Far enough for the index and a few frames, in one piece of sound.
    half = len(clip) * 2 // 3

    def answer(connection: socket.socket, start: int, number: int) -> None:
        connection.sendall(_head(clip, start) + clip[start:half])
        time.sleep(60)

    with _server(answer) as (address, _), open_sequence(f"{address}/a.mp4", on_error=policy) as sequence:
        frames, started = sequence.timed(), time.monotonic()
        numbers = []
        if policy == "error":
            with pytest.raises(SequenceError, match="broke off at frame") as caught:
                numbers.extend(number_of(frame.pixels) for frame in frames)
            assert "nothing came for" in (caught.value.why or "")
        else:
            numbers.extend(number_of(frame.pixels) for frame in frames)
            assert sequence.damage[-1].count is None
            assert sequence.damage[-1].index == len(numbers) + sum(
                lost.count or 0 for lost in sequence.damage
            )
        assert numbers == list(range(len(numbers)))
        assert time.monotonic() - started < 20


def test_a_server_that_resets(clip: bytes) -> None:
    def answer(connection: socket.socket, start: int, number: int) -> None:
        sent = clip[start:] if number % 3 == 2 else clip[start : start + 4000]
        connection.sendall(_head(clip, start) + sent)
        # The rest of what was promised never comes.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with _server(answer) as (address, requests), open_sequence(f"{address}/a.mp4") as sequence:
        assert [number_of(frame) for frame in sequence] == list(range(COUNT))
    assert len(requests) > 2


def test_a_server_that_always_resets(clip: bytes) -> None:
    def answer(connection: socket.socket, start: int, number: int) -> None:
        connection.sendall(_head(clip, start) + clip[start:100])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with _server(answer) as (address, requests), pytest.raises(SequenceError):
        open_sequence(f"{address}/a.mp4")
    assert len(requests) < 12


PLAYLISTS = [
    b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:1/a.ts\n#EXT-X-ENDLIST\n",
    b"ffconcat version 1.0\nfile /etc/passwd\n",
    b"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'><Period/></MPD>",
    b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 5004 RTP/AVP 96\r\n",
]


@pytest.mark.parametrize("playlist", PLAYLISTS)
@pytest.mark.parametrize("name", ["a.m3u8", "a.mp4", "a.ffconcat", "a.sdp"])
def test_playlists_are_refused(playlist: bytes, name: str, tmp_path: Path) -> None:
    with _server(_whole(playlist)) as (address, _), pytest.raises(SequenceError) as caught:
        open_sequence(f"{address}/{name}")
    assert "playlists are not followed" in (caught.value.why or "")
    # Nor on the disk.
    (tmp_path / name).write_bytes(playlist)
    with pytest.raises(SequenceError):
        open_sequence(tmp_path / name)


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "concat:/etc/passwd", "data:video/mp4;base64,AAAA", "ftp://127.0.0.1/a"]
)
def test_redirections_lead_to_the_web_only(target: str) -> None:
    def answer(connection: socket.socket, start: int, number: int) -> None:
        connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode())

    with _server(answer) as (address, _), pytest.raises(SequenceError):
        open_sequence(f"{address}/a.mp4")


def test_redirections_end() -> None:
    def answer(connection: socket.socket, start: int, number: int) -> None:
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")

    with _server(answer) as (address, requests), pytest.raises(SequenceError):
        open_sequence(f"{address}/a.mp4")
    assert len(requests) < 60


def test_motion_jpeg_is_live(tmp_path: Path) -> None:
    pictures = []
    for number, pixels in enumerate(numbered(12)):
        encode_one = tmp_path / f"{number}.jpg"
        from PIL import Image

        Image.fromarray(pixels).save(encode_one, quality=95)
        pictures.append(encode_one.read_bytes())

    def answer(connection: socket.socket, start: int, number: int) -> None:
        connection.sendall(
            b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=frame\r\n\r\n"
        )
        for picture in pictures:
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
            connection.sendall(head.encode() + picture + b"\r\n")
            time.sleep(0.02)
        connection.sendall(b"--frame--\r\n")

    with _server(answer) as (address, _), open_sequence(f"{address}/cam", on_error="truncate") as sequence:
        assert sequence.info.live
        numbers = [number_of(frame) for frame in sequence]
        assert numbers == list(range(numbers[0], 12))
        assert len(numbers) > 6
        assert sequence.damage[-1].count is None  # cameras do not end
        with pytest.raises(SequenceError, match="was read already"):
            list(sequence)


def _fake(count: int, made: list[int], *, fails: int = 0) -> Callable[[], object]:
    """Return what connects to a generator of pictures that ends with an error after `count` frames."""

    @contextmanager
    def connect() -> Iterator[object]:
        made.append(len(made))
        if 1 < len(made) <= 1 + fails:
            raise SequenceError("no camera")
        with av.open("testsrc2=size=64x48:rate=25", format="lavfi") as container:
            yield _Failing(container, count)

    return connect


class _Failing:
    def __init__(self, container: object, count: int) -> None:
        self._container, self._count = container, count

    def __getattr__(self, name: str) -> object:
        return getattr(self._container, name)

    def demux(self, stream: object) -> Iterator[object]:
        for number, packet in enumerate(self._container.demux(stream)):  # type: ignore[attr-defined]
            if number == self._count:
                raise av.error.OSError(5, "Input/output error")
            yield packet


def test_a_camera_that_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    made: list[int] = []
    with (
        StreamedVideo("camera:0", _fake(10, made), live=True) as sequence,  # type: ignore[arg-type]
        pytest.raises(SequenceError, match="broke off at frame 10"),
    ):
        list(sequence)
    assert len(made) == 1

    with StreamedVideo("camera:0", _fake(10, made), live=True, on_error="truncate") as sequence:  # type: ignore[arg-type]
        assert len(list(sequence)) == 10
        assert [(damage.index, damage.count) for damage in sequence.damage] == [(10, None)]

    made.clear()
    with StreamedVideo("camera:0", _fake(10, made, fails=2), live=True, on_error="skip") as sequence:  # type: ignore[arg-type]
        frames = sequence.timed()
        seen = [next(frames) for _ in range(25)]
        assert len(made) >= 4
        first = sequence.damage[0]
        assert first.index == 10
        assert first.count is not None
        assert "connected again" in first.reason
        # Every frame that came and every one that is missing has a place of its own.
        places = [frame.index for frame in seen]
        for damage in sequence.damage:
            assert damage.count is not None
            places += range(damage.index, damage.index + damage.count)
        assert sorted(places) == list(range(len(places)))
        times = [frame.time for frame in seen]
        assert times == sorted(times)

    made.clear()
    with StreamedVideo("camera:0", _fake(10, made, fails=99), live=True, on_error="skip") as sequence:  # type: ignore[arg-type]
        assert len(list(sequence)) == 10
        assert len(made) == 1 + live.RETRIES
        assert sequence.damage[-1].count is None


def test_a_live_source_has_no_places(monkeypatch: pytest.MonkeyPatch) -> None:
    with StreamedVideo("camera:0", _fake(10, []), live=True) as sequence:  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="is live"):
            sequence.frames([0])
        assert next(iter(sequence)).shape == (48, 64, 3)


def test_cameras_that_are_not_there() -> None:
    for source in ("camera:99", "/dev/video99"):
        for isolate in (False, True):
            with pytest.raises(SequenceError) as caught:
                open_sequence(source, isolate=isolate)
            assert "/dev/video99 is missing" in (caught.value.why or "")
    for wrong in (
        "camera:",
        "camera:../../etc/passwd",
        "camera:/dev/../etc/passwd",
        "camera:0?size=big",
        "camera:0?x=1",
    ):
        with pytest.raises(UsageError):
            open_camera(wrong)
    with pytest.raises(UnavailableError):
        CameraDevice.parse("camera:0", platform="plan9")
    assert CameraDevice.parse("camera:1", platform="darwin").device == "1:none"
    assert CameraDevice.parse("camera:Cam 2?fps=30", platform="win32").device == "video=Cam 2"


def test_files_win_over_schemes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("camera:0.npy", np.zeros((2, 8, 8), np.uint8))
    with open_sequence("camera:0.npy") as sequence:
        assert len(list(sequence)) == 2
    encode(Path("a.mp4"), "mpeg4", 3)
    Path("a.mp4").rename("camera:0")
    with open_sequence("camera:0") as sequence:
        assert len(list(sequence)) == 3
