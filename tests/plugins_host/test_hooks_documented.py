"""Every hook has its documentation, an example in it, and a kind that a test of the kit names."""

import inspect
from pathlib import Path

import pytest

from seqimg.plugins import hookspecs

ROOT = Path(__file__).parents[2]
HOOKS = [name for name in hookspecs.__all__ if name.startswith("seqimg_")]


@pytest.mark.parametrize("hook", HOOKS)
def test_it_is_documented_with_an_example(hook: str) -> None:
    said = inspect.getdoc(getattr(hookspecs, hook)) or ""
    assert "Example:" in said
    assert f"def {hook}(" in said


def test_the_reference_shows_them_all() -> None:
    assert "::: seqimg.plugins.hookspecs" in (ROOT / "docs" / "reference" / "api.md").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize("hook", HOOKS)
def test_some_test_uses_it(hook: str) -> None:
    mine = Path(__file__)
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if path != mine]
    sources = [*tests, *(ROOT / "seqimg" / "cli" / "plugin_templates").rglob("*.tmpl")]
    sources += (ROOT / "docs" / "tutorials" / "example-plugin").rglob("*.py")
    assert any(hook in path.read_text(encoding="utf-8") for path in sources)
