"""`seqimg model`: what a trained model costs, and a cheaper one of it."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from seqimg.cli.task_options import Data

__all__ = ["app"]

app = typer.Typer(
    help="See what a trained model costs, and make a cheaper one of it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Model folder.", show_default=False)]
Device = Annotated[
    Literal["auto", "cpu", "cuda"],
    typer.Option("--device", help="Where to compute. [auto]", show_default=False),
]


@app.callback()
def group() -> None:
    """See what a trained model costs, and make a cheaper one of it."""


@app.command("profile")
def profile(
    model: Folder,
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            metavar="WxH",
            help="Size of the frames. [square, of the size it was trained for]",
            show_default=False,
        ),
    ] = None,
    device: Device = "auto",
) -> None:
    """Measure what one frame costs: arithmetic, memory, and the time of each part."""
    from seqimg.cli.export_options import read_size
    from seqimg.cli.model_profile import show_profile

    show_profile(model, None if size is None else read_size(size), device)


@app.command("shrink")
def shrink(
    model: Folder,
    out: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="DIR2", help="Model folder to write.", show_default=False),
    ],
    cell: Annotated[
        str | None,
        typer.Option(
            "--cell",
            metavar="NAME",
            help="Recurrent cell instead; `seqimg cells list` names them.",
            show_default=False,
        ),
    ] = None,
    widths: Annotated[
        str | None,
        typer.Option(
            "--widths",
            metavar="A,B,…",
            help="State channels of each level instead. [the same]",
            show_default=False,
        ),
    ] = None,
    data: Data = None,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps", metavar="N", min=1, help="Optimiser steps. [as in training]", show_default=False
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            "--learning-rate",
            metavar="RATE",
            min=0,
            help="Peak learning rate. [as in training]",
            show_default=False,
        ),
    ] = None,
    weight: Annotated[
        float,
        typer.Option(
            "--weight",
            metavar="W",
            min=0,
            help="How much the original's answers count beside the data's. [1]",
            show_default=False,
        ),
    ] = 1.0,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with a training for the same -o that was broken off; its checkpoints are in DIR2.run.",
        ),
    ] = False,
    device: Device = "auto",
) -> None:
    """Train a model with a cheaper cell to answer as the original does, and compare the two.

    It begins with the original's weights wherever they fit, and learns from --data, or from what the original did.
    """
    from seqimg.cli.model_shrink import Wanted, shrink_model
    from seqimg.errors import UsageError

    numbers = None
    if widths is not None:
        try:
            numbers = tuple(int(width) for width in widths.split(","))
        except ValueError as error:
            raise UsageError(f"--widths {widths} are no numbers", hint="--widths 16,24") from error
    changes: dict[str, object] = {
        "learning_rate": learning_rate,
        "device": None if device == "auto" else device,
    }
    if steps is not None:  # and not as many epochs or minutes as the original took
        changes |= {"steps": steps, "epochs": 0, "minutes": 0}
    wanted = Wanted(cell, numbers, tuple(data or ()), weight, changes)
    shrink_model(model, out, wanted, resume=resume)
