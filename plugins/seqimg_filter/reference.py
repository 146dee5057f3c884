"""The reference page of all operations: `python -m seqimg_filter.reference > docs/reference/filters.md`."""

from collections.abc import Iterator
from itertools import groupby

from seqimg_filter.table import GIVES, WORKS_ON, Operation, operations
from seqimg_filter.words import Parameter

__all__ = ["page"]

_HEAD = """# Operations of `seqimg filter`

Made from the table in the code. On the command line an operation is `NAME:KEY=VALUE,KEY=VALUE`; what is left
out has its default. [How to filter](../how-to/filter.md) has examples; `seqimg filter list` and `seqimg filter
show NAME` tell the same as this page.

Operations compute with floats in which 0 and 1 are the ends of the source's declared value range: a parameter
such as a threshold means the same for 8-bit video and 12-bit radar. What comes out has the source's dtype and
range again.

| works on | that is |
|---|---|
"""

_TITLES = {
    "smooth": "Smoothing",
    "sharpen": "Sharpening",
    "denoise": "Denoising",
    "edges": "Edges",
    "ridges": "Ridges and vessels",
    "features": "Texture and other features",
    "morphology": "Morphology",
    "masks": "Masks",
    "thresholds": "Thresholds",
    "regions": "Regions",
    "colour": "Colour",
    "exposure": "Exposure",
    "geometry": "Geometry",
    "time": "Over time",
    "motion": "Motion",
    "together": "Several sequences",
}


def page() -> str:
    """Return the page as Markdown."""
    lines = [_HEAD + "\n".join(f"| {name} | {words} |" for name, words in WORKS_ON.items()), ""]
    lines += ["| gives | that is |", "|---|---|", *(f"| {name} | {words} |" for name, words in GIVES.items())]
    for group, entries in groupby(operations().values(), lambda entry: entry.group):
        lines += ["", f"## {_TITLES[group]}"]
        for entry in entries:
            lines += _section(entry)
    return "\n".join(lines) + "\n"


def _section(entry: Operation) -> Iterator[str]:
    facts = [f"works on: {entry.on}", f"gives: {entry.gives}"]
    if entry.channels is not None:
        facts.append(f"channels: {entry.channels}")
    if entry.bounded:
        facts.append("values beyond the range are cut off first")
    if entry.target.startswith("skimage."):
        facts.append(f"`{entry.target.replace(':', '.')}`")
    yield from ("", f"### {entry.name}", "", entry.doc, "", "; ".join(facts) + ".")
    if entry.parameters:
        yield from ("", "| parameter | values | default | what it does |", "|---|---|---|---|")
        yield from map(_row, entry.parameters)


def _row(parameter: Parameter) -> str:
    default = parameter.shown.partition(" = ")[2]
    return f"| {parameter.name} | {_values(parameter)} | {default} | {parameter.doc} |"


def _values(parameter: Parameter) -> str:
    if parameter.kind == "choice":
        return ", ".join(parameter.choices)
    if parameter.kind == "bool":
        return "true, false"
    kind = "whole numbers" if parameter.kind == "int" else "numbers"
    low = f" from {parameter.low:,g}" if parameter.low is not None else ""
    return kind + low + (f" to {parameter.high:,g}" if parameter.high is not None else "")


if __name__ == "__main__":
    print(page(), end="")
