"""`seqimg cells audit`: the Triton kernels' machine code for every GPU, without one."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqimg.cli.output import Table
    from seqimg.kernels.audit.roofline import Estimate
    from seqimg.kernels.audit.rules import Row

__all__ = ["audit"]


def audit(
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target", metavar="NAME", help="A GPU: sm_80, sm_86, sm_90, sm_100 or gfx942; all if none."
        ),
    ] = None,
    kernel: Annotated[
        list[str] | None,
        typer.Option("--kernel", metavar="PATTERN", help="Only kernels of that name, for example 'lstm*'."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="One configuration of each kernel instead of all.")
    ] = False,
    each: Annotated[
        bool, typer.Option("--each", help="A row for each configuration, not for each kernel and GPU.")
    ] = False,
    roofline: Annotated[
        bool, typer.Option("--roofline", help="Estimate times on an A100 and an H100 instead.")
    ] = False,
    shape: Annotated[
        list[str] | None,
        typer.Option("--shape", metavar="B,T,C,H,W", help="A clip to estimate; several usual ones if none."),
    ] = None,
) -> None:
    """Compile every Triton kernel for GPUs that need not be here, and check the machine code.

    Exits with 4 on a register spill, too much shared memory, a matrix kernel without matrix instructions,
    narrow memory accesses, or more bytes moved than a kernel needs.
    """
    if roofline:
        _estimate(shape or ())
    else:
        _audit(target, kernel or ("*",), quick=quick, each=each)


def _audit(targets: "Sequence[str] | None", kernels: "Sequence[str]", *, quick: bool, each: bool) -> None:
    from seqimg.cli.output import output
    from seqimg.errors import CheckFailedError
    from seqimg.kernels.audit import TARGETS, audit

    with output().progress("Compiling") as bar:
        rows = audit(targets or tuple(TARGETS), kernels, quick=quick, progress=bar.advance)
    output().data({"programs": rows}, _every(rows) if each else _summary(rows))
    failed = [row for row in rows if row.failures]
    if failed:
        first = failed[0]
        raise CheckFailedError(
            f"{len(failed)} of {len(rows)} programs fail the audit",
            why=f"{first.kernel} ({first.configuration}) on {first.target}: {'; '.join(first.failures)}",
            hint=f"seqimg cells audit --each --kernel {first.kernel} --target {first.target}",
        )
    output().say(
        f"All {len(rows)} programs pass. No GPU has run them: this is about their machine code only."
    )


def _summary(rows: "Sequence[Row]") -> "Table":
    """One line for each kernel and GPU: the worst of its configurations."""
    from seqimg.cli.output import Table

    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.kernel, row.target), []).append(row)
    lines = []
    for (kernel, target), group in groups.items():
        matrix = [row.matrix for row in group if row.matrix is not None]
        excess = [row.moved - row.ideal for row in group if row.moved is not None]
        lines.append(
            (
                kernel,
                target,
                str(len(group)),
                str(max(row.registers for row in group)),
                str(max(row.spilled for row in group)),
                _shared(max(group, key=lambda row: row.shared)),
                str(min(matrix)) if matrix else "-",
                f"{max(excess):+g}" if excess else "-",
                "FAIL" if any(row.failures for row in group) else "ok",
            )
        )
    columns = ("kernel", "gpu", "programs", "registers", "spilled", "shared KiB", "matrix", "bytes over", "")
    return Table(columns, lines)


def _every(rows: "Sequence[Row]") -> "Table":
    from seqimg.cli.output import Table

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
            " ".join(f"{kind}:{count}" for kind, count in row.mix.items()),
            "; ".join(row.failures) or "ok",
        )
        for row in rows
    ]
    columns = (
        "kernel", "configuration", "gpu", "registers", "spilled", "shared KiB", "matrix", "bytes", "narrow",
        "instructions", "",
    )  # fmt: skip
    return Table(columns, lines)


def _shared(row: "Row") -> str:
    return f"{row.shared / 1024:.4g} of {row.shared_limit / 1024:.4g}"


def _estimate(shapes: "Sequence[str]") -> None:
    from seqimg.cli.output import Table, output
    from seqimg.kernels.audit.roofline import SHAPES, estimate

    rows = estimate([_shape(text) for text in shapes] or SHAPES)
    lines = [_estimated(row) for row in rows]
    columns = (
        "cell", "kernel", "pass", "B,T,C,H,W", "gpu", "launches", "MB", "GFLOP", "estimated µs", "convolutions µs",
    )  # fmt: skip
    output().data({"estimates": rows, "measured": False}, Table(columns, lines))
    output().say("Estimated from bytes and operations in bf16; nothing was measured.")


def _estimated(row: "Estimate") -> tuple[str, ...]:
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
    from seqimg.errors import UsageError

    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(
            f"--shape {text} is no shape",
            why="B,T,C,H,W are five whole numbers",
            hint="--shape 4,10,64,64,64",
        ) from error
