"""The hooks that a plugin may implement, and the specs they return."""

import inspect
from typing import Any, get_args, get_type_hints

from seqimg.plugins import hookspecs
from tests.docs.reference.words import cell, table

__all__ = ["hook_names", "page"]

_HEAD = """# Hooks of plugins

What a plugin may implement, and what each hook returns. [Write a plugin in 15
minutes](../tutorials/write-a-plugin.md) shows one at work;
[what may change](../explanation/api-stability.md) says what a plugin may count on."""


def hook_names() -> list[str]:
    """Return the names of all hooks, in the order in which they are declared."""
    found = [name for name, value in vars(hookspecs).items() if hasattr(value, "seqimg_spec")]
    return sorted(found, key=lambda name: inspect.getsourcelines(getattr(hookspecs, name))[1])


def page() -> str:
    """Return the page as Markdown."""
    rows = [
        (
            f"[`{name}`](#seqimg.plugins.hookspecs.{name})",
            _given(hook),
            _returned(hook),
            cell(_sentence(hook)),
        )
        for name in hook_names()
        for hook in [getattr(hookspecs, name)]
    ]
    lines = [_HEAD, *table(("hook", "is given", "returns", "what"), rows), "", "::: seqimg.plugins.hookspecs"]
    lines += ["", "## Specs: what hooks return", "", "::: seqimg.plugins.specs", ""]
    return "\n".join([*lines, "## What hooks of a run are given", "", "::: seqimg.plugins.events"]) + "\n"


def _given(hook: Any) -> str:
    return ", ".join(f"`{name}`" for name in inspect.signature(hook).parameters) or "nothing"


def _returned(hook: Any) -> str:
    inner = get_args(get_type_hints(hook)["return"])
    return (
        f"[{inner[0].__name__}][seqimg.plugins.specs.{inner[0].__name__}], any number" if inner else "nothing"
    )


def _sentence(hook: Any) -> str:
    return (inspect.getdoc(hook) or "").split("\n\n")[0]
