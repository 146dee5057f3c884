"""The work of `seqimg filter list` and `seqimg filter show`."""

from fnmatch import fnmatchcase

from seqimg.cli.output import Table, output
from seqimg.errors import UsageError, did_you_mean
from seqimg_filter.table import GIVES, WORKS_ON, Operation, operation, operations

__all__ = ["described", "list_all", "show_one"]


def list_all(pattern: str) -> None:
    """List the operations whose name or group is like a pattern.

    Raises:
        UsageError: None is.
    """
    found = [
        entry
        for entry in operations().values()
        if fnmatchcase(entry.name, pattern) or fnmatchcase(entry.group, pattern)
    ]
    if not found:
        near = did_you_mean(pattern, operations())
        groups = ", ".join(dict.fromkeys(entry.group for entry in operations().values()))
        raise UsageError(
            f"no operation is like {pattern!r}" + (f"; did you mean {near}?" if near else ""),
            why=f"groups: {groups}",
            hint="seqimg filter list",
        )
    rows = [(entry.group, entry.signature, entry.doc) for entry in found]
    output().data([described(entry) for entry in found], Table(["GROUP", "OPERATION", "WHAT IT DOES"], rows))
    output().hint(f"seqimg filter show {found[0].name}")


def show_one(name: str) -> None:
    """Tell all about an operation.

    Raises:
        UsageError: There is none of that name.
    """
    entry = operation(name)
    lines = [entry.signature, entry.doc, f"Works on {WORKS_ON[entry.on]}.", f"Gives {GIVES[entry.gives]}."]
    if entry.bounded:
        lines.append("Values beyond the declared range are cut off first.")
    if entry.target.startswith("skimage."):
        lines.append(f"It is {entry.target.replace(':', '.')} of scikit-image.")
    for parameter in entry.parameters:
        bounds = [f"from {parameter.low:g}"] if parameter.low is not None else []
        bounds += [f"to {parameter.high:g}"] if parameter.high is not None else []
        lines.append(f"  {parameter.shown}  {parameter.doc}" + (f" ({' '.join(bounds)})" if bounds else ""))
    output().data(described(entry), "\n".join(lines))
    first = f":{entry.parameters[0].name}=…" if entry.parameters else ""
    output().hint(f"seqimg filter run IN.mp4 --op {entry.name}{first} -o OUT.mp4")


def described(entry: Operation) -> dict[str, object]:
    """Return all about an operation as data."""
    return {
        "name": entry.name,
        "group": entry.group,
        "doc": entry.doc,
        "signature": entry.signature,
        "works_on": entry.on,
        "gives": entry.gives,
        "role": entry.role,
        "changes_size": entry.resizes,
        "parameters": [
            {
                "name": parameter.name,
                "kind": parameter.kind,
                "default": parameter.default,
                "low": parameter.low,
                "high": parameter.high,
                "choices": list(parameter.choices),
                "doc": parameter.doc,
            }
            for parameter in entry.parameters
        ],
    }
