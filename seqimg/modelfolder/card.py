"""The model card that lies beside a model's weights: a page for people."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from seqimg.plugins.reports import one_line

__all__ = ["model_card"]

_MOST_LABELS = 50
_SHORT, _SENTENCE = 80, 300  # letters of a name, and of a convention
_MARKS = re.compile(r"([\\`*_{}\[\]<>#|!~])")


def model_card(record: Mapping[str, Any], parameters: int) -> str:
    """Write a short page in Markdown about a model.

    Args:
        record: What `config.json` holds.
        parameters: How many numbers the weights are.
    """
    return "\n".join(_lines(record, parameters)) + "\n"


def _lines(record: Mapping[str, Any], parameters: int) -> Iterator[str]:
    task, plugin, before = record["task"], record["plugin"] or {}, record["preprocessing"]
    yield f"# A model for seqimg {_text(task)}"
    yield ""
    made = f"seqimg {record['seqimg']}"
    if plugin.get("distribution") not in (None, "seqimg"):
        made += f", plugin {plugin['name']} of {plugin['distribution']} {plugin['version']}"
    yield f"- Made with {_text(made)}; {parameters:,} parameters."
    side = f", longer side {before['longer_side']} pixels" if before["longer_side"] else ""
    channels = before["channels"]
    yield f"- Frames: {channels} channel{'s' * (channels != 1)}, values from 0 to 1{side}; missing values are 0."
    if before.get("operations"):
        yield f"- Each frame first goes through {_text(', '.join(map(str, before['operations'])))}."
    training = record["training"]
    if training.get("steps"):
        sources = len(record["config"].get("data", ()))
        yield (
            f"- Trained for {training['steps']:,} steps on {sources} source{'s' * (sources != 1)} of data;"
            " `config.json` has every setting."
        )
    if record["labels"]:
        shown = ", ".join(map(_text, record["labels"][:_MOST_LABELS]))
        yield f"- Labels: {shown}{', …' if len(record['labels']) > _MOST_LABELS else ''}."
    yield from _figures(record["metrics"])
    yield from (
        "",
        "## Use it",
        "",
        "```sh",
        f"seqimg {task} run VIDEO --model THIS_FOLDER",
        "```",
        "",
        "```python",
        "import seqimg",
        "",
        'loaded = seqimg.load("THIS_FOLDER")',
        "# frames: tensors [C, H, W], float32 from 0 to 1",
        "for shown in loaded.answer(frames):",
        "    ...  # shown.picture, shown.rows",
        "```",
    )


def _figures(metrics: Mapping[str, Any]) -> Iterator[str]:
    conventions, validation = metrics["conventions"], metrics["validation"]
    names = sorted({*conventions, *validation}, key=lambda name: (name != metrics["leading"], name))
    if not names:
        return
    yield from ("", "## Figures", "", "| metric | in validation | how it is computed |", "|---|---|---|")
    for name in names:
        value = f"{validation[name]:.5g}" if name in validation else "not measured"
        yield f"| {_text(name)} | {value} | {_text(conventions.get(name, ''), _SENTENCE)} |"
    if not validation:
        return
    yield ""
    yield "Validation chose the weights, so that its figures flatter: `seqimg TASK eval --part test` measures on"
    yield "what was kept apart."


def _text(value: object, limit: int = _SHORT) -> str:
    """Return text that is none of Markdown's marks, on one line."""
    return _MARKS.sub(r"\\\1", one_line(str(value), limit))
