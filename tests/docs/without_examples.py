"""Public functions and classes that show no example that runs, each with the reason why it cannot.

"It is simple", or "there was no time", is none: write the example. A reason is that a run needs what a test machine
or a docstring has not, such as a camera or pytest.
"""

from collections.abc import Mapping

__all__ = ["WITHOUT_EXAMPLE"]

_FIXTURE = "pytest alone can call a fixture; tests/testing/test_testing_fixtures.py and the tutorial use it"

WITHOUT_EXAMPLE: Mapping[str, str] = {
    "seqimg.testing.fixtures.seqimg_command": _FIXTURE,
    "seqimg.testing.fixtures.tiny_run": _FIXTURE,
    "seqimg.testing.fixtures.tiny_sequence": _FIXTURE,
}
