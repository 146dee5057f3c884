"""Flags that the commands of all tasks share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = [
    "Data",
    "Device",
    "Each",
    "Engine",
    "Format",
    "Model",
    "Overwrite",
    "Paths",
    "RayAddress",
    "Threads",
    "Workers",
]

Paths = Annotated[
    list[str] | None,
    typer.Argument(metavar="PATH", help="More sequences, after those named with --data.", show_default=False),
]
Data = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        metavar="PATH",
        help="Sequences: video files, frame folders, arrays; or demo:NAME.",
        show_default=False,
    ),
]
Model = Annotated[Path, typer.Option("--model", metavar="DIR", help="Model folder.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing output.")]
Device = Annotated[
    Literal["auto", "cpu", "cuda"],
    typer.Option("--device", help="Where to compute. [auto]", show_default=False),
]

_MANY = "Many sequences"
Each = Annotated[
    bool | None,
    typer.Option(
        "--each/--whole",
        help="Take SOURCE as many sequences, or as one. [what it holds tells]",
        show_default=False,
        rich_help_panel=_MANY,
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        help="Results: mp4, gif, npy and so on, frames for folders of pictures, csv or json for answers in words. "
        "[json where answers are words, else mp4]",
        show_default=False,
        rich_help_panel=_MANY,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        metavar="N",
        help="Processes that share the work, each with a model of its own. [this one alone]",
        show_default=False,
        rich_help_panel=_MANY,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        metavar="N",
        help="Threads that each process computes with, at most. [the cores, divided]",
        show_default=False,
        rich_help_panel=_MANY,
    ),
]
Engine = Annotated[
    Literal["local", "ray"] | None,
    typer.Option(
        "--engine",
        help="Processes on this machine, or Ray's. [local]",
        show_default=False,
        rich_help_panel=_MANY,
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray-address",
        metavar="ADDRESS",
        help="A Ray cluster that runs already. [one on this machine, for this command]",
        show_default=False,
        rich_help_panel=_MANY,
    ),
]
