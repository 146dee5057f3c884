"""`seqimg doctor`: what works on this machine, and what to do about the rest."""

import sys
from collections.abc import Callable
from contextlib import redirect_stdout

import typer

from seqimg.cli.output import Table, output
from seqimg.plugins import CheckResult
from seqimg.plugins.manager import PluginHost, plugin_host
from seqimg.plugins.reports import one_line, reason_of

__all__ = ["app"]

_FAILED = 4  # exit code

app = typer.Typer(rich_markup_mode=None)


@app.command()
def doctor() -> None:
    """Check this machine: versions, devices, kernels, codecs, plugins.

    Exits with 4 when something seqimg needs is missing or broken.
    """
    host = plugin_host(strict=False)
    results = [(name, _examine(host, name)) for name in _order(host)]
    output().data(
        {"checks": [{"name": name, **_plain(result)} for name, result in results]},
        Table(
            ("check", "state", "found", "what to do"),
            [(name, r.state, one_line(r.detail), one_line(r.fix or "")) for name, r in results],
        ),
    )
    if any(result.state == "fail" for _, result in results):
        raise typer.Exit(_FAILED)


def _order(host: PluginHost) -> list[str]:
    """Return the checks in the order of registration: seqimg's own first."""
    return [spec.name for spec in host.checks.values()]


def _examine(host: PluginHost, name: str) -> CheckResult:
    """Run one check; whatever goes wrong in it becomes its own line."""
    try:
        with redirect_stdout(sys.stderr):
            check: Callable[[], object] = host.checks.load(name)
            result = check()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 -- isolation: the other checks must still run
        return CheckResult(state="fail", detail=f"the check itself failed: {reason_of(error)}")
    if not isinstance(result, CheckResult):
        return CheckResult(
            state="fail", detail=f"the check returned {type(result).__name__}, not CheckResult"
        )
    return result


def _plain(result: CheckResult) -> dict[str, object]:
    return {"state": result.state, "detail": result.detail, "fix": result.fix}
