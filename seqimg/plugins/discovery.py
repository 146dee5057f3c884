"""Finding installed plugins without importing them."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Any

from seqimg.errors import did_you_mean
from seqimg.plugins.registry import Owner
from seqimg.plugins.reports import PluginReport, reason_of

__all__ = ["ALLOW_VARIABLE", "GROUP", "Candidate", "allow", "find"]

GROUP = "seqimg"
"""The entry-point group that names plugins."""

ALLOW_VARIABLE = "SEQIMG_PLUGINS"
"""Comma-separated names of the plugins to load; empty for none, unset for all."""


@dataclass(frozen=True)
class Candidate:
    """An installed plugin, not imported yet.

    Attributes:
        owner: The plugin's name, distribution and version.
        target: What its entry point names, `"module"` or `"module:attribute"`.
    """

    owner: Owner
    target: str

    @property
    def module(self) -> str:
        """The root module's name."""
        return self.target.partition(":")[0].strip()

    def load(self) -> Any:
        """Import the plugin: a module, or the attribute its entry point names."""
        if not self.module:
            raise ImportError(f"its entry point names no module: {self.target!r}")
        found: Any = import_module(self.module)
        for part in filter(None, self.target.partition(":")[2].strip().split(".")):
            found = getattr(found, part)
        return found


def find() -> tuple[list[Candidate], list[PluginReport]]:
    """Return every installed plugin, sorted by name, and a report for each that cannot even be read.

    Distributions are read one at a time because one damaged `entry_points.txt`
    anywhere makes `importlib.metadata.entry_points()` fail for all.
    """
    candidates: dict[tuple[str, str], Candidate] = {}
    damaged = []
    for distribution in distributions():
        try:
            found = [
                Candidate(Owner(point.name, distribution.name, distribution.version), point.value)
                for point in _entry_points(distribution)
            ]
        except Exception as error:  # noqa: BLE001 -- whatever is wrong with one distribution must not hide the others
            damaged.append(_damaged(distribution, error))
        else:
            # The first of two copies on the path is the one Python imports.
            for candidate in found:
                candidates.setdefault((candidate.owner.plugin, candidate.owner.distribution), candidate)
    return [candidates[key] for key in sorted(candidates)], damaged


def allow(candidates: Iterable[Candidate]) -> tuple[list[Candidate], list[PluginReport]]:
    """Split off what `SEQIMG_PLUGINS` leaves out, and report names in it that are not installed."""
    candidates = list(candidates)
    value = os.environ.get(ALLOW_VARIABLE)
    if value is None:
        return candidates, []
    wanted = list(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    reports = list(_unknown(wanted, [c.owner.plugin for c in candidates]))
    reports += [
        PluginReport(
            name=c.owner.plugin,
            distribution=c.owner.distribution,
            version=c.owner.version,
            state="disabled",
            reason=f"not named in {ALLOW_VARIABLE}",
        )
        for c in candidates
        if c.owner.plugin not in wanted
    ]
    return [c for c in candidates if c.owner.plugin in wanted], reports


def _entry_points(distribution: Distribution) -> Iterator[EntryPoint]:
    # Most distributions name no plugin: look before parsing.
    if f"[{GROUP}]" in (distribution.read_text("entry_points.txt") or ""):
        yield from distribution.entry_points.select(group=GROUP)


def _unknown(wanted: Iterable[str], installed: list[str]) -> Iterator[PluginReport]:
    for name in wanted:
        if name not in installed:
            near = did_you_mean(name, installed)
            reason = f"{ALLOW_VARIABLE} names it, but it is not installed" + (
                f"; did you mean {near}?" if near else ""
            )
            yield PluginReport(name=name, state="failed", stage="find", reason=reason)


def _damaged(distribution: Distribution, error: Exception) -> PluginReport:
    path = getattr(
        distribution, "_path", None
    )  # Its metadata may be what is damaged; the folder still has a name.
    label = path.name.removesuffix(".dist-info") if path is not None else "?"
    return PluginReport(
        name=label,
        distribution=label,
        state="failed",
        stage="find",
        reason=f"its metadata cannot be read: {reason_of(error)}",
    )
