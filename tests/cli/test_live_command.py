"""`seqimg live` from the command line: what it says first, what it refuses, and how it ends."""

import http.client
import importlib.util
import json
import shlex
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from seqimg.live.hub import Viewer
from seqimg.live.words import read
from tests.support.cli import Result, assert_refused, start
from tests.support.live import Clip, squares

Cli = Callable[..., Result]


def test_it_serves_until_it_is_interrupted(media: Path, model: Path) -> None:
    with start("live", media / "good.mp4", "--model", model, "--loop", "--port", "0", "--json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = urlsplit(json.loads(process.stdout.readline())["url"])
        assert url.hostname == "127.0.0.1"
        assert url.query.startswith("token=")
        connection = http.client.HTTPConnection("127.0.0.1", url.port or 0, timeout=20)
        connection.request("GET", f"/?{url.query}")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (303, b"")
        connection.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", url.port or 0), timeout=5)
        said = process.stderr.read()
        assert said.splitlines()[0].startswith(f"Read {media / 'good.mp4'} as 30 frames")
        assert "Computing on the CPU" in said
        assert "Traceback" not in said
        assert url.query.partition("=")[2] not in said, "the token is data, and told nowhere else"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What would be served."""
    found: list[Any] = []
    monkeypatch.setattr("seqimg.cli.live_work._serve", lambda *arguments: found.extend(arguments))
    return found


def test_passwords_of_a_source_are_told_nowhere(
    cli: Cli, model: Path, served: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "rtsp://admin:secret@cam.example/1?token=hidden"
    monkeypatch.setattr(
        "seqimg.cli.live_work.open_configured",
        lambda *_: Clip(squares, None, path="rtsp://***@cam.example/1"),
    )
    result = cli("live", address, "--model", model, "--set", "horizon=3")
    assert result.returncode == 0, result.stderr
    studio = served[0]._studio
    told = json.dumps([studio.hello(), studio.status(Viewer())]) + result.stdout + result.stderr
    told += str(studio.recorder._free_name())
    assert "cam.example" in told
    assert "secret" not in told
    assert "hidden" not in told
    assert "--horizon 3" in studio.status(Viewer())["command"]


def test_a_file_is_told_with_the_command_that_does_the_same(
    cli: Cli, media: Path, model: Path, served: list[Any]
) -> None:
    assert cli("live", media / "good.mp4", "--model", model, "--gaps", "skip").returncode == 2, "no folder"
    assert cli("live", media / "good.mp4", "--model", model, "--set", "every=2").returncode == 0
    status = served[0]._studio.status(Viewer())
    assert status["command"] == f"seqimg predict run {media / 'good.mp4'} --model {model} --rolling --every 2"
    assert served[0]._studio.hello()["name"] == "good.mp4"
    served[0]._studio.do(read('{"forget": true, "set": {"every": 3}}'), Viewer())
    command = served[0]._studio.status(Viewer())["command"]
    assert command.endswith("--rolling --every 3 --reset-on-cut")
    assert cli(*shlex.split(command)[1:], "-o", "out.csv").returncode == 0, "it can be run as it stands"


def test_the_browsers_camera_is_opened_by_nobody(cli: Cli, model: Path, served: list[Any]) -> None:
    begun = time.monotonic()
    result = cli("live", "browser:", "--model", model)
    assert result.returncode == 0, result.stderr
    assert time.monotonic() - begun < 20
    hello = served[0]._studio.hello()
    assert hello["browser"] is True
    assert served[0]._studio.status(Viewer())["command"].startswith("seqimg live browser: --model")


def test_what_is_wrong_is_told_in_a_few_lines(cli: Cli, media: Path, model: Path) -> None:
    clip = media / "good.mp4"
    assert_refused(cli("live", clip, "--model", "nothing"), 1, "nothing is not a model folder")
    assert_refused(cli("live", "no.mp4", "--model", model), 1, "no.mp4 does not exist")
    assert_refused(cli("live", media / "grey.npy", "--model", model), 1, "these have 1")
    assert_refused(
        cli("live", clip, "--model", model, "--set", "horizn=3"),
        2,
        "has no option horizn",
        "did you mean horizon",
    )
    assert_refused(cli("live", clip, "--model", model, "--set", "horizon"), 2, "has no value")
    assert_refused(cli("live", clip, "--model", model, "--set", "horizon=0"), 2, "cannot be '0'")
    assert_refused(
        cli("live", clip, "--model", model, "--host", "192.0.2.1"), 2, "cannot listen at 192.0.2.1"
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert_refused(cli("live", clip, "--model", model, "--port", port), 1, f"port {port} is taken")


def test_a_missing_package_is_told_with_what_to_install(
    cli: Cli, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if name == "uvicorn" else find(name, *more)
    )
    result = cli("live", "camera:0", "--model", model)
    assert_refused(result, 3, "the package uvicorn is not installed", "pip install 'seqimg[live]'")
