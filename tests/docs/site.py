"""What is wrong with the built documentation: `make docs` looks, after it has built it.

Every link within the site leads to a page and a place on it, links to elsewhere are well formed, pages ask no other
host for anything, and the search finds what people look for.
"""

import json
import posixpath
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["SOUGHT", "faults"]

SOUGHT = ("resume", "out of memory", "ConvLSTM", "plugin", "damaged", "camera", "GPU", "exit codes")
"""What the search has to find, in the title of a page or section."""


class Page(HTMLParser):
    """The links of a page, what it loads, and the places that can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.places: set[str] = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of one tag."""
        found = {name: value or "" for name, value in attrs}
        self.places |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag in ("img", "script", "iframe", "source", "video") and found.get("src"):
            self.loaded.append(found["src"])
        elif tag == "link" and found.get("rel") in ("stylesheet", "icon", "preload", "preconnect"):
            self.loaded.append(found.get("href", ""))


def faults(site: Path) -> list[str]:
    """Return a line for each thing that is wrong with a built site."""
    pages = {
        path.relative_to(site).as_posix(): Page(path.read_text(encoding="utf-8"))
        for path in site.rglob("*.html")
    }
    pages.pop("404.html", None)  # served at any depth, its links are absolute
    found = [] if pages else [f"{site} has no pages"]
    for name, page in sorted(pages.items()):
        found += (f"{name}: {words}" for words in _of_page(site, name, page, pages))
    return [*found, *_of_search(site)]


def _of_page(site: Path, name: str, page: Page, pages: dict[str, Page]) -> Iterator[str]:
    for address in page.loaded:
        if urlsplit(address).netloc:
            yield f"asks another host for {address}"
        elif not (site / _target(name, urlsplit(address).path)).is_file():
            yield f"{address} is not there"
    for link in page.links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            if not (parts.scheme in ("https", "mailto") and (parts.netloc or parts.path) and " " not in link):
                yield f"{link} is no address"
            continue
        target = _target(name, parts.path)
        if target in pages:
            if unquote(parts.fragment) not in pages[target].places:
                yield f"{link}: that page has no such place"
        elif not (site / target).is_file():
            yield f"{link} leads nowhere"


def _target(page: str, path: str) -> str:
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(path))) if path else page
    return (
        posixpath.join(joined, "index.html").removeprefix("./")
        if path.endswith("/") or joined == "."
        else joined
    )


def _of_search(site: Path) -> Iterator[str]:
    index = site / "search" / "search_index.json"
    if not index.is_file():
        yield "there is no index to be searched"
        return
    entries = json.loads(index.read_text(encoding="utf-8"))["docs"]
    titles = [re.sub(r"<[^>]*>", "", entry["title"]).lower() for entry in entries]
    for words in SOUGHT:
        if not any(all(word in title for word in words.lower().split()) for title in titles):
            yield f"the search finds no page or section called {words!r}"


if __name__ == "__main__":
    wrong = faults(Path(sys.argv[1]))
    print(
        "\n".join(wrong) or "Every link leads somewhere, and the search finds what is looked for.",
        file=sys.stderr,
    )
    raise SystemExit(1 if wrong else 0)
