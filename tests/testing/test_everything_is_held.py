"""All that seqimg and its own plugins register keeps the contracts that others' plugins keep."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from seqimg.plugins import hookspecs
from seqimg.plugins.events import EVENTS
from seqimg.plugins.manager import plugin_host
from seqimg.testing import PluginContract, suites
from seqimg.testing.checking import SkipTest

TESTS = Path(__file__).parents[1]
HOOKS = [name for name in hookspecs.__all__ if name.startswith("seqimg_")]
ENTRIES = [
    (report.name, *entry.split(" ", 1))
    for report in plugin_host().reports
    if report.distribution == "seqimg"
    for entry in report.registered
]
BY_HAND = {
    "task": "TaskContract",  # with a configuration of its own, and data
    "layout": "LayoutContract",  # with data sets that lie like it
}
"""What needs more than its name: a class in the tests inherits its contract."""


QUICK = (
    "*.step/reference",
    "conv_gru.step/packed",
    "gaussian",
    "denoise_bilateral",
    "grey",
    "invert",
    "label",
)
"""Of the many kernels and operations, those that are tried in the quick loop."""


def quick(kind: str, name: str) -> bool:
    return kind not in ("frame_op", "kernel") or name in QUICK


def cases() -> Iterator[object]:
    for plugin, kind, name in ENTRIES:
        if kind not in BY_HAND:
            marks = () if quick(kind, name) else (pytest.mark.slow,)
            yield pytest.param(plugin, kind, name, id=f"{kind} {name}", marks=marks)


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_contract(hook: str) -> None:
    kind = hook.removeprefix("seqimg_").removesuffix("s")
    assert hook in EVENTS or kind in suites.CONTRACTS, f"{hook} has no contract: add one to {suites.__name__}"


@pytest.mark.parametrize("plugin", sorted({plugin for plugin, _, _ in ENTRIES}))
def test_plugins_are_light_and_whole(plugin: str) -> None:
    contract = type("Test", (PluginContract,), {"plugin": plugin})()
    assert [found.why for found in suites.run(plugin, plugin, contract) if found.state == "failed"] == []


@pytest.mark.parametrize(("plugin", "kind", "name"), list(cases()))
def test_it_keeps_its_contract(plugin: str, kind: str, name: str) -> None:
    try:
        contract = suites.CONTRACTS[kind](name, ())
    except SkipTest as reason:
        pytest.skip(str(reason))
    findings = list(suites.run(plugin, f"{kind} {name}", contract))
    assert [finding.why for finding in findings if finding.state == "failed"] == []
    assert any(finding.state == "ok" for finding in findings)


@pytest.mark.parametrize("kind", BY_HAND)
def test_a_class_of_the_tests_holds_it(kind: str) -> None:
    named = set(inheriting(BY_HAND[kind], kind))
    registered = {name for _, found, name in ENTRIES if found == kind}
    missing = sorted(registered - named)
    if kind == "task":
        assert not missing, f"write a class that inherits {BY_HAND[kind]} for {', '.join(missing)}"
    assert registered & named, f"no test inherits {BY_HAND[kind]}"


def inheriting(contract: str, attribute: str) -> Iterator[str]:
    """Yield what the classes are about that inherit a contract, wherever in the tests they are."""
    for path in TESTS.rglob("test_*.py"):
        if contract not in (text := path.read_text(encoding="utf-8")):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == contract for base in node.bases):
                yield from (ast.literal_eval(line.value) for line in node.body if names(line, attribute))


def names(line: ast.stmt, attribute: str) -> bool:
    return isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == attribute
