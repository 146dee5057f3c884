"""What every test may count on."""

import os
import signal
from pathlib import Path

import pytest


def pytest_configure() -> None:
    """Answer Ctrl-C even in the background of a script, where it is ignored, and so by all that tests start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _clean_surroundings(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run in an empty folder, with no configuration of the machine's user and no SEQIMG_* variable."""
    for name in os.environ:
        if name.startswith("SEQIMG_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path_factory.getbasetemp() / "matplotlib"))
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
