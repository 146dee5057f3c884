"""What every plugin promises as a whole, for its tests."""

import json
import subprocess
import sys
from typing import ClassVar

from seqimg.errors import UnavailableError
from seqimg.plugins import API_VERSION
from seqimg.plugins.discovery import find
from seqimg.plugins.manager import PluginHost, plugin_host
from seqimg.plugins.registry import Registry
from seqimg.plugins.reports import PluginReport
from seqimg.testing.checking import require

__all__ = ["HEAVY", "PluginContract"]

HEAVY = ("av", "matplotlib", "numpy", "PIL", "skimage", "torch", "triton")
"""What no root module may import: it would slow every command."""

_TARGETS = {
    "cell": ("cell",),
    "kernel": ("kernel", "refuse"),
    "task": ("task", "config", "run_options", "commands"),
    "dataset": ("dataset", "batch"),
    "format": ("reader", "writer"),
    "command": ("app",),
    "check": ("check",),
    "frame_op": ("op",),
    "layout": ("layout",),
}


_LIGHT = """
import sys, json, importlib
importlib.import_module({modules!r}[0])
for name in {modules!r}[1:]:
    try:
        importlib.import_module(name)
    except ImportError:
        pass  # another test says so
print(json.dumps([name for name in {heavy!r} if name in sys.modules]))
"""


class PluginContract:
    """Tests to inherit, for an installed plugin.

    Attributes:
        plugin: The name of its entry point.

    Example:
        >>> class TestPlugin(PluginContract):
        ...     plugin = "predict"
        >>> TestPlugin().test_loads()
    """

    plugin: ClassVar[str]

    def test_loads(self) -> None:
        """It loads, and registers something."""
        report = self._report()
        require(report.state == "ok", f"it is {report.state}: {report.why_off}")
        require(report.registered, "it registers nothing")

    def test_all_that_it_names_is_there(self) -> None:
        """Every `module:attribute` in its specs imports."""
        host = plugin_host(strict=False)
        for kind, name in (entry.split(" ", 1) for entry in self._report().registered):
            registry = getattr(host, f"{kind}s", None)
            if not isinstance(registry, Registry):  # a listener names no code
                continue
            for field in _TARGETS.get(kind, ()):
                if getattr(registry.get(name), field) is not None:
                    try:
                        registry.load(name, field)
                    except UnavailableError as error:
                        require(False, f"{field} of {kind} {name}: {error.message}: {error.why}")

    def test_root_module_is_light(self) -> None:
        """Its root module, and configurations and commands, import nothing heavy: help stays quick."""
        modules = self._light_modules()
        code = _LIGHT.format(modules=modules, heavy=HEAVY)
        words = [sys.executable, "-c", _path() + code]
        done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=120)
        require(done.returncode == 0, f"{', '.join(modules)} cannot be imported alone: {done.stderr[-300:]}")
        heavy = json.loads(done.stdout.splitlines()[-1])
        require(not heavy, f"{', '.join(modules)} import {', '.join(heavy)}: name code as 'module:attribute'")

    def test_api_number(self) -> None:
        """It is made for the plugin API that this seqimg offers."""
        report = self._report()
        require(report.stage != "api", f"{report.reason}; SEQIMG_API = {API_VERSION} in its root module")

    def _report(self) -> PluginReport:
        reports = [report for report in plugin_host(strict=False).reports if report.name == self.plugin]
        require(reports, f"there is no plugin {self.plugin!r}: is its distribution installed?")
        return reports[0]

    def _light_modules(self) -> list[str]:
        modules = [found.module for found in find()[0] if found.owner.plugin == self.plugin]
        host: PluginHost = plugin_host(strict=False)
        for kind, name in (entry.split(" ", 1) for entry in self._report().registered):
            if kind == "task":
                spec = host.tasks.get(name)
                named = (spec.config, spec.run_options, *([spec.commands] if spec.commands else []))
                modules += [target.partition(":")[0] for target in named]
            if kind == "command":
                modules.append(host.commands.get(name).app.partition(":")[0])
        return list(dict.fromkeys(modules))


def _path() -> str:
    return f"import sys; sys.path[:] = {sys.path!r}\n"
