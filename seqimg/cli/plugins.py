"""`seqimg plugins`: what is installed, what it brought, what is off, and why; new ones, and whether they are sound."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from seqimg.cli.output import Table, output
from seqimg.plugins.manager import plugin_host
from seqimg.plugins.reports import PluginReport
from seqimg.plugins.specs import API_VERSION

__all__ = ["app"]

app = typer.Typer(
    help="See what is installed and what is off, and why.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def group() -> None:
    """See what is installed and what is off, and why; begin a plugin of your own, and check it."""


@app.command("list")
def list_() -> None:
    """List every plugin, and what it brings or why it is off."""
    reports = plugin_host(strict=False).reports
    rows = [[r.name, r.distribution, r.version, r.state, r.stage or "", _detail(r)] for r in reports]
    output().data(
        {"api": API_VERSION, "plugins": [_plain(report) for report in reports]},
        Table(("plugin", "distribution", "version", "state", "failed at", "brings, or why not"), rows),
    )
    if output().debug:
        for report in filter(lambda r: r.traceback, reports):
            output().say(f"{report.title}:\n{report.traceback}")


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A plugin, or its distribution.", show_default=False)
    ],
) -> None:
    """Show all there is to know of one plugin.

    Where it comes from, its licence and API number, and everything that it registered.
    """
    from seqimg.cli.plugins_show import show as work

    work(name)


@app.command()
def check(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME|PATH]",
            help="A plugin, or the folder of one that is not installed. [all that are installed]",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            metavar="PATH",
            help="What a task is to learn from. [small sequences made for it]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Hold plugins to their contracts.

    Each failure is explained in a sentence; the exit code is 4 if there is one.
    """
    from seqimg.cli.plugins_check import check as work

    work(target, data or [])


@app.command()
def new(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What it is to be called: rain-radar.", show_default=False)
    ],
    kind: Annotated[
        Literal["task", "cell", "kernel", "dataset", "format", "command", "check"],
        typer.Option("--kind", help="What it brings to begin with."),
    ] = "task",
    folder: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="DIR", help="Folder to make. [seqimg-NAME here]", show_default=False
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Name the files; write nothing.")] = False,
) -> None:
    """Write a plugin that works at once.

    A folder with code, tests, README, licence and a CI file, ready to be installed.
    """
    from seqimg.cli.plugins_new import new as work

    work(name, kind, folder, dry_run=dry_run)


def _plain(report: PluginReport) -> dict[str, object]:
    fields = asdict(report)
    if not output().debug:
        del fields["traceback"]
    return fields


def _detail(report: PluginReport) -> str:
    brought: dict[str, list[str]] = {}
    for kind, _, name in (entry.partition(" ") for entry in report.registered):
        brought.setdefault(kind, []).append(name)
    lists = [f"{kind}{'s' if len(names) > 1 else ''} {', '.join(names)}" for kind, names in brought.items()]
    return "; ".join(filter(None, (report.reason, *lists, *report.notes)))
