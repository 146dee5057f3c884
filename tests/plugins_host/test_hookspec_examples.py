"""The example in each hook's docstring is a whole plugin."""

import doctest
import inspect

import pluggy
import pytest

from seqimg.plugins import hookspecs
from seqimg.plugins.events import EVENTS
from seqimg.plugins.manager import PluginHost
from tests.support.distributions import Site

HOOKS = [name for name in hookspecs.__all__ if name.startswith("seqimg_")]


def test_the_host_knows_every_hook() -> None:
    manager = pluggy.PluginManager("seqimg")
    manager.add_hookspecs(hookspecs)
    assert {name for name in vars(manager.hook) if not name.startswith("_")} == set(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_example_is_a_plugin(hook: str, site: Site) -> None:
    docstring = inspect.getdoc(getattr(hookspecs, hook)) or ""
    source = "".join(example.source for example in doctest.DocTestParser().get_examples(docstring))
    site.add("radar", source)
    report = next(report for report in PluginHost().reports if report.name == "radar")
    assert report.state == "ok", report.reason
    kind = "listener" if hook in EVENTS else hook.removeprefix("seqimg_").removesuffix("s")
    assert [entry.split()[0] for entry in report.registered] == [kind]
