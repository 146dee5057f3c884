"""`seqimg filter`: classical operations over sequences."""

from pathlib import Path
from typing import Annotated

import typer

from seqimg.cli.fields import SectionedCommand, with_flags
from seqimg.cli.task_options import Overwrite
from seqimg.config import ReadingConfig

__all__ = ["app"]

_HELP = "Filter sequences with classical operations, measure shapes, put pictures together."

app = typer.Typer(help=_HELP, no_args_is_help=True, rich_markup_mode=None)

In = Annotated[
    str,
    typer.Argument(
        metavar="IN", help="Sequence: video, folder of pictures, array, camera, address.", show_default=False
    ),
]
Ops = Annotated[
    list[str] | None,
    typer.Option(
        "--op",
        metavar="NAME:KEY=VALUE,…",
        help="Apply this; several are applied in their order. See seqimg filter list.",
        show_default=False,
    ),
]
ChainFile = Annotated[
    Path | None,
    typer.Option(
        "--chain", metavar="FILE.toml", help="Apply the operations in this file.", show_default=False
    ),
]
Start = Annotated[
    str | None,
    typer.Option("--start", metavar="TIME", help="Begin there: seconds, M:SS, or a frame such as 12f."),
]
End = Annotated[str | None, typer.Option("--end", metavar="TIME", help="End before that: likewise.")]
Workers = Annotated[
    int,
    typer.Option(
        "--workers",
        metavar="N",
        min=0,
        max=256,
        help="Processes that work on frames side by side; operations over time stay in the main one. [0]",
        show_default=False,
    ),
]

WorkersOfOps = Annotated[
    int,
    typer.Option(
        "--workers",
        metavar="N",
        min=0,
        max=256,
        help="Processes that do what --op and --chain name, side by side; operations over time and the measuring stay "
        "in the main one. [0]",
        show_default=False,
    ),
]


@app.callback()
def group() -> None:
    """Filter sequences with classical operations, measure shapes, put pictures together."""


def list_operations(
    pattern: Annotated[
        str, typer.Argument(metavar="PATTERN", help="Only names or groups like this, such as denoise*.")
    ] = "*",
) -> None:
    """List the operations: name, parameters with their defaults, what it does."""
    from seqimg_filter.listing import list_all

    list_all(pattern)


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="An operation.", show_default=False)],
) -> None:
    """Tell all about an operation: each parameter, its range, what it works on and gives."""
    from seqimg_filter.listing import show_one

    show_one(name)


def run(
    source: In,
    op: Ops = None,
    chain: ChainFile = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="SEQUENCE",
            help="Another sequence, for operations that put several together; may be repeated.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="Video, GIF, array or folder, by its ending; - for raw pixels on stdout. "
            "[IN.filter.mp4 in this folder; .png of a picture]",
            show_default=False,
        ),
    ] = None,
    start: Start = None,
    end: End = None,
    workers: Workers = 0,
    quality: Annotated[
        int | None,
        typer.Option(
            "--quality",
            metavar="N",
            min=1,
            max=100,
            help="Up to 100, the best, for formats that lose anything.",
        ),
    ] = None,
    keep_audio: Annotated[bool, typer.Option("--keep-audio", help="Copy the sound, as it is.")] = False,
    save_chain: Annotated[
        Path | None,
        typer.Option(
            "--save-chain", metavar="FILE.toml", help="Write the operations there too.", show_default=False
        ),
    ] = None,
    overwrite: Overwrite = False,
    *,
    reading: dict[str, object],
) -> None:
    """Apply operations to a sequence, in constant memory.

    Frames keep their dtype, value range, channels and times; missing values stay missing.
    """
    from seqimg.config import check_flags
    from seqimg_filter.commands import Request, run_filter

    run_filter(
        Request(source, op or [], chain, start, end, workers, overwrite, check_flags(ReadingConfig, reading)),
        beside=beside or [],
        out=out,
        quality=quality,
        keep_audio=keep_audio,
        save_chain=save_chain,
    )


def shapes(
    source: In,
    op: Ops = None,
    chain: ChainFile = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="Rows as .csv, .json or .jsonl, or - for lines of JSON on stdout; or a video with the shapes drawn. "
            "[IN.shapes.json and IN.shapes.mp4, or .png of a picture]",
            show_default=False,
        ),
    ] = None,
    threshold: Annotated[
        str,
        typer.Option(
            "--threshold",
            metavar="T",
            help="What is brighter is a shape: otsu, li, triangle, … for each frame, or a number from 0 to 1. [otsu]",
            show_default=False,
        ),
    ] = "otsu",
    dark: Annotated[bool, typer.Option("--dark", help="Shapes are darker than their ground.")] = False,
    min_area: Annotated[
        int, typer.Option("--min-area", metavar="N", min=1, help="Leave out what has fewer pixels.")
    ] = 30,
    max_area: Annotated[
        int | None,
        typer.Option(
            "--max-area", metavar="N", min=1, help="Leave out what has more pixels.", show_default=False
        ),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="Only circles, ellipses, triangles, squares, rectangles, other; may be repeated.",
            show_default=False,
        ),
    ] = None,
    inside: Annotated[
        bool, typer.Option("--inside", help="Leave out what touches the frame's edge.")
    ] = False,
    start: Start = None,
    end: End = None,
    workers: WorkersOfOps = 0,
    overwrite: Overwrite = False,
    *,
    reading: dict[str, object],
) -> None:
    """Find shapes in every frame: number, place, area, roundness, what they look like.

    A row for each shape. Operations named by --op come first, for example gaussian:sigma=1.
    """
    from seqimg.config import check_flags
    from seqimg_filter.commands import Request, run_shapes

    run_shapes(
        Request(source, op or [], chain, start, end, workers, overwrite, check_flags(ReadingConfig, reading)),
        out=out,
        threshold=threshold,
        dark=dark,
        areas=(min_area, max_area),
        kinds=kind or [],
        inside=inside,
    )


app.command("list", cls=SectionedCommand)(list_operations)
app.command("show", cls=SectionedCommand)(show)
app.command("run", cls=SectionedCommand)(with_flags(run, reading=ReadingConfig))
app.command("shapes", cls=SectionedCommand)(with_flags(shapes, reading=ReadingConfig))
