"""No test of the live page leaves an engine running, however it ends."""

from collections.abc import Iterator

import pytest

from tests.support.live import stop_engines


@pytest.fixture(autouse=True)
def _engines_end() -> Iterator[None]:
    yield
    stop_engines()
