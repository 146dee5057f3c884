"""The root of the command line: names and summaries from specs, code only when a command is called."""

from collections.abc import Callable, Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from seqimg.cli.output import output
from seqimg.errors import SeqimgError, UnavailableError
from seqimg.plugins import CommandSpec, TaskSpec, resolve
from seqimg.plugins.manager import BUILTIN, PluginHost, plugin_host

__all__ = ["RootGroup"]

_REPAIR = ("doctor", "plugins")  # what a user calls when plugins are broken: works whatever they do
_HELP = ("--help", "-h")


class RootGroup(TyperGroup):
    """The group behind `seqimg`, filled from the registered specs when first asked."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands: tasks first."""
        self._fill()
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command called `cmd_name`, or None.

        Raises:
            UnavailableError: A plugin of that name is installed, but off.
        """
        self._fill()
        command = super().get_command(ctx, cmd_name)
        if command is None and not ctx.resilient_parsing:
            _explain_absence(cmd_name)
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands under one heading a kind."""
        self._fill()
        sections: dict[str, list[tuple[str, str]]] = {}
        for command in self.commands.values():
            if isinstance(command, LazyCommand):
                sections.setdefault(command.section, []).append((command.name or "", command.help or ""))
        for section, rows in sections.items():
            with formatter.section(section):
                formatter.write_dl(rows)

    def _fill(self) -> None:
        if not self.commands:
            for command in _commands(plugin_host(strict=False)):
                self.add_command(command)


class LazyCommand(TyperCommand):
    """A command known by name and summary; its code is loaded when it is called.

    Args:
        name: How users call it.
        summary: One line for the root's help.
        section: The heading it stands under there.
        build: Returns its Typer app.
    """

    def __init__(self, name: str, summary: str, section: str, build: Callable[[], typer.Typer]) -> None:
        super().__init__(name, help=summary)
        self.section = section
        self._build = build

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Load the command's code and hand the rest of the command line over to it."""
        resilient = extra.get("resilient_parsing", False)
        if not resilient and self.name not in _REPAIR and not any(word in _HELP for word in args):
            _mention_failures(plugin_host())
        command: Any = get_command(self._build())
        _keep_summaries_whole(command)
        # These belong to the root alone; Typer adds them to every app that does not say otherwise.
        command.params = [
            p for p in command.params if p.name not in ("install_completion", "show_completion")
        ]
        return command.make_context(info_name, args, parent=parent, **extra)


def _keep_summaries_whole(command: Any) -> None:
    """Give the commands of a group summaries of their own: those that help makes from longer texts are cut off."""
    for inner in getattr(command, "commands", {}).values():
        inner.short_help = inner.short_help or " ".join((inner.help or "").partition("\n\n")[0].split())
        _keep_summaries_whole(inner)


def _commands(host: PluginHost) -> Sequence[LazyCommand]:
    tasks = [
        LazyCommand(spec.name, spec.summary, "Tasks", _task_builder(host, spec))
        for spec in map(host.tasks.get, host.tasks.names())
    ]
    commands = []
    for spec in map(host.commands.get, host.commands.names()):
        builtin = host.commands.owner(spec.name).plugin in BUILTIN
        section = "Commands" if builtin else "Commands of plugins"
        commands.append(LazyCommand(spec.name, spec.summary, section, _command_builder(host, spec)))
    return [*tasks, *commands]


def _task_builder(host: PluginHost, spec: TaskSpec) -> Callable[[], typer.Typer]:
    def build() -> typer.Typer:
        task_app: Callable[[TaskSpec], typer.Typer] = resolve("seqimg.cli.tasks:task_app")
        try:
            return task_app(spec)
        except SeqimgError:
            raise
        except Exception as error:
            raise UnavailableError(
                f"task {spec.name} of {host.tasks.owner(spec.name)} has no usable configuration",
                why=f"{type(error).__name__}: {error}",
                hint="the same command with --debug, and report it to the plugin's authors",
            ) from error

    return build


def _command_builder(host: PluginHost, spec: CommandSpec) -> Callable[[], typer.Typer]:
    def build() -> typer.Typer:
        app = host.commands.load(spec.name)
        if not isinstance(app, typer.Typer):
            raise UnavailableError(
                f"command {spec.name} of {host.commands.owner(spec.name)} cannot run",
                why=f"{spec.app} is a {type(app).__name__}, not a typer.Typer",
                hint="seqimg plugins list",
            )
        return app

    return build


def _explain_absence(name: str) -> None:
    for report in plugin_host(strict=False).reports:
        if report.name == name and report.state != "ok":
            raise UnavailableError(f"{report.title} is off", why=report.why_off, hint="seqimg plugins list")


def _mention_failures(host: PluginHost) -> None:
    for report in host.failures():
        output().say(f"{report.title} is off: {report.why_off}. See: seqimg plugins list")
