"""`seqimg cells`: which cells there are, what they compute, which kernel computes them, and how fast."""

from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = ["app"]

app = typer.Typer(
    help="See cells and their kernels: what, why, how fast.", no_args_is_help=True, rich_markup_mode=None
)

Name = Annotated[str, typer.Argument(help="A cell's name.", show_default=False)]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option("--device", help="Where to compute.")]
Options = Annotated[
    list[str] | None,
    typer.Option(
        "--option", metavar="KEY=VALUE", help="An option of the cell; may be repeated.", show_default=False
    ),
]


@app.callback()
def group() -> None:
    """See cells and their kernels: what, why, how fast."""


@app.command("list")
def list_(
    glob: Annotated[str, typer.Argument(metavar="GLOB", help="Names to list, for example '*gru*'.")] = "*",
    device: Device = "auto",
) -> None:
    """List the cells, and the kernels that serve them here."""
    from seqimg.cli.cells_show import list_cells

    list_cells(glob, device)


@app.command("show")
def show(name: Name, device: Device = "auto") -> None:
    """Show a cell: equations, options, parameters, kernels."""
    from seqimg.cli.cells_show import show_cell

    show_cell(name, device)


@app.command("explain")
def explain(
    name: Name,
    shape: Annotated[
        str | None,
        typer.Option("--shape", metavar="B,T,C,H,W", help="Of the frames; B,T,C for dense cells."),
    ] = None,
    hidden: Annotated[
        int | None,
        typer.Option(
            "--hidden", metavar="N", min=1, help="Channels of the state [as many as of the frames]."
        ),
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        typer.Option("--device", help="Where it would be computed; it need not be here."),
    ] = "auto",
    dtype: Annotated[str, typer.Option("--dtype", help="float32, bfloat16, float16 or float64.")] = "float32",
    features: Annotated[
        str,
        typer.Option(
            "--features",
            metavar="LIST",
            help="What is in use beside the equations: keep, restart, update, gate_bias, recompute.",
        ),
    ] = "",
    options: Options = None,
) -> None:
    """Say which kernel is taken, and why not each of the others."""
    from seqimg.cli.cells_explain import explain_cell

    explain_cell(
        name,
        shape=shape,
        hidden=hidden,
        device=device,
        dtype=dtype,
        features=features,
        options=options or [],
    )


@app.command("audit")
def audit(
    target: Annotated[
        list[str] | None,
        typer.Option("--target", metavar="GLOB", help="GPUs, for example sm_90 or 'sm*'. [all]"),
    ] = None,
    kernel: Annotated[
        list[str] | None,
        typer.Option("--kernel", metavar="GLOB", help="Kernels, for example 'lstm*'. [all]"),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="One configuration of each kernel.")] = False,
    each: Annotated[bool, typer.Option("--each", help="A line for each configuration.")] = False,
    roofline: Annotated[
        bool, typer.Option("--roofline", help="Compile nothing: estimate times on an A100 and an H100.")
    ] = False,
    shape: Annotated[
        list[str] | None,
        typer.Option("--shape", metavar="B,T,C,H,W", help="Clips to estimate. [several usual ones]"),
    ] = None,
) -> None:
    """Compile every Triton kernel for GPUs that need not be here, and check the machine code.

    Exits with 4 when a program fails.
    """
    from seqimg.cli.cells_audit import audit_kernels, estimate_kernels

    if roofline:
        estimate_kernels(shape or ())
    else:
        audit_kernels(target or (), kernel or (), quick=quick, each=each)


@app.command("bench")
def bench(
    shapes: Annotated[
        list[str] | None,
        typer.Option(
            "--shapes",
            metavar="B,T,C,H,W:HIDDEN",
            help="Clips to measure; may be repeated. [three, of 64 channels]",
            show_default=False,
        ),
    ] = None,
    dtype: Annotated[
        str, typer.Option("--dtype", metavar="LIST", help="Data types, of fp32, bf16, fp16, fp64.")
    ] = "fp32,bf16",
    repeats: Annotated[
        int, typer.Option("--repeats", metavar="N", min=1, help="Rounds of each comparison.")
    ] = 7,
    only: Annotated[
        str | None,
        typer.Option(
            "--only",
            metavar="LIST",
            help="Parts to measure: training, inference, memory, min, step, scaling.",
            show_default="all",
        ),
    ] = None,
    device: Device = "auto",
    compiled: Annotated[
        bool, typer.Option("--compile/--no-compile", help="Measure torch.compile too; its compiler is slow.")
    ] = True,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE", help="Draw the part scaling there: .png, .svg or .pdf."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing plot.")] = False,
) -> None:
    """Measure speed and memory against naive code and against the convolutions alone.

    Takes about twenty minutes on two cores; the machine should have nothing else to do. What is asked of
    each figure is meant for the shapes that are measured unless told otherwise.
    """
    from seqimg.cli.cells_bench import bench_cells

    bench_cells(
        shapes or [],
        dtype=dtype,
        repeats=repeats,
        only=only,
        device=device,
        compiled=compiled,
        plot=plot,
        overwrite=overwrite,
    )
