"""seqimg's own plugins are built of what others' plugins have: the public names."""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tests.docs.public_api import MODULES

PLUGINS = Path(__file__).parents[2] / "plugins"
NOT_YET = {
    "seqimg.cli": "options and words that a task's own commands share with the generated ones",
    "seqimg.sequences.formats": "which format a suffix stands for",
    "seqimg.sequences.pictures": "pictures as sequences of one frame, and patterns of names",
    "seqimg.sequences.pixeltypes": "names of types",
    "seqimg.sequences.publishing": "writers of several files",
    "seqimg.sequences.raw": "raw pixels to and from a pipe",
    "seqimg.data.datasets": "crops of frames that are brought to a smaller size first",
    "seqimg.data.generators.dataset": "generated frames, prepared as those of files are",
    "seqimg.data.generators.photographs": "photographs to make sequences of",
    "seqimg.data.sources": "sources opened one by one, with what is to be done with damaged ones",
    "seqimg.data.stills": "single pictures among sequences",
    "seqimg.plugins.manager": "what is registered by others",
}
"""Rooms that they reach into though nothing there is public: gaps, each to be closed or explained."""


@pytest.mark.parametrize("plugin", sorted(path.name for path in PLUGINS.glob("seqimg_*")))
def test_it_takes_what_is_public(plugin: str) -> None:
    private = [
        f"{path.relative_to(PLUGINS)}: from {module} import {name}"
        for path in sorted((PLUGINS / plugin).rglob("*.py"))
        for module, name in taken(path)
        if not public(module, name) and not any(module.startswith(room) for room in NOT_YET)
    ]
    how = "make it public (tests/docs/public_api.py), import it from where it is, or explain it here:"
    assert not private, "\n".join([how, *private])


@pytest.mark.parametrize("room", NOT_YET)
def test_gaps_that_are_closed_are_forgotten(room: str) -> None:
    used = [
        module
        for path in PLUGINS.rglob("*.py")
        for module, name in taken(path)
        if module.startswith(room) and not public(module, name)
    ]
    assert used, f"nothing of {room} is taken any more: take it out of the table"


def taken(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "seqimg":
            yield from ((node.module, alias.name) for alias in node.names)


def public(module: str, name: str) -> bool:
    return f"{module}.{name}" in MODULES or (module in MODULES and name in import_module(module).__all__)
