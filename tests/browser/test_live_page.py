"""The live page in a real browser: pictures move, what is pressed is done, and nothing stands in the console."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqimg import modelfolder, save_sequence
from seqimg_predict.config import PredictConfig
from seqimg_predict.task import PredictTask
from tests.browser.chromium import BROWSER, Page, browser
from tests.support.cli import start
from tests.support.live import Clip, Serving, clip_of, serving, squares, until

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed: apt-get install chromium")

PICTURE = "document.getElementById('picture').toDataURL()"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    camera = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with browser(tmp_path_factory.mktemp("profile"), *camera) as opened:
        yield opened


def _visit(page: Page, served: Serving, *, width: int = 1280, dark: bool = False) -> None:
    page.complaints.clear()
    page.requests.clear()
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    page.call("Emulation.setDeviceMetricsOverride", **size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    page.call("Emulation.setEmulatedMedia", features=[scheme])
    page.call("Page.navigate", url=served.server.url)
    _until(page, "document.getElementById('moment')?.textContent.startsWith('frame')")


def _until(page: Page, expression: str) -> Any:
    """Wait until an expression is true in the page, and return it."""
    return until(lambda: page.eval(expression))


def _text(page: Page, id_: str) -> str:
    return str(page.eval(f"document.getElementById('{id_}').textContent"))


def _press(page: Page, key: str) -> None:
    code = {" ": 32}.get(key, ord(key.upper()))
    page.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=key, windowsVirtualKeyCode=code)
    page.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_pictures_move_and_all_of_it_can_be_read(page: Page, width: int, dark: bool) -> None:
    with serving(clip_of(None, fps=25)) as served:
        _visit(page, served, width=width, dark=dark)
        first = page.eval(PICTURE)
        until(lambda: page.eval(PICTURE) != first)
        assert page.complaints == []
        assert page.eval("location.search") == "", "the token is not in the address any more"
        wanted = {"", "live.css", "live.js", "icon.svg"}
        found = {request.partition("?")[0].rpartition("/")[2] for request in page.requests}
        assert found == wanted
        assert page.eval("document.documentElement.scrollWidth") == width
        luminance = (
            "(c => { const [r, g, b] = c.match(/\\d+/g); return (r * .2126 + g * .7152 + b * .0722) / 255 })"
            "(getComputedStyle(document.body).%s)"
        )
        text, paper = (page.eval(luminance % name) for name in ("color", "backgroundColor"))
        assert (text > 0.8) is dark
        assert (paper < 0.2) is dark
        # Everything that can be pressed is named, and large enough for a finger.
        bad = (
            "[...document.querySelectorAll('button, select, input')].filter(e => e.checkVisibility())"
            ".filter(e => !(e.labels?.length || e.textContent.trim() || e.ariaLabel)).map(e => e.id)"
        )
        assert page.eval(bad) == []
        small = "[...document.querySelectorAll('.actions > *')].filter(e => e.offsetHeight < 36).length"
        assert page.eval(small) == 0


def test_views_sliders_switches_and_reset_act(page: Page) -> None:
    with serving(clip_of(None)) as served:
        _visit(page, served)
        for view, tag in (("input", "input"), ("split", "input | output"), ("difference", "difference")):
            page.eval(f"document.querySelector('#views [value={view}]').click()")
            until(lambda tag=tag: _text(page, "tag-left") == tag)  # type: ignore[misc]
        assert page.eval("document.getElementById('scale').checkVisibility()")
        page.eval("document.querySelector('#views [value=output]').click()")

        slider = "document.getElementById('c-strength-range')"
        page.eval(f"(r => {{ r.value = 0; r.dispatchEvent(new Event('input')) }})({slider})")
        until(lambda: _text(page, "line") == "glow 0.000")
        assert page.eval("document.getElementById('c-strength').value") == "0"
        _until(page, "document.getElementById('command').textContent.endsWith('--strength 0.0')")
        page.eval(
            "(s => { s.value = 'inverted'; s.dispatchEvent(new Event('change')) })(document.getElementById('c-colour'))"
        )
        until(lambda: _text(page, "line") == "glow 1.000")

        page.eval("document.getElementById('reset').click()")
        until(lambda: _text(page, "f-reset") == "asked for")
        page.eval("document.getElementById('compare').click()")
        _until(page, "document.getElementById('bare-screen').checkVisibility()")
        until(lambda: _text(page, "bare-line").startswith("glow"))
        assert page.complaints == []


def test_the_keyboard_does_all_of_it(page: Page) -> None:
    with serving(clip_of(None)) as served:
        _visit(page, served)
        _press(page, " ")
        until(lambda: _text(page, "state") == "Paused")
        time.sleep(0.3)  # what was on its way comes
        still = page.eval(PICTURE)
        time.sleep(0.3)
        assert page.eval(PICTURE) == still
        _press(page, " ")
        until(lambda: _text(page, "state") == "Running")
        _press(page, "3")
        until(lambda: _text(page, "tag-left") == "input | output")
        before = page.eval("document.getElementById('wipe').value")
        page.press("ArrowRight")
        assert int(page.eval("document.getElementById('wipe').value")) == int(before) + 50
        _press(page, "m")
        _until(page, "document.getElementById('bare-screen').checkVisibility()")
        _press(page, "r")
        until(lambda: _text(page, "f-reset") == "asked for")
        assert page.complaints == []


def test_a_second_tab_sees_the_same(page: Page) -> None:
    with serving(clip_of(None)) as served:
        _visit(page, served)
        page.call("Runtime.evaluate", expression="window.other = window.open('/'); 1", userGesture=True)
        try:
            until(lambda: len(served.studio.hub.viewers) == 2)
            until(lambda: _text(page, "viewers") == "2 pages look")
            shown = "other.document.getElementById('moment')?.textContent"
            before = _until(page, shown)
            until(lambda: page.eval(shown) != before)
        finally:
            page.eval("other.close()")
        until(lambda: len(served.studio.hub.viewers) == 1)
        before = _text(page, "moment")
        until(lambda: _text(page, "moment") != before), "it is in front again, and goes on"


def test_a_source_that_is_silent_leaves_its_last_picture_greyed(page: Page) -> None:
    def frame(index: int) -> np.ndarray:
        if index > 3:
            time.sleep(8)
        return np.full((48, 64, 3), 200, np.uint8)

    with serving(lambda: Clip(frame, None)) as served:
        _visit(page, served)
        until(lambda: _text(page, "stale").startswith("No frame for 3 s"))
        assert page.eval("document.querySelector('.frame').classList.contains('old')")
        assert page.complaints == []


def test_the_browsers_own_camera_is_sent_up_and_comes_back(page: Page) -> None:
    with serving(browser=True) as served:
        page.complaints.clear()
        page.call("Page.navigate", url=served.server.url)
        _until(page, "document.getElementById('share')?.checkVisibility()")
        until(lambda: _text(page, "state") == "Waiting for frames")
        page.eval("document.getElementById('share').click()")
        until(lambda: served.studio.engine.frames > 5)
        first = page.eval(PICTURE)
        until(lambda: page.eval(PICTURE) != first)
        assert page.eval("document.getElementById('preview').checkVisibility()")
        assert _text(page, "share") == "Stop sharing"
        page.eval("document.getElementById('share').click()")
        until(lambda: _text(page, "share") == "Share this camera")
        assert not page.eval("document.getElementById('preview').checkVisibility()")
        page.eval("document.getElementById('share').click()")
        count = served.studio.engine.frames
        until(lambda: served.studio.engine.frames > count + 5)
        assert page.complaints == []


def test_a_failure_and_the_end_can_be_begun_again(page: Page) -> None:
    with serving(clip_of(20), loop=False) as served:
        _visit(page, served)
        until(lambda: _text(page, "state") == "Ended")
        assert _text(page, "banner-text") == "The source has come to its end."
        page.eval("document.getElementById('again').click()")
        until(lambda: served.studio.engine.frames > 20)
        assert page.complaints == []


def test_the_end_of_the_server_is_told_and_nothing_stands_in_the_console(page: Page) -> None:
    with serving(clip_of(None)) as served:
        _visit(page, served)
    until(lambda: _text(page, "banner-text").startswith("seqimg live was stopped."))
    assert _text(page, "state") == "Not connected"
    assert page.eval("document.querySelector('.frame').classList.contains('old')")
    assert page.complaints == []


def test_a_server_that_is_killed_is_missed(page: Page, tmp_path: Path) -> None:
    """No farewell comes; the page says that nobody answers, and that it tries."""
    task = PredictTask(PredictConfig(channels=3, widths=(4,), context=2, horizon=2))
    modelfolder.save(tmp_path / "model", task, task.build_model().state_dict(), {})
    save_sequence((squares(index) for index in range(20)), tmp_path / "a.mp4", fps=25)
    words = ("live", tmp_path / "a.mp4", "--model", tmp_path / "model", "--loop", "--port", "0")
    with start(*words) as process:
        assert process.stdout is not None
        page.call("Page.navigate", url=process.stdout.readline().strip())
        _until(page, "document.getElementById('moment')?.textContent.startsWith('frame')")
        process.kill()
        until(lambda: _text(page, "banner-text").startswith("The connection to seqimg live is lost"))
        assert _text(page, "state") == "Not connected"
        assert page.eval("document.querySelector('.frame').classList.contains('old')")
    page.call("Page.navigate", url="about:blank")


def test_names_that_are_code_stay_words(page: Page, tmp_path: Path) -> None:
    hostile = "<img src=x onerror=\"document.title='taken'\">.mp4"
    with serving(clip_of(None), source=hostile) as served:
        _visit(page, served)
        assert _text(page, "source") == hostile
        assert page.eval("document.title") == "glow · seqimg live"
        assert page.eval("document.images.length") == 1
        assert page.complaints == []


def test_without_the_token_there_is_one_line(page: Page) -> None:
    with serving(clip_of(None)) as served:
        page.call("Network.clearBrowserCookies")
        page.call("Page.navigate", url=f"http://{served.host}/")
        until(lambda: "Open the address" in str(page.eval("document.body?.innerText")))
