"""The work of `seqimg cells audit`: the Triton kernels' machine code for every GPU, without one."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from seqimg.cli.output import Table, output
from seqimg.errors import CheckFailedError, UsageError
from seqimg.kernels.audit import TARGETS, Row, audit, count
from seqimg.kernels.audit.roofline import SHAPES, Estimate, estimate

__all__ = ["audit_kernels", "estimate_kernels"]


def audit_kernels(
    targets: Sequence[str] = (), kernels: Sequence[str] = (), *, quick: bool = False, each: bool = False
) -> None:
    """Compile the Triton kernels, judge the machine code and print what was found.

    Args:
        targets: Names of GPUs, or patterns; empty for all.
        kernels: Patterns of names of kernels; empty for all.
        quick: One configuration of each kernel instead of all.
        each: A line for each configuration instead of one for each kernel and GPU.

    Raises:
        CheckFailedError: A program fails, after everything was printed.
        UsageError: A target or kernel is not known.
        UnavailableError: Triton is not installed.
    """
    wanted = [name for name in TARGETS if any(fnmatchcase(name, pattern) for pattern in targets)]
    # A pattern that fits no target is left for `audit` to refuse.
    wanted += [pattern for pattern in targets if not any(fnmatchcase(name, pattern) for name in TARGETS)]
    chosen, patterns = wanted or tuple(TARGETS), kernels or ("*",)
    with output().progress("Compiling", total=count(chosen, patterns, quick=quick)) as bar:
        rows = audit(chosen, patterns, quick=quick, progress=bar.advance)
    output().data({"programs": rows}, _every(rows) if each else _summary(rows))
    failed = [row for row in rows if row.failures]
    if failed:
        first = failed[0]
        raise CheckFailedError(
            f"{len(failed)} of {len(rows)} programs fail the audit",
            why=f"{first.kernel} ({first.configuration}) on {first.target} {'; '.join(first.failures)}",
            hint=f"seqimg cells audit --each --kernel {first.kernel} --target {first.target}",
        )
    output().say(
        f"All {len(rows)} programs pass. This is about their machine code: no GPU has run them here."
    )


def estimate_kernels(shapes: Sequence[str] = ()) -> None:
    """Print what the Triton kernels could cost on an A100 and an H100.

    Args:
        shapes: Clips as `B,T,C,H,W`; empty for the usual ones.

    Raises:
        UsageError: A shape is none.
    """
    rows = estimate([_shape(text) for text in shapes] or SHAPES)
    columns = (
        "cell", "kernel", "pass", "B,T,C,H,W", "gpu", "launches", "MB", "GFLOP", "estimated µs",
        "convolutions alone µs",
    )  # fmt: skip
    output().data({"measured": False, "estimates": rows}, Table(columns, [_estimated(row) for row in rows]))
    output().say("Estimated from bytes and operations in bf16; nothing was measured.")


def _summary(rows: Sequence[Row]) -> Table:
    """One line for each kernel and GPU: the worst of its configurations."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.kernel, row.target), []).append(row)
    columns = ("kernel", "gpu", "programs", "registers", "spilled", "shared KiB", "matrix", "bytes over", "")
    return Table(columns, [_worst(*names, group) for names, group in groups.items()])


def _worst(kernel: str, target: str, group: Sequence[Row]) -> tuple[str, ...]:
    matrix = [row.matrix for row in group if row.matrix is not None]
    excess = [row.moved - row.ideal for row in group if row.moved is not None]
    return (
        kernel,
        target,
        str(len(group)),
        str(max(row.registers for row in group)),
        str(max(row.spilled for row in group)),
        _shared(max(group, key=lambda row: row.shared)),
        str(min(matrix)) if matrix else "-",
        f"{max(excess):g}" if excess else "-",
        "FAIL" if any(row.failures for row in group) else "ok",
    )


def _every(rows: Sequence[Row]) -> Table:
    lines = [
        (
            row.kernel,
            row.configuration,
            row.target,
            str(row.registers),
            str(row.spilled),
            _shared(row),
            "-" if row.matrix is None else str(row.matrix),
            "-" if row.moved is None else f"{row.moved:g} of {row.ideal:g}",
            "-" if row.narrow is None else f"{row.narrow:g}",
            " ".join(f"{kind}:{number}" for kind, number in row.mix.items()),
            "; ".join(row.failures) or "ok",
        )
        for row in rows
    ]
    columns = (
        "kernel", "configuration", "gpu", "registers", "spilled", "shared KiB", "matrix", "bytes", "narrow",
        "instructions", "",
    )  # fmt: skip
    return Table(columns, lines)


def _shared(row: Row) -> str:
    return f"{row.shared / 1024:.4g} of {row.shared_limit / 1024:.4g}"


def _estimated(row: Estimate) -> tuple[str, ...]:
    return (
        row.cell,
        row.kernel,
        row.direction,
        ",".join(map(str, row.shape)),
        row.device,
        str(row.launches),
        f"{row.megabytes:.4g}",
        f"{row.gigaflops:.4g}",
        f"~{row.microseconds:.0f}",
        f"~{row.limit:.0f}",
    )


def _shape(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(
            f"--shape {text} is no shape",
            why="B,T,C,H,W are five whole numbers",
            hint="--shape 4,10,64,64,64",
        ) from error
