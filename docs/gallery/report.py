"""Make report.png of the gallery: `python -m docs.gallery.report RUN/report.html FOLDER`; needs Chromium."""

import base64
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image

from tests.browser.chromium import browser

__all__ = ["picture"]

_WIDTH, _HEIGHT = 900, 880


def picture(report: Path, folder: Path) -> Path:
    """Take a picture of the top of a report, the player at the third frame to come."""
    with tempfile.TemporaryDirectory() as profile, browser(Path(profile)) as page:
        page.open(report, width=_WIDTH, height=_HEIGHT)
        for _ in range(2):
            page.press("ArrowRight")
        clip = {"x": 0, "y": 0, "width": _WIDTH, "height": _HEIGHT, "scale": 1}
        data = base64.b64decode(page.call("Page.captureScreenshot", clip=clip)["data"])
    path = folder / "report.png"
    Image.open(BytesIO(data)).convert("RGB").quantize(128).save(path, optimize=True)
    return path


if __name__ == "__main__":
    print(picture(*map(Path, sys.argv[1:3])))
