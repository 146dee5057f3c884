"""`seqimg plugins`: what is installed, what it brought, what is off, and why."""

from dataclasses import asdict

import typer

from seqimg.cli.output import Table, output
from seqimg.plugins.manager import plugin_host
from seqimg.plugins.reports import PluginReport
from seqimg.plugins.specs import API_VERSION

__all__ = ["app"]

app = typer.Typer(
    help="See what is installed and what is off, and why.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def group() -> None:
    """See what is installed and what is off, and why."""


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
