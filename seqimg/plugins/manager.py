"""Loading plugins one at a time, so that a broken one breaks nothing but itself."""

import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from functools import cache
from time import perf_counter
from traceback import format_exc
from typing import Any

import pluggy

from seqimg import __version__
from seqimg.errors import SeqimgError, UnavailableError, did_you_mean
from seqimg.plugins import hookspecs
from seqimg.plugins.discovery import Candidate, allow, find
from seqimg.plugins.events import EVENTS
from seqimg.plugins.registry import NameTakenError, Owner, Registry
from seqimg.plugins.reports import PluginReport, Stage, reason_of
from seqimg.plugins.specs import (
    API_VERSION,
    CellSpec,
    CheckSpec,
    CommandSpec,
    DatasetSpec,
    FormatSpec,
    FrameOpSpec,
    KernelSpec,
    LayoutSpec,
    Spec,
    TaskSpec,
)

__all__ = ["BUILTIN", "PluginHost", "plugin_host", "reset_plugin_host"]

BUILTIN = {"repair": "seqimg.plugins.repair", "seqimg": "seqimg.plugins.builtin"}
"""The plugins that are part of seqimg itself, loaded first whatever `SEQIMG_PLUGINS` says."""

_HEAVY = ("av", "matplotlib", "numpy", "skimage", "torch", "triton")
_SLOW = 0.5  # seconds


class _RefusedError(SeqimgError):
    """A plugin does not keep the contract."""


class PluginHost:
    """The plugins of this process and what they registered.

    Attributes:
        cells: Cells by name.
        kernels: Kernels by `op/name`.
        tasks: Tasks by name.
        datasets: Generated data sets by name.
        formats: File formats by name.
        layouts: Layouts of data sets that plugins bring, by name.
        frame_ops: Operations on single frames by name.
        commands: Commands by name; no task has the same name.
        checks: Lines of `seqimg doctor` by name.
        reports: What became of each plugin, seqimg's own first.
    """

    def __init__(self) -> None:
        self.cells = Registry("cell", CellSpec, target="cell")
        self.kernels = Registry("kernel", KernelSpec, target="kernel")
        self.tasks = Registry("task", TaskSpec, target="task")
        self.datasets = Registry("dataset", DatasetSpec, target="dataset")
        self.formats = Registry("format", FormatSpec, target="reader")
        self.layouts = Registry("layout", LayoutSpec, target="layout")
        self.frame_ops = Registry("frame_op", FrameOpSpec, target="op")
        self.commands = Registry("command", CommandSpec, target="app")
        self.checks = Registry("check", CheckSpec, target="check")
        self._registries: dict[str, Registry[Any]] = {
            "seqimg_cells": self.cells,
            "seqimg_kernels": self.kernels,
            "seqimg_tasks": self.tasks,
            "seqimg_datasets": self.datasets,
            "seqimg_formats": self.formats,
            "seqimg_layouts": self.layouts,
            "seqimg_frame_ops": self.frame_ops,
            "seqimg_commands": self.commands,
            "seqimg_checks": self.checks,
        }
        self._manager = pluggy.PluginManager("seqimg")
        self._manager.add_hookspecs(hookspecs)
        self.reports: list[PluginReport] = []
        self._load_all()

    def failures(self) -> list[PluginReport]:
        """Return the reports of the plugins that failed."""
        return [report for report in self.reports if report.state == "failed"]

    def listeners(self, event: str) -> list[tuple[str, Callable[..., object]]]:
        """Return who listens to one of [seqimg.plugins.events.EVENTS][]: the plugin, and what to call.

        What is called takes the hook's arguments by name; it may raise anything.
        """
        caller = getattr(self._manager.hook, event)
        return [(found.plugin_name, _with_wanted(found)) for found in caller.get_hookimpls()]

    def _load_all(self) -> None:
        self.reports += map(self._load, _builtins())
        installed, damaged = find()
        allowed, left_out = allow(installed)
        self.reports += [*map(self._load, allowed), *damaged, *left_out]

    def _load(self, candidate: Candidate) -> PluginReport:
        """Load one plugin whole, or leave nothing of it behind."""
        owner = candidate.owner
        report = PluginReport(name=owner.plugin, distribution=owner.distribution, version=owner.version)
        heavy_before = set(_HEAVY) & sys.modules.keys()
        started = perf_counter()
        plugin: Any = None
        stage: Stage = "import"
        try:
            # A plugin that prints must not spoil the data on stdout.
            with redirect_stdout(sys.stderr):
                plugin = candidate.load()
                stage = "api"
                _check_api(plugin, candidate)
                stage = "hooks"
                answers = self._call_hooks(plugin, owner)
                stage = "specs"
                specs = [(hook, spec) for hook, answer in answers for spec in self._checked(hook, answer)]
                stage = "names"
                registered = tuple(self._add(hook, spec, owner) for hook, spec in specs)
                registered += tuple(f"listener {name}" for name in self._listening(plugin))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 -- isolation: a plugin may fail in any way, sys.exit() included
            self._forget(plugin, owner)
            return replace(
                report, state="failed", stage=stage, reason=reason_of(error), traceback=format_exc()
            )
        seconds = perf_counter() - started
        heavy = sorted(set(_HEAVY) & sys.modules.keys() - heavy_before)
        return replace(
            report, registered=registered, notes=_notes(heavy, seconds, registered), seconds=seconds
        )

    def _call_hooks(self, plugin: Any, owner: Owner) -> list[tuple[str, Any]]:
        """Register the plugin with pluggy and collect what its own hooks return, generators run out."""
        if self._manager.has_plugin(owner.plugin):
            raise NameTakenError("a plugin of this name is loaded already")
        self._manager.register(plugin, owner.plugin)
        hooks = {hook.name: hook for hook in self._manager.get_hookcallers(plugin) or ()}
        self._refuse_mistakes(plugin, hooks.keys())
        answers = []
        for name in filter(hooks.__contains__, self._registries):
            for implementation in hooks[name].get_hookimpls():
                if implementation.plugin is plugin:
                    answer: Any = implementation.function()
                    answers.append((name, list(answer) if isinstance(answer, Iterator) else answer))
        return answers

    def _listening(self, plugin: Any) -> list[str]:
        hooks = {hook.name for hook in self._manager.get_hookcallers(plugin) or ()}
        return [name for name in EVENTS if name in hooks]

    def _refuse_mistakes(self, plugin: Any, implemented: Collection[str]) -> None:
        """Refuse misspelt hooks and hooks without the decorator, which pluggy would pass over."""
        known = (*self._registries, *EVENTS)
        for name in known:
            if name not in implemented and callable(getattr(plugin, name, None)):
                raise _RefusedError(f"{name} lacks the @hookimpl decorator")
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            unknown = [name for name in implemented if name not in known]
            near = [did_you_mean(name, known) for name in unknown]
            raise _RefusedError(
                f"unknown hook {', '.join(unknown)}",
                why=f"did you mean {near[0]}?" if near and near[0] else f"hooks: {', '.join(known)}",
            ) from error

    def _checked(self, hook: str, answer: Any) -> Iterator[Spec]:
        wanted = self._registries[hook].spec_type
        if not isinstance(answer, Iterable) or isinstance(answer, str | bytes | Mapping):
            raise _RefusedError(f"{hook} returned {_shown(answer)}; return a list of {wanted.__name__}")
        for item in answer:
            if not isinstance(item, wanted):
                raise _RefusedError(f"{hook} returned {_shown(item)}, which is no {wanted.__name__}")
            yield item

    def _add(self, hook: str, spec: Spec, owner: Owner) -> str:
        """Register one spec and return what to call it in a report."""
        registry = self._registries[hook]
        registry.add(spec, owner)
        # Both become commands of the root, so they share one set of names.
        if spec.name in self.tasks and spec.name in self.commands:
            other = self.commands if registry is self.tasks else self.tasks
            raise NameTakenError(f"{spec.name} is a {other.kind} of {other.owner(spec.name)} already")
        return f"{registry.kind} {registry.key(spec)}"

    def _forget(self, plugin: Any, owner: Owner) -> None:
        for registry in self._registries.values():
            registry.remove_owner(owner)
        if plugin is not None and self._manager.get_plugin(owner.plugin) is plugin:
            self._manager.unregister(plugin)


def plugin_host(*, strict: bool | None = None) -> PluginHost:
    """Return this process's plugins, loading them on the first call.

    Args:
        strict: Whether a failed plugin is an error. None follows `SEQIMG_STRICT_PLUGINS`.

    Raises:
        UnavailableError: A plugin failed and `strict` holds.

    Example:
        >>> "conv_gru" in plugin_host().cells
        True
    """
    host = _host()
    if strict is None:
        strict = os.environ.get("SEQIMG_STRICT_PLUGINS", "") not in ("", "0")
    if strict and host.failures():
        first = host.failures()[0]
        raise UnavailableError(f"{first.title} is off", why=first.why_off, hint="seqimg plugins list")
    return host


def reset_plugin_host() -> None:
    """Forget the loaded plugins, so that the next `plugin_host()` looks again."""
    _host.cache_clear()


@cache
def _host() -> PluginHost:
    return PluginHost()


def _builtins() -> list[Candidate]:
    return [Candidate(Owner(name, "seqimg", __version__), target) for name, target in BUILTIN.items()]


def _with_wanted(found: Any) -> Callable[..., object]:
    def call(**given: object) -> object:
        # A plugin's function names only the arguments it wants.
        return found.function(**{name: given[name] for name in found.argnames})

    return call


def _check_api(plugin: Any, candidate: Candidate) -> None:
    wanted = getattr(plugin, "SEQIMG_API", getattr(sys.modules[candidate.module], "SEQIMG_API", None))
    if wanted is None:
        raise _RefusedError(f"it declares no SEQIMG_API; this seqimg offers {API_VERSION}")
    if type(wanted) is not int or wanted != API_VERSION:
        raise _RefusedError(f"it wants {wanted!r}; this seqimg offers {API_VERSION}")


def _notes(heavy: list[str], seconds: float, registered: tuple[str, ...]) -> tuple[str, ...]:
    notes = []
    if heavy:
        notes.append(f"its root module imports {', '.join(heavy)}, which slows every command")
    elif seconds > _SLOW:
        notes.append(f"it takes {seconds:.1f} s to load, which slows every command")
    if not registered:
        notes.append("it registers nothing")
    return tuple(notes)


def _shown(value: object) -> str:
    return f"{value!r:.60} ({type(value).__name__})"
