"""`seqimg plugins check`: the contracts of plugins, run without a line of test code."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from seqimg.cli.output import Table, command, output
from seqimg.cli.plugins_show import named
from seqimg.errors import CheckFailedError, SeqimgError, UsageError
from seqimg.plugins import resolve
from seqimg.plugins.discovery import ALLOW_VARIABLE, GROUP
from seqimg.plugins.manager import BUILTIN, plugin_host
from seqimg.plugins.reports import one_line

__all__ = ["check"]

_NESTED = "SEQIMG_CHECKS_A_FOLDER"

_SUITES = "seqimg.testing.suites:check_plugin"  # not imported: the kit stands above the command line


def check(target: str | None, data: list[str]) -> None:
    """Run every contract on what a plugin registered, and explain each failure.

    Args:
        target: A plugin's name, or a folder with its `pyproject.toml`; None for all that are installed.
        data: What a task is to learn from, as `--data` takes it.

    Raises:
        CheckFailedError: A contract is broken.
        SeqimgError: The folder holds no plugin.
        UnavailableError: There is no such plugin.
    """
    host = plugin_host(strict=False)
    # An installed name goes before a folder of that name: a process that checks a folder goes by the name.
    known = {name for report in host.reports for name in (report.name, report.distribution)}
    if target is not None and target not in known and (os.sep in target or Path(target).is_dir()):
        if _NESTED in os.environ:
            raise SeqimgError(f"{target} is not found as a plugin", why="its metadata cannot be read")
        _check_folder(Path(target), data)
        return
    names = [target] if target is not None else [r.name for r in host.reports if r.name not in BUILTIN]
    reports = [named(host, name) for name in names]
    check_plugin: Callable[..., Iterator[Any]] = resolve(_SUITES)
    findings = []
    for report in reports:
        for finding in check_plugin(report.name, data):
            findings.append(finding)
            mark = {"ok": "ok", "failed": "FAILED", "skipped": "not checked"}[finding.state]
            why = f": {finding.why}" if finding.why else ""
            output().say(f"{finding.what}: {finding.check} {mark}{why}")
    _tell(names, findings)


def _tell(names: list[str], findings: list[Any]) -> None:
    failed = [finding for finding in findings if finding.state == "failed"]
    rows = [[finding.what, finding.check, finding.state, finding.why] for finding in findings]
    counts = {state: sum(f.state == state for f in findings) for state in ("ok", "failed", "skipped")}
    output().data(
        {"plugins": names, **counts, "findings": [asdict(finding) for finding in findings]},
        Table(
            ("what", "check", "state", "why"),
            rows if output().quiet else [r for r in rows if r[2] == "failed"],
        )
        if failed
        else f"{', '.join(names) or 'no plugin'}: {counts['ok']} checks ok, {counts['skipped']} not made",
    )
    if failed:
        first = failed[0]
        raise CheckFailedError(
            f"{len(failed)} of {len(findings)} checks failed, first of {first.what}: {first.check}",
            why=one_line(first.why),
            hint=command("seqimg", "plugins", "show", first.plugin),
        )


def _check_folder(folder: Path, data: list[str]) -> None:
    """Check a plugin that is not installed, in a process of its own that finds it as if it were."""
    project, points = _project(folder)
    with TemporaryDirectory(prefix="seqimg-check-") as site:
        _describe(Path(site), project, points)
        code = 0
        for name in points:
            words = ["plugins", "check", name, *(word for one in data for word in ("--data", one))]
            words += [f"--{flag}" for flag in ("json", "quiet", "debug") if getattr(output(), flag)]
            path = os.pathsep.join([site, *map(str, _roots(folder)), *_inherited()])
            environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", _NESTED: "1"}
            environment.pop(ALLOW_VARIABLE, None)
            done = subprocess.run([sys.executable, "-m", "seqimg", *words], env=environment, check=False)
            code = code or done.returncode
    if code:
        raise SystemExit(code)


def _project(folder: Path) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """Return the project's table and its entry points."""
    path = folder / "pyproject.toml"
    if not path.is_file():
        why = "it has no pyproject.toml" if folder.is_dir() else "there is no such folder"
        raise SeqimgError(f"{folder} holds no plugin", why=why, hint="seqimg plugins new rain-radar")
    try:
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        points = project.get("entry-points", {}).get(GROUP, {})
        named_well = all(isinstance(value, str) for value in (project["name"], *points.values()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, AttributeError, TypeError) as error:
        raise SeqimgError(f"cannot read {path}", why=one_line(f"{type(error).__name__}: {error}")) from error
    if not points or not named_well:
        raise SeqimgError(
            f"{path} names no plugin",
            why=f"there is no table [project.entry-points.{GROUP}] of names and modules",
            hint="seqimg plugins new rain-radar, to see one",
        )
    if any(not re.fullmatch(r"[\w.-]+", name) for name in (project["name"], *points)):
        raise UsageError(f"{path} holds a name that is none", why="letters, digits and . _ - make a name")
    return project, points


def _describe(site: Path, project: Mapping[str, Any], points: Mapping[str, str]) -> None:
    """Write what an installer would leave, for Python to find."""
    version = project.get("version")
    version = version if isinstance(version, str) and re.fullmatch(r"[\w.+!-]+", version) else "0"
    info = site / f"{project['name'].replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {version}\n")
    lines = [f"{name} = {one_line(value)}" for name, value in points.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]), encoding="utf-8")


def _roots(folder: Path) -> list[Path]:
    """Return where the project's modules may be."""
    folder = folder.resolve()
    return [place for place in (folder / "src", folder) if place.is_dir()]


def _inherited() -> list[str]:
    return [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
