"""Every public name is documented: parameters, errors, shapes, and an example that runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import Tensor

from seqimg.errors import UsageError
from tests.docs import documented
from tests.docs.documented import faults, has_example, is_code, public_names
from tests.docs.without_examples import WITHOUT_EXAMPLE

NAMES = public_names()


def test_docstrings_say_what_the_rule_asks_for() -> None:
    found = [fault for path, value in NAMES.items() for fault in faults(path, value)]
    assert not found, "\n".join(
        [f"{len(found)} things to write (tests/docs/documented.py is the rule):", *found]
    )


def test_every_function_and_class_shows_a_run() -> None:
    missing = [
        path
        for path, value in NAMES.items()
        if is_code(value) and not has_example(value) and path not in WITHOUT_EXAMPLE
    ]
    how = "give the docstring an `Example:` with >>> lines (tests/test_examples.py runs them), or a reason in"
    assert not missing, "\n".join([f"{how} tests/docs/without_examples.py:", *missing])


@pytest.mark.parametrize("path", WITHOUT_EXAMPLE)
def test_reasons_are_of_use(path: str) -> None:
    assert path in NAMES, f"{path} is not public any more: take it out of the table"
    assert not has_example(NAMES[path]), f"{path} has an example now: take it out of the table"
    assert len(WITHOUT_EXAMPLE[path].split()) >= 4, "say in a sentence what a run needs that there is not"


def good(frame: Tensor, size: int = 3) -> Tensor:
    """Do something.

    Args:
        frame: `[C, H, W]`.
        size: In pixels,
            odd.

    Returns:
        `[C, H, W]`.

    Raises:
        UsageError: It is even.
    """
    if size % 2 == 0:
        raise UsageError("even")
    return frame


def bad(frame: Tensor, shapes: int, *, more: NDArray[np.uint8] | None = None) -> Tensor:
    """Do something with `frame`.

    Args:
        more: An array.
    """
    raise UsageError("never")


@dataclass(frozen=True)
class Thing:
    """A thing.

    Attributes:
        kept: What it is.
    """

    kept: int
    pixels: NDArray[np.uint8]

    def change(self, by: int) -> Iterator[int]:
        """Change it `by` so many."""
        yield by

    def other(self, by: int) -> None:
        """Change it."""


def undocumented(x: int) -> int:
    return x


def test_the_rule_finds_what_is_missing() -> None:
    assert list(faults("a.good", good)) == []
    assert list(faults("a.bad", bad)) == [
        "a.bad: its docstring does not tell of frame",
        "a.bad: its docstring does not tell of shapes",
        "a.bad: say which shape more has, such as `[B, T, C, H, W]`",
        "a.bad: it raises UsageError; say when, under Raises:",
        "a.bad: say which shape it returns, such as `[B, T, C, H, W]`",
    ]
    assert list(faults("a.Thing", Thing)) == [
        "a.Thing: its docstring does not tell of pixels",
        "a.Thing.other: its docstring does not tell of by",
    ]
    assert list(faults("a.undocumented", undocumented)) == ["a.undocumented: it has no docstring"]
    assert not has_example(good)


def test_a_constant_needs_a_docstring_of_its_own(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("constants")
    source = 'GOOD = 1\n"""One."""\n\nBAD = 2\nALSO_BAD: int = 3\n'
    monkeypatch.setattr(documented, "import_module", lambda name: module)
    monkeypatch.setattr(documented.inspect, "getsource", lambda thing: source)
    assert list(faults("constants.GOOD", 1)) == []
    for name in ("BAD", "ALSO_BAD"):
        assert list(faults(f"constants.{name}", 2)) != []
