"""Fixtures that install throwaway plugins and load them."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seqimg.plugins.manager import PluginHost, reset_plugin_host
from seqimg.plugins.reports import PluginReport
from tests.support.distributions import Site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    for name in ("SEQIMG_PLUGINS", "SEQIMG_STRICT_PLUGINS", "SEQIMG_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    reset_plugin_host()
    yield Site(folder)
    reset_plugin_host()
    for name in [name for name, module in sys.modules.items() if _is_inside(module, folder)]:
        del sys.modules[name]


@pytest.fixture
def load(site: Site) -> Callable[..., tuple[PluginHost, PluginReport]]:
    """Install one plugin called `radar` and load everything."""

    def load_one(source: str, **options: str) -> tuple[PluginHost, PluginReport]:
        site.add("radar", source, **options)
        host = PluginHost()
        return host, next(report for report in host.reports if report.name == "radar")

    return load_one


def _is_inside(module: object, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).parent == folder
