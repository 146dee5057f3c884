"""Every field of every task's configuration, from `describe_fields`."""

import json
from collections.abc import Iterator

from seqimg.config import FieldWords, ReadingConfig, TaskConfig, describe_fields
from seqimg.plugins import TaskSpec, resolve
from tests.docs.reference.own import own_tasks
from tests.docs.reference.words import cell, table

__all__ = ["page"]

_HEAD = """# Settings

Every field of a task's configuration. A field is a key of a TOML file, a flag of `seqimg TASK train` (with `-`
for `_`), the environment variable `SEQIMG_<TASK>_<FIELD>`, and a line of the model folder's `config.json`.
[Set values](../how-to/configuration.md) says which of them counts. Options of `run` are flags of that command alone."""


def page() -> str:
    """Return the page as Markdown."""
    lines = [_HEAD, "", "## Reading sequences", "", "Of `train`, `run` and `eval` of every task."]
    lines += _rows(describe_fields(ReadingConfig, "any"))
    lines += ["", "## Training", "", "Of `train` of every task."]
    lines += _rows([words for words in describe_fields(TaskConfig, "any") if words.heading == "Training"])
    for spec in own_tasks():
        lines += _task(spec)
    return "\n".join(lines) + "\n"


def _task(spec: TaskSpec) -> Iterator[str]:
    config, options = resolve(spec.config), resolve(spec.run_options)
    fields = describe_fields(config, spec.name)
    shared = {words.name: words for words in describe_fields(TaskConfig, spec.name)}
    own = [words for words in fields if words.name not in shared]
    changed = [words for words in fields if words.name in shared and words != shared[words.name]]
    yield from ("", f"## {spec.name}", "", cell(spec.summary))
    yield from ("", f"### {spec.name}: training", *_rows(own))
    if changed:
        yield from (
            "",
            f"Of the fields of every task, these are others for `{spec.name}`:",
            *_rows(changed),
        )
    yield from ("", f"### {spec.name}: run", *_rows(describe_fields(options, spec.name)))


def _rows(fields: list[FieldWords]) -> list[str]:
    rows = [(f"`{w.name}`", cell(w.accepts), _default(w.default), cell(w.description)) for w in fields]
    return table(("field", "takes", "default", "what it is"), rows)


def _default(default: object) -> str:
    return "not set" if default is None else f"`{json.dumps(default, ensure_ascii=False)}`"
