"""`seqimg style stabilise`, for frames that another program has worked on one by one."""

from pathlib import Path
from typing import Annotated

import typer

from seqimg.cli.fields import SectionedCommand, with_flags
from seqimg.cli.task_options import Device, Overwrite
from seqimg.config import ReadingConfig

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None)


def _stabilise(
    original: Annotated[
        str, typer.Argument(metavar="ORIGINAL", help="The sequence as it was.", show_default=False)
    ],
    processed: Annotated[
        str,
        typer.Argument(
            metavar="PROCESSED",
            help="The same frames as another program made them one by one, and as they flicker.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="Video, GIF, .npy or folder to write. [PROCESSED.stable.mp4 here]",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            metavar="DIR",
            help="Use what was learnt before: a folder of --save, or any model of seqimg style. [learn from the two]",
            show_default=False,
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save", metavar="DIR", help="Keep what is learnt as a model folder.", show_default=False
        ),
    ] = None,
    minutes: Annotated[
        float,
        typer.Option("--minutes", metavar="M", min=0.01, help="How long to learn. [3]", show_default=False),
    ] = 3.0,
    seed: Annotated[
        int,
        typer.Option("--seed", metavar="N", min=0, help="Seed of everything random. [0]", show_default=False),
    ] = 0,
    reset_on_cut: Annotated[
        bool,
        typer.Option(
            "--reset-on-cut/--no-reset-on-cut",
            help="Begin afresh where another scene begins in ORIGINAL. [on]",
            show_default=False,
        ),
    ] = True,
    overwrite: Overwrite = False,
    device: Device = "auto",
    *,
    reading: dict[str, object],
) -> None:
    """Take the flicker out of frames that were worked on one by one."""
    from seqimg.config import check_flags
    from seqimg_style.stabilising import Order, run

    how = check_flags(ReadingConfig, reading)
    run(
        Order(original, processed, out, model, save, minutes, seed, reset_on_cut, how),
        overwrite=overwrite,
        device=device,
    )


app.command("stabilise", cls=SectionedCommand)(with_flags(_stabilise, reading=ReadingConfig))
