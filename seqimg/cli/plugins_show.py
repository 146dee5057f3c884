"""`seqimg plugins show`: all there is to know of one plugin."""

import sys
from dataclasses import asdict
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

from seqimg.cli.output import Table, command, output
from seqimg.errors import UnavailableError, did_you_mean
from seqimg.plugins import API_VERSION
from seqimg.plugins.discovery import find
from seqimg.plugins.manager import BUILTIN, PluginHost, plugin_host
from seqimg.plugins.registry import Registry
from seqimg.plugins.reports import PluginReport, one_line

__all__ = ["named", "show"]


def show(name: str) -> None:
    """Print what a plugin is, where it comes from, and everything that it registered.

    Raises:
        UnavailableError: No plugin, and no distribution of one, has this name.
    """
    host = plugin_host(strict=False)
    report = named(host, name)
    facts = {
        "plugin": report.name,
        "state": report.state,
        "reason": report.why_off or None,
        "distribution": report.distribution or None,
        "version": report.version or None,
        **_metadata(report),
        "module": _module(report),
        "api": _api(report),
        "api_offered": API_VERSION,
        "seconds": round(report.seconds, 3),
        "notes": list(report.notes),
        "registered": [_entry(host, entry) for entry in report.registered],
    }
    rows = [[key.replace("_", " "), _shown(value)] for key, value in facts.items() if key != "registered"]
    for entry in facts["registered"]:
        rows.append([str(entry["kind"]), f"{entry['name']}: {entry['summary']}"])
        rows += [["", f"{key} {value}"] for key, value in entry["code"].items()]
    output().data(facts, Table(("", report.title), [row for row in rows if row[1]]))
    if output().debug and report.traceback:
        output().say(report.traceback)
    output().hint(command("seqimg", "plugins", "check", report.name))


def named(host: PluginHost, name: str) -> PluginReport:
    """Return the report of the plugin, or the distribution, of this name.

    Raises:
        UnavailableError: There is none.
    """
    for report in host.reports:
        if report.name == name:
            return report
    for report in host.reports:
        if name in (report.distribution, report.distribution.replace("-", "_")) and name:
            return report
    known = [report.name for report in host.reports]
    near = did_you_mean(name, known)
    raise UnavailableError(
        f"there is no plugin {one_line(repr(name), 80)}" + (f"; did you mean {near}?" if near else ""),
        why=f"installed: {', '.join(known)}",
        hint="seqimg plugins list",
    )


def _metadata(report: PluginReport) -> dict[str, Any]:
    """Return what the distribution says of itself."""
    try:
        found: Distribution = distribution(report.distribution or "-")
        said: Any = found.metadata
        links = said.get_all("Project-URL") or []
        licence = said.get("License-Expression") or said.get("License") or _classified(said)
        return {
            "summary": one_line(said.get("Summary") or "") or None,
            "licence": one_line(licence or "", 80) or None,
            "home": said.get("Home-page")
            or (one_line(links[0].partition(",")[2].strip()) if links else None),
            "needs": [one_line(need, 80) for need in found.requires or () if "extra ==" not in need],
            "where": str(found.locate_file("")),
        }
    except (PackageNotFoundError, ValueError, OSError):
        return {}


def _classified(said: Any) -> str:
    marks = [one for one in said.get_all("Classifier") or () if one.startswith("License")]
    return marks[0].rpartition(" :: ")[2] if marks else ""


def _module(report: PluginReport) -> str | None:
    if report.name in BUILTIN:
        return BUILTIN[report.name]
    for candidate in find()[0]:
        if (candidate.owner.plugin, candidate.owner.distribution) == (report.name, report.distribution):
            return candidate.target
    return None


def _api(report: PluginReport) -> object:
    """Return the API number that the plugin declares, if it was loaded so far."""
    module, _, attribute = (_module(report) or "").partition(":")
    root = sys.modules.get(module)
    held = getattr(root, attribute, root) if attribute else root
    wanted = getattr(held, "SEQIMG_API", getattr(root, "SEQIMG_API", None))
    return wanted if isinstance(wanted, int | str | None) else repr(wanted)


def _entry(host: PluginHost, entry: str) -> dict[str, Any]:
    kind, _, name = entry.partition(" ")
    registry = getattr(host, f"{kind}s", None)
    if not isinstance(registry, Registry):
        return {"kind": kind, "name": name, "summary": "called while a training runs", "code": {}}
    spec = asdict(registry.get(name))
    code = {
        key: value
        for key, value in spec.items()
        if isinstance(value, str) and ":" in value and key != "summary"
    }
    rest = {key: value for key, value in spec.items() if key not in code and key not in ("name", "summary")}
    return {"kind": kind, "name": name, "summary": spec["summary"], "code": code, **rest}


def _shown(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return "" if value is None else str(value)
