"""Every hook has its documentation, an example in it, and a kind that a test of the kit names."""

import inspect
from pathlib import Path

import pytest

from seqimg.plugins import hookspecs
from tests.docs.documented import faults

ROOT = Path(__file__).parents[2]
HOOKS = [name for name in hookspecs.__all__ if name.startswith("seqimg_")]


@pytest.mark.parametrize("hook", HOOKS)
def test_it_is_documented_with_an_example(hook: str) -> None:
    said = inspect.getdoc(getattr(hookspecs, hook)) or ""
    assert "Example:" in said
    assert f"def {hook}(" in said


@pytest.mark.parametrize("hook", HOOKS)
def test_its_arguments_are_documented(hook: str) -> None:
    assert list(faults(f"seqimg.plugins.hookspecs.{hook}", getattr(hookspecs, hook))) == []


@pytest.mark.parametrize("hook", HOOKS)
def test_the_reference_shows_it(hook: str) -> None:
    page = (ROOT / "docs" / "reference" / "hooks.md").read_text(encoding="utf-8")
    assert "::: seqimg.plugins.hookspecs" in page
    assert f"`{hook}`" in page


@pytest.mark.parametrize("hook", HOOKS)
def test_some_test_implements_it(hook: str) -> None:
    mine = Path(__file__)
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if path != mine]
    sources = [*tests, *(ROOT / "seqimg" / "cli" / "plugin_templates").rglob("*.tmpl")]
    sources += (ROOT / "docs" / "tutorials" / "example-plugin").rglob("*.py")
    implemented = any(f"def {hook}(" in path.read_text(encoding="utf-8") for path in sources)
    assert implemented, f"no plugin in the tests, the templates or the example implements {hook}: write one"
