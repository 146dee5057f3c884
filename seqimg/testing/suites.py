"""Every contract, run on whatever a plugin registered: what `seqimg plugins check` does."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from seqimg.cells import Cell
from seqimg.errors import SeqimgError, UsageError
from seqimg.kernels import explain
from seqimg.kernels.signature import signature_of
from seqimg.plugins import FormatSpec, KernelSpec, TaskSpec
from seqimg.plugins.manager import plugin_host
from seqimg.plugins.reports import one_line, reason_of
from seqimg.sequences import open_sequence, open_writer
from seqimg.testing.cells import CellContract
from seqimg.testing.checking import SkipTest, require
from seqimg.testing.command_line import run_command
from seqimg.testing.commands import CommandContract
from seqimg.testing.datasets import DatasetContract
from seqimg.testing.kernels import KernelContract
from seqimg.testing.plugin import PluginContract
from seqimg.testing.sequences import moving_square
from seqimg.testing.tasks import TaskContract
from seqimg.testing.writers import WriterContract

__all__ = ["Finding", "check_plugin"]

_KINDS = ((1, "uint8"), (3, "uint8"), (1, "uint16"), (3, "uint16"), (1, "float32"))


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
    yield from _run(name, f"plugin {name}", _made(PluginContract, plugin=name))
    if report.state != "ok":
        return
    for kind, _, key in (entry.partition(" ") for entry in report.registered):
        what = f"{kind} {key}"
        try:
            if kind not in _CONTRACTS:
                raise SkipTest("there is no contract for it")
            contract = _CONTRACTS[kind](key, data)
        except SkipTest as reason:
            yield Finding(name, what, "Its contract.", "skipped", str(reason))
        except (Exception, SystemExit) as error:  # noqa: BLE001 -- the plugin's own code may fail in any way
            yield Finding(name, what, "It can be made.", "failed", reason_of(error))
        else:
            yield from _run(name, what, contract)


def _made(contract: type, **attributes: object) -> Any:
    return type(contract.__name__, (contract,), attributes)()


def _run(plugin: str, what: str, contract: object) -> Iterator[Finding]:
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
    if op != "sequence":
        raise SkipTest(f"there is no contract for kernels of {spec.op}")
    if "*" not in spec.devices and "cpu" not in spec.devices:
        raise SkipTest(
            f"it runs on {', '.join(spec.devices)}: inherit KernelContract and run its tests there"
        )
    families = ("conv_gru", "conv_lstm", "gru") if family == "*" else (family,)
    known = ("float64", "float32")
    dtypes = known if "*" in spec.dtypes else tuple(name for name in known if name in spec.dtypes)
    cells = [cell for name in families for cell in _cells_of(host.cells.load(name))]
    served = [cell for cell in cells if _serves(spec, cell, dtypes)]
    if not served:
        raise SkipTest("it serves none of the cells that are tried: inherit KernelContract and name some")
    return _made(KernelContract, kernel=spec.name, cells=tuple(served), dtypes=dtypes)


def _serves(spec: KernelSpec, cell: Cell, dtypes: Sequence[str]) -> bool:
    found = [explain(signature_of(cell, "cpu", dtype)) for dtype in dtypes]
    return bool(found) and all(any(c.spec is spec and not c.reasons for c in each) for each in found)


def _task(name: str, data: Sequence[str]) -> object:
    spec = plugin_host().tasks.get(name)
    sources: list[Callable[[Path], Sequence[str]]] = [lambda folder: list(data)]
    if not data:
        sources = [_squares, _labelled, _boxed]
    reasons = []
    for source in sources:
        reason = _suits(spec, source)
        if reason is None:
            return _made(TaskContract, task=name, data=lambda self, folder, source=source: source(folder))
        reasons.append(reason)
    if data:
        require(False, f"it cannot learn from {', '.join(data)}: {reasons[0]}")
    raise SkipTest(
        f"none of the small data sets suits it ({reasons[0]}): seqimg plugins check {name} --data PATH"
    )


def _suits(spec: TaskSpec, source: Callable[[Path], Sequence[str]]) -> str | None:
    """Return why a task cannot learn from what a source makes, None if it can."""
    from tempfile import TemporaryDirectory

    from seqimg.testing.training import few

    tasks = plugin_host().tasks
    with TemporaryDirectory() as folder:
        config = tasks.load(spec.name, "config")(
            data=tuple(source(Path(folder))), crop=16, size=64, batch_size=2
        )
        task = tasks.load(spec.name)(config)
        try:
            with task.datasets() as found:
                ready = task.settled(found)
                ready.expected(few(found.train, 2).batch())
        except SeqimgError as error:
            return error.message
    return None


def _squares(folder: Path) -> Sequence[str]:
    np.save(folder / "square.npy", moving_square(40))
    return [str(folder / "square.npy")]


def _labelled(folder: Path) -> Sequence[str]:
    for number in range(12):
        place = folder / "classes" / ("dark", "light")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        clip = moving_square(20, seed=number)
        np.save(place / f"{number}.npy", clip if number % 2 else clip // 2)
    return [str(folder / "classes")]


def _boxed(folder: Path) -> Sequence[str]:
    made = run_command(
        "data", "make", "tracks", "boxes", "--count=6", "--length=20", "--size=48", folder=folder
    )
    require(made.code == 0, made.err)
    return [str(folder / "boxes")]


def _dataset(name: str, data: Sequence[str]) -> object:
    return _made(DatasetContract, name=name)


def _format(name: str, data: Sequence[str]) -> object:
    spec: FormatSpec = plugin_host().formats.get(name)
    endings = [suffix for suffix in spec.suffixes if suffix]
    if spec.reader is None or not endings:
        raise SkipTest("it reads no files")
    if spec.writer is None:
        return _made(_Unreadable, suffix=endings[0])
    held = _held_by(endings[0])
    require(held, f"nothing that is tried can be written as {endings[0]}")
    return _made(WriterContract, suffix=endings[0], kinds=held, tolerance=float("inf"))


def _held_by(suffix: str) -> tuple[tuple[int, str], ...]:
    """Return the channels and dtypes that a format's writer takes."""
    from tempfile import TemporaryDirectory

    held = []
    for channels, dtype in _KINDS:
        with TemporaryDirectory() as folder, suppress(SeqimgError):
            with open_writer(Path(folder) / f"a{suffix}", fps=25) as writer:
                for frame in moving_square(2, (24, 32), channels, dtype):
                    writer.write(frame)
            held.append((channels, dtype))
    return tuple(held)


class _Unreadable:
    """What a reader without a writer can be held to: files that are not what they seem are refused in words."""

    suffix: str

    def test_files_of_something_else(self) -> None:
        """A file that is empty, or holds something else, is refused with a SequenceError."""
        from tempfile import TemporaryDirectory

        for content in (b"", b"\0" * 4096, bytes(range(256)) * 64, b"{}\n"):
            with TemporaryDirectory() as folder:
                path = Path(folder) / f"a{self.suffix}"
                path.write_bytes(content)
                try:
                    with open_sequence(path) as sequence:
                        list(sequence)
                except SeqimgError:
                    continue
                except Exception as error:  # noqa: BLE001 -- whatever it is, it is not what was promised
                    kind = type(error).__name__
                    require(
                        False, f"{len(content)} bytes of something else end in {kind}; raise a SequenceError"
                    )


def _command(name: str, data: Sequence[str]) -> object:
    return _made(CommandContract, command=name)


class _Check:
    """A line of `seqimg doctor`."""

    name: str

    def test_says_what_it_finds(self) -> None:
        """It returns a CheckResult whose state is ok, warn or fail."""
        from seqimg.plugins import CheckResult

        found = plugin_host().checks.load(self.name)()
        require(isinstance(found, CheckResult), f"it returns {type(found).__name__}, not a CheckResult")
        require(found.state in ("ok", "warn", "fail"), f"its state is {found.state!r}")
        require(found.detail and "\n" not in found.detail, "its detail is not one line")


def _check(name: str, data: Sequence[str]) -> object:
    return _made(_Check, name=name)


_CONTRACTS: dict[str, Callable[[str, Sequence[str]], object]] = {
    "cell": _cell,
    "kernel": _kernel,
    "task": _task,
    "dataset": _dataset,
    "format": _format,
    "command": _command,
    "check": _check,
}
