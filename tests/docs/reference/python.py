"""The Python reference: one page a room, every public name once, told by its docstring."""

from importlib import import_module

from tests.docs.public_api import MODULES
from tests.docs.reference.words import cell

__all__ = ["modules_of", "pages", "titles"]

_ROOMS = {
    "index": ("seqimg", "What most programs need."),
    "sequences": ("seqimg.sequences", "Reading, writing and converting sequences."),
    "data": ("seqimg.data", "Clips, data sets, layouts, transforms and generated sequences."),
    "nn": ("seqimg.nn", "Layers, and the bricks that models are built of."),
    "cells": ("seqimg.cells", "Cells: the equations of one step."),
    "kernels": ("seqimg.kernels", "Kernels: how cells are computed, and how one is chosen."),
    "task": ("seqimg.task", "The contract between a task and the core, and what a task shows."),
    "config": ("seqimg.config", "Configurations."),
    "plugins": ("seqimg.plugins", "What plugins are made of."),
    "streaming": ("seqimg.streaming", "Models fed frame by frame."),
    "modelfolder": ("seqimg.modelfolder", "Models on disk."),
    "errors": ("seqimg.errors", "Errors."),
    "testing": ("seqimg.testing", "Contracts and fixtures for the tests of plugins."),
    "other": ("", "Writing files, and talking to people."),
}
"""Pages, with the module whose names and whose modules' names they hold, and what they are about."""

_WITH = {"seqimg.rows": "task", "seqimg.panels": "task", "seqimg.drawing": "task", "seqimg.cells": "cells"}
_MORE = (
    "seqimg.nn.matching",
    "seqimg.data.classes",
    "seqimg.data.generators.samples",
    "seqimg.sequences.prepared",
)
"""Modules that tasks of plugins are known to need, beside those of the listing."""

_ELSEWHERE = ("seqimg.plugins.hookspecs", "seqimg.plugins.specs", "seqimg.plugins.events")
"""Modules that the page about hooks tells in full."""

_IN_WORDS = ("seqimg.errors", "seqimg.modelfolder", "seqimg.rows", "seqimg.sequences.limits")
"""Modules whose words stand on a page of their own about files, exit codes or limits."""


def modules_of(room: str) -> list[str]:
    """Return the modules that a page tells, in the order of the listing."""
    return [module for module in dict.fromkeys((*MODULES, *_MORE)) if _room(module) == room]


def titles() -> dict[str, str]:
    """Return the pages by their names, and what they are called."""
    return {room: module or "others" for room, (module, _) in _ROOMS.items()}


def pages() -> dict[str, str]:
    """Return the pages by their names."""
    homes: dict[int, str] = {}
    order = sorted(_ROOMS, key=lambda room: room == "index")  # names of the root are told where they live
    made = {room: _page(room, homes) for room in order}
    return {room: made[room] for room in _ROOMS}


def _room(module: str) -> str:
    if module in _WITH:
        return _WITH[module]
    first = module.split(".")[1] if "." in module else "index"
    return first if first in _ROOMS else "other"


def _page(room: str, homes: dict[int, str]) -> str:
    module, about = _ROOMS[room]
    lines = [f"# {module or 'Other modules'}", "", about]
    if room == "index":
        lines += ["", *_contents(), ""]
    for name in modules_of(room):
        lines += _module(name, homes)
    return "\n".join(lines) + "\n"


def _contents() -> list[str]:
    rows = [f"| [{module or 'others'}]({room}.md) | {about} |" for room, (module, about) in _ROOMS.items()]
    return ["| room | what is in it |", "|---|---|", *rows[1:]]


def _module(name: str, homes: dict[int, str]) -> list[str]:
    module = import_module(name)
    lines, references = ["", *_head(name, module.__doc__)], []
    for public in sorted(module.__all__):
        value, path = getattr(module, public), f"{name}.{public}"
        home = homes.setdefault(id(value), path) if hasattr(value, "__module__") else path
        if getattr(value, "__module__", "") in _ELSEWHERE:
            references.append(f"[{public}][{value.__module__}.{value.__name__}]")
        elif home != path:
            references.append(f"[{public}][{home}]")
        else:
            lines += ["", f"::: {path}", "    options: { heading_level: 3 }"]
    if references:
        lines += ["", f"*Told elsewhere:* {', '.join(references)}."]
    return lines


def _head(name: str, text: str | None) -> list[str]:
    if name in _IN_WORDS:
        return [f"## {name}", "", _sentence(text)]
    return [f"::: {name}", "    options: { members: false }"]


def _sentence(text: str | None) -> str:
    return cell((text or "").split("\n\n")[0]).rstrip(":") if text else ""
