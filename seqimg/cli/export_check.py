"""`seqimg export`: what is to be done with graphs that were exported."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(
    help="Check an exported model against torch on a sequence.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def group() -> None:
    """Check an exported model against torch; `seqimg TASK export` makes one."""


@app.command("check")
def check(
    graph: Annotated[
        Path, typer.Argument(metavar="FILE", help="Graph that was exported, .onnx.", show_default=False)
    ],
    clip: Annotated[
        str,
        typer.Argument(
            metavar="CLIP", help="Sequence to replay: video file, frame folder, array.", show_default=False
        ),
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            "--model", metavar="DIR", help="Model folder. [the one it was exported from]", show_default=False
        ),
    ] = None,
    frames: Annotated[
        int,
        typer.Option("--frames", metavar="N", min=1, help="Most frames to replay. [100]", show_default=False),
    ] = 100,
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            metavar="NUMBER",
            min=0,
            help="Most that outputs and states may be apart. [0.0001 in fp32; else they are only told]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Replay a sequence through ONNX Runtime and through torch, each with its own state, and compare every frame."""
    from seqimg.cli.export_check_work import check as work

    work(graph, clip, model, frames, tolerance)
