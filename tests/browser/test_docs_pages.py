"""The documentation in a real browser: every page at two widths, light and dark, and the search."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from threading import Thread

import pytest

from tests.browser.chromium import BROWSER, browser

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(BROWSER is None, reason="needs Chromium"),
]
ROOT = Path(__file__).parents[2]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *words: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs")
    pytest.importorskip("material")
    folder = tmp_path_factory.mktemp("docs") / "site"
    build = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)]
    subprocess.run(build, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, check=True)
    return folder


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_fits_and_asks_nobody(site: Path, address: str, tmp_path: Path, width: int) -> None:
    names = sorted(path.parent.relative_to(site).as_posix() for path in site.rglob("index.html"))
    assert len(names) > 60
    wrong = []
    with browser(tmp_path / "profile") as page:
        for name, dark in product(names, (False, True)):
            page.go(address + ("" if name == "." else f"{name}/"), width=width, dark=dark)
            found = {
                "wider than the window": page.eval("document.documentElement.scrollWidth > innerWidth"),
                "not in the system's scheme": page.eval("document.body.dataset.mdColorScheme")
                != ("slate" if dark else "default"),
                "equations": page.eval(
                    "[...document.querySelectorAll('.arithmatex')].filter(e => !e.querySelector('.katex')).length"
                    " + document.querySelectorAll('.katex-error').length"
                ),
                "pictures": page.eval(
                    "[...document.images].filter(i => i.complete && !i.naturalWidth).length"
                ),
                "complaints": page.complaints[:2],
                "hosts": [one for one in page.requests if not one.startswith((address, "blob:"))],
            }
            wrong += [f"{name}: {what}: {value}" for what, value in found.items() if value]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("resume", "/how-to/training/"),
        ("out of memory", "/how-to/memory/"),
        ("ConvLSTM", "/reference/cells/"),
        ("plugin", "/how-to/plugins/"),
    ],
)
def test_the_search_finds(address: str, tmp_path: Path, words: str, wanted: str) -> None:
    with browser(tmp_path / "profile") as page:
        page.go(address, width=1280)
        page.eval("document.querySelector('[data-md-component=search-query]').focus()")
        page.call("Input.insertText", text=words)
        end = time.monotonic() + 30
        found: list[str] = []
        while wanted not in found and time.monotonic() < end:
            time.sleep(0.2)
            found = page.eval(
                "[...document.querySelectorAll('.md-search-result__item > a')].slice(0, 5).map(e => e.pathname)"
            )
        assert wanted in found
