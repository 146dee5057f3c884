"""Every figure of every task with its definition, as it is kept beside the figures in model folders."""

from collections.abc import Iterator

from seqimg.plugins import TaskSpec, resolve
from seqimg.task import Task
from tests.docs.reference.own import own_tasks
from tests.docs.reference.words import cell, table

__all__ = ["configurations", "page"]

_HEAD = """# Figures

Every figure that a task measures, as its own words in the program define it; the same words are written to the
`config.json` of a model folder beside the numbers. The first of a task is the one that chooses the best model."""

_OTHERWISE: dict[str, dict[str, dict[str, object]]] = {
    "classify": {
        "with six classes or more": {"classes": tuple("abcdef")},
        "with `--views 10`": {"views": 10, "classes": ("a", "b")},
        "with `--several`": {"several": True, "classes": ("a", "b")},
    },
    "predict": {"with `--thresholds 0.2`": {"thresholds": (0.2,)}},
    "texture": {"with `--frames 3`": {"frames": 3}},
}
"""Settings that bring other figures, by task and what the page calls them."""

_ENDS = {True: "higher", False: "lower", None: "neither"}


def configurations(name: str) -> dict[str, dict[str, object]]:
    """Return the settings whose figures the page lists, the defaults first."""
    return {"": {}} | _OTHERWISE.get(name, {})


def page() -> str:
    """Return the page as Markdown."""
    lines = [_HEAD]
    for spec in own_tasks():
        lines += ["", f"## {spec.name}", *_task(spec)]
    return "\n".join(lines) + "\n"


def _task(spec: TaskSpec) -> Iterator[str]:
    kind, listed = resolve(spec.task), set[str]()
    for title, values in configurations(spec.name).items():
        task: Task = kind(kind.Config(**values))
        found, said = task.metrics(), task.conventions()
        names = sorted(map(str, found), key=lambda name: (name != task.leading_metric, name))
        rows = [
            (f"`{name}`", _ENDS[found[name].higher_is_better], cell(said[name]))
            for name in names
            if name not in listed
        ]
        listed |= set(names)
        if rows:
            yield from ["", f"### {spec.name} {title}"] if title else []
            yield from table(("figure", "better", "how it is computed"), rows)
