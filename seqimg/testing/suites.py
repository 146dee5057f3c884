"""Every contract, run on whatever a plugin registered: what `seqimg plugins check` does."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from seqimg.cells import Cell
from seqimg.errors import UsageError
from seqimg.kernels import explain
from seqimg.kernels.signature import signature_of
from seqimg.plugins import FormatSpec, KernelSpec
from seqimg.plugins.manager import plugin_host
from seqimg.plugins.reports import one_line, reason_of
from seqimg.testing.cells import CellContract
from seqimg.testing.checking import SkipTest, require
from seqimg.testing.commands import CommandContract
from seqimg.testing.data_layouts import LayoutContract
from seqimg.testing.datasets import DatasetContract
from seqimg.testing.frame_ops import FrameOpContract
from seqimg.testing.kernels import KernelContract
from seqimg.testing.lesser import CheckContract, ForeignFilesContract
from seqimg.testing.listeners import ListenerContract
from seqimg.testing.plugin import PluginContract
from seqimg.testing.steps import StepContract
from seqimg.testing.tasks import TaskContract
from seqimg.testing.trials import copied, kinds_held_by, looks_like, source_for
from seqimg.testing.writers import WriterContract

__all__ = ["CONTRACTS", "Finding", "check_plugin", "run"]


@dataclass(frozen=True)
class Finding:
    """What one check of a contract found.

    Attributes:
        plugin: The plugin's name.
        what: What was checked, such as `cell leaky`.
        check: What it was checked for, in a sentence.
        state: `"ok"`, `"failed"` or `"skipped"`.
        why: Why it is not ok.
        seconds: How long that took.
    """

    plugin: str
    what: str
    check: str
    state: str
    why: str = ""
    seconds: float = 0.0


def check_plugin(name: str, data: Sequence[str] = ()) -> Iterator[Finding]:
    """Hold a plugin, and everything that it registered, to their contracts.

    Args:
        name: The plugin's name.
        data: What its tasks are to learn from; small sequences are made for them, if empty.

    Example:
        >>> [finding.state for finding in check_plugin("filter")][:3]
        ['ok', 'ok', 'ok']
    """
    host = plugin_host(strict=False)
    report = next(report for report in host.reports if report.name == name)
    yield from run(name, f"plugin {name}", _made(PluginContract, plugin=name))
    if report.state != "ok":
        return
    for kind, _, key in (entry.partition(" ") for entry in report.registered):
        what = f"{kind} {key}"
        if kind == "listener":
            continue  # of all together, below
        try:
            if kind not in CONTRACTS:
                raise SkipTest("there is no contract for it")
            contract = CONTRACTS[kind](key, data)
        except SkipTest as reason:
            yield Finding(name, what, "Its contract.", "skipped", str(reason))
        except (Exception, SystemExit) as error:  # noqa: BLE001 -- the plugin's own code may fail in any way
            yield Finding(name, what, "It can be made.", "failed", reason_of(error))
        else:
            yield from run(name, what, contract)
    if any(entry.startswith("listener ") for entry in report.registered):
        yield from run(name, "listeners of runs", _made(ListenerContract, plugin=name))


def _made(contract: type, **attributes: object) -> Any:
    return type(contract.__name__, (contract,), attributes)()


def run(plugin: str, what: str, contract: object) -> Iterator[Finding]:
    """Run each test of a contract, and yield what it found.

    Args:
        plugin: Name of the plugin.
        what: What is held to the contract.
        contract: An instance of a class of tests.
    """
    for name in [name for name in dir(contract) if name.startswith("test_")]:
        method: Callable[[], None] = getattr(contract, name)
        check, begun = (method.__doc__ or name).strip().splitlines()[0], perf_counter()
        state, why = "ok", ""
        try:
            method()
        except SkipTest as reason:
            state, why = "skipped", str(reason)
        except AssertionError as error:
            state, why = "failed", one_line(str(error))
        except (Exception, SystemExit) as error:  # noqa: BLE001 -- the plugin's own code may fail in any way
            state, why = "failed", reason_of(error)
        yield Finding(plugin, what, check, state, why, round(perf_counter() - begun, 3))


def _cells_of(kind: Callable[..., Cell]) -> tuple[Cell, ...]:
    """Return small cells of a class: with an input, and without one if it can be."""
    cells = [kind(2, 3)]
    with suppress(UsageError):
        cells.append(kind(0, 2))
    return tuple(cells)


def _cell(name: str, data: Sequence[str]) -> object:
    return _made(CellContract, name=name, cells=_cells_of(plugin_host().cells.load(name)))


def _kernel(key: str, data: Sequence[str]) -> object:
    host = plugin_host()
    spec: KernelSpec = host.kernels.get(key)
    host.kernels.load(key)
    family, _, op = spec.op.rpartition(".")
    if op not in _KERNELS:
        raise SkipTest(f"there is no contract for kernels of {spec.op}")
    contract = _KERNELS[op]
    if "*" not in spec.devices and "cpu" not in spec.devices:
        raise SkipTest(
            f"it runs on {', '.join(spec.devices)}: inherit {contract.__name__} and run its tests there"
        )
    families = ("conv_gru", "conv_lstm", "gru") if family == "*" else (family,)
    known = ("float64", "float32")
    dtypes = known if "*" in spec.dtypes else tuple(name for name in known if name in spec.dtypes)
    cells = [cell for name in families for cell in _cells_of(host.cells.load(name))]
    served = [cell for cell in cells if _serves(spec, cell, dtypes, op)]
    if not served:
        raise SkipTest(
            f"it serves none of the cells that are tried: inherit {contract.__name__} and name some"
        )
    return _made(contract, kernel=spec.name, cells=tuple(served), dtypes=dtypes)


def _serves(spec: KernelSpec, cell: Cell, dtypes: Sequence[str], op: str) -> bool:
    found = [explain(signature_of(cell, "cpu", dtype, op=op)) for dtype in dtypes]
    return bool(found) and all(any(c.spec is spec and not c.reasons for c in each) for each in found)


def _task(name: str, data: Sequence[str]) -> object:
    source = source_for(plugin_host().tasks.get(name), data)
    return _made(TaskContract, task=name, data=lambda self, folder: source(folder))


def _dataset(name: str, data: Sequence[str]) -> object:
    return _made(DatasetContract, name=name)


def _format(name: str, data: Sequence[str]) -> object:
    spec: FormatSpec = plugin_host().formats.get(name)
    endings = [suffix for suffix in spec.suffixes if suffix]
    if spec.reader is None or not endings:
        raise SkipTest("it reads no files")
    if spec.writer is None:
        return _made(ForeignFilesContract, suffix=endings[0])
    held = kinds_held_by(endings[0])
    require(held, f"nothing that is tried can be written as {endings[0]} and read again")
    return _made(WriterContract, suffix=endings[0], kinds=held, tolerance=float("inf"))


def _command(name: str, data: Sequence[str]) -> object:
    return _made(CommandContract, command=name)


def _check(name: str, data: Sequence[str]) -> object:
    return _made(CheckContract, name=name)


def _frame_op(name: str, data: Sequence[str]) -> object:
    return _made(FrameOpContract, words=name)


def _layout(name: str, data: Sequence[str]) -> object:
    if not data:
        raise SkipTest(
            "it needs a data set of its own: seqimg plugins check NAME --data PATH, or LayoutContract"
        )
    found = [place for place in data if looks_like(name, place)]
    if not found:
        raise SkipTest(f"{', '.join(data)} does not lie like this")
    return _made(LayoutContract, layout=name, make=lambda self, folder: copied(found[0], folder))


CONTRACTS: dict[str, Callable[[str, Sequence[str]], object]] = {
    "cell": _cell,
    "kernel": _kernel,
    "task": _task,
    "dataset": _dataset,
    "format": _format,
    "command": _command,
    "check": _check,
    "frame_op": _frame_op,
    "layout": _layout,
}
"""By the kind of what is registered: makes the contract that it is held to, or raises SkipTest with a reason."""

_KERNELS = {"sequence": KernelContract, "step": StepContract}
"""What a kernel may compute of a cell: a whole clip, or one frame after another."""
