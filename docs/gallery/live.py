"""Make live.png and live-phone.png of the gallery: `python -m docs.gallery.live CLIP MODEL FOLDER`; needs Chromium."""

import base64
import signal
import subprocess
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path

from PIL import Image

from tests.browser.chromium import Page, browser

__all__ = ["pictures"]


def pictures(clip: Path, model: Path, folder: Path) -> list[Path]:
    """Let a model work on a clip for half a minute, with and without memory, and take pictures of the page."""
    words = [sys.executable, "-m", "seqimg", "live", str(clip), "--model", str(model), "--loop"]
    with (
        tempfile.TemporaryDirectory() as profile,
        subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server,
    ):
        assert server.stdout is not None
        try:
            with browser(Path(profile)) as page:
                _window(page, 1280, 860)
                page.call("Page.navigate", url=server.stdout.readline().strip())
                time.sleep(15)
                page.eval("document.getElementById('reset').click()")
                time.sleep(6)
                page.eval("document.getElementById('compare').click()")
                time.sleep(10)
                desk = _picture(page, folder / "live.png", 1280, 860)
                page.eval("document.getElementById('compare').click()")
                _window(page, 390, 844, dark=True)
                time.sleep(2)
                phone = _picture(page, folder / "live-phone.png", 390, 844)
        finally:
            server.send_signal(signal.SIGINT)
    return [desk, phone]


def _window(page: Page, width: int, height: int, *, dark: bool = False) -> None:
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    page.call("Emulation.setDeviceMetricsOverride", **size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    page.call("Emulation.setEmulatedMedia", features=[scheme])


def _picture(page: Page, path: Path, width: int, height: int) -> Path:
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    data = base64.b64decode(page.call("Page.captureScreenshot", clip=clip)["data"])
    image = Image.open(BytesIO(data)).convert("RGB")
    image.save(path, optimize=True)
    return path


if __name__ == "__main__":
    for path in pictures(*map(Path, sys.argv[1:4])):
        print(path)
