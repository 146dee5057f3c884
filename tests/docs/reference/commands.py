"""One page for each command of `seqimg`, from the Typer apps themselves."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import typer
from typer.main import get_command

from seqimg.cli.main import app as root
from seqimg.cli.tasks import task_app
from tests.docs.reference.own import own_commands, own_tasks
from tests.docs.reference.words import cell, flags, table

__all__ = ["command_names", "pages", "titles"]

_ORDER = ("Arguments", "Options", "Options of this task", "Training", "Many sequences", "Reading sequences")
_OWN = 2  # where headings of a command's own stand
_HIDDEN = ("help", "install_completion", "show_completion")
_HEAD = """# Commands

Made from the program itself: each page is what `seqimg COMMAND --help` says. [Exit codes](../files.md#exit-codes) and
[environment variables](../files.md#environment-variables) stand elsewhere.
"""


def titles() -> dict[str, str]:
    """Return the pages by their names, and what they are called."""
    return {"index": "All commands"} | {name: name for name in _builders()}


def pages() -> dict[str, str]:
    """Return the pages by their names."""
    made = {name: _page(name, summary, build()) for name, (summary, build) in _builders().items()}
    return {"index": _index()} | made


def command_names() -> Iterator[str]:
    """Go through all commands that do something, as they are typed: `data convert`."""
    for name, (_, build) in _builders().items():
        for path, _ in _walk((name,), get_command(build())):
            yield " ".join(path)


def _builders() -> dict[str, tuple[str, Callable[[], typer.Typer]]]:
    host, commands = own_commands()
    tasks = {spec.name: (spec.summary, lambda spec=spec: task_app(spec)) for spec in own_tasks()}
    others = {spec.name: (spec.summary, lambda spec=spec: host.commands.load(spec.name)) for spec in commands}
    return {**tasks, **others}


def _index() -> str:
    lines = [_HEAD, "## For every command", "", "These may stand anywhere on the command line."]
    lines += _options("seqimg", get_command(root))
    for title, names in (
        ("Tasks", [spec.name for spec in own_tasks()]),
        ("Other commands", [spec.name for spec in own_commands()[1]]),
    ):
        lines += ["", f"## {title}"]
        rows = [
            (f"[`seqimg {' '.join(path)}`]({name}.md#{'-'.join(('seqimg', *path))})", cell(_sentence(found)))
            for name in names
            for path, found in _walk((name,), get_command(_builders()[name][1]()))
        ]
        lines += table(("command", "what it does"), rows)
    return "\n".join(lines) + "\n"


def _page(name: str, summary: str, app: typer.Typer) -> str:
    lines = [
        f"# seqimg {name}" if _is_group(get_command(app)) else f"# The command {name}",
        "",
        cell(summary),
    ]
    for path, command in _walk((name,), get_command(app)):
        lines += _section("seqimg " + " ".join(path), command)
    return "\n".join(lines) + "\n"


def _is_group(command: Any) -> bool:
    return hasattr(command, "commands")


def _walk(path: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not _is_group(command):
        yield path, command
        return
    if command.invoke_without_command:
        yield path, command
    for name, inner in command.commands.items():
        if not inner.hidden:
            yield from _walk((*path, name), inner)


def _section(name: str, command: Any) -> Iterator[str]:
    arguments = [_shape(param) for param in _shown(command) if param.param_type_name == "argument"]
    usage = " ".join([name, *arguments, "[OPTIONS]"] if _shown(command) else [name])
    yield from ("", f"## {name}", "", *_prose(command), "", "```text", usage, "```")
    yield from _options(name, command)


def _options(name: str, command: Any) -> Iterator[str]:
    context = command.make_context(name, [], resilient_parsing=True)
    found: dict[str, list[tuple[str, str]]] = {}
    for param in _shown(command):
        record = param.get_help_record(context)
        if record is None:
            continue
        argument = param.param_type_name == "argument"
        heading = "Arguments" if argument else getattr(param, "rich_help_panel", None) or "Options"
        words = str(param.metavar or param.name).removesuffix("...") if argument else record[0]
        found.setdefault(heading, []).append((flags(words), cell(record[1])))
    for heading in sorted(found, key=lambda heading: _ORDER.index(heading) if heading in _ORDER else _OWN):
        yield from table((heading, ""), found[heading])


def _shown(command: Any) -> list[Any]:
    return [
        param for param in command.params if param.name not in _HIDDEN and not getattr(param, "hidden", False)
    ]


def _shape(param: Any) -> str:
    word = str(param.metavar or param.name.upper()).removesuffix("...") + ("…" if param.nargs == -1 else "")
    return word if param.required else f"[{word}]"


def _sentence(command: Any) -> str:
    return inspect.cleandoc(command.help or "").split("\n\n")[0]


def _prose(command: Any) -> Iterator[str]:
    for number, part in enumerate(inspect.cleandoc(command.help or "").replace("\b\n", "").split("\n\n")):
        if number:
            yield ""
        yield from ("```text", part, "```") if "\n  " in part or ("seqimg " in part and number) else (part,)
    if command.epilog:
        yield from ("", "```text", inspect.cleandoc(command.epilog), "```")
