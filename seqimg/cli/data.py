"""`seqimg data`: what sequences are, whether they are whole, and turning them into others."""

from pathlib import Path
from typing import Annotated

import typer

from seqimg.cli.data_make import make
from seqimg.cli.fields import SectionedCommand, with_flags
from seqimg.config import ReadingConfig

__all__ = ["app"]

_HELP = "Look at sequences, check, index, convert and make them."

app = typer.Typer(help=_HELP, no_args_is_help=True, rich_markup_mode=None)

Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH",
        help="Sequences: videos, folders of pictures, arrays, patterns, lists, addresses.",
        show_default=False,
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing output.")]


@app.callback()
def group() -> None:
    """Look at sequences, check, index, convert and make them."""


def info(
    paths: Paths,
    sheet: Annotated[
        Path | None,
        typer.Option(
            "--sheet", metavar="FILE.png", help="Draw evenly spread frames there.", show_default=False
        ),
    ] = None,
    overwrite: Overwrite = False,
    *,
    reading: dict[str, object],
) -> None:
    """Say what sequences are, and what is odd about them.

    Format, frames, size, rate, values, keyframes, sound. Nothing is decoded but the first frame.
    """
    from seqimg.cli.data_info import tell
    from seqimg.config import check_flags

    tell(paths, check_flags(ReadingConfig, reading), sheet=sheet, overwrite=overwrite)


def check(
    paths: Paths,
    recursive: Annotated[
        bool,
        typer.Option("--recursive", "-r", help="Check every sequence in the folders named, at any depth."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE.json", help="Write what was found there too.", show_default=False
        ),
    ] = None,
    overwrite: Overwrite = False,
    *,
    reading: dict[str, object],
) -> None:
    """Read everything and list what is damaged.

    Exits with 4 when anything is. A file that brings its decoder down costs only itself.
    """
    from seqimg.cli.data_check import check as work
    from seqimg.config import check_flags

    work(
        paths,
        check_flags(ReadingConfig, {**reading, "on_error": "skip"}),
        recursive=recursive,
        out=out,
        overwrite=overwrite,
    )


def index(paths: Paths) -> None:
    """Index videos, so that any frame is found at once.

    Reads all packets, decodes none, and keeps what it found in the cache; other commands do so
    themselves where it helps.
    """
    from seqimg.cli.data_index import index as work

    work(paths)


def convert(
    source: Annotated[
        str,
        typer.Argument(
            metavar="IN",
            help="Sequence: video, folder of pictures, array; - for raw pixels on stdin.",
            show_default=False,
        ),
    ],
    target: Annotated[
        str,
        typer.Argument(
            metavar="OUT",
            help="Video, GIF, array or folder, by its ending; - for raw pixels on stdout.",
            show_default=False,
        ),
    ],
    start: Annotated[
        str | None,
        typer.Option("--start", metavar="TIME", help="Begin there: seconds, M:SS, or a frame such as 12f."),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--end", metavar="TIME", help="End before that: likewise.")
    ] = None,
    every: Annotated[
        int,
        typer.Option(
            "--every",
            metavar="N",
            min=1,
            help="Take each so many frames; it plays no faster. [1]",
            show_default=False,
        ),
    ] = 1,
    fps: Annotated[
        str | None,
        typer.Option(
            "--fps",
            metavar="RATE",
            help="Frames a second, such as 25 or 30000/1001: at each time the frame shown then.",
        ),
    ] = None,
    crop: Annotated[
        str | None,
        typer.Option("--crop", metavar="WxH+X+Y", help="Keep this part of each frame; WxH is the middle."),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            metavar="WxH",
            help="New size, after the crop; one side may be -1; or the longer side alone.",
        ),
    ] = None,
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
    overwrite: Overwrite = False,
    *,
    reading: dict[str, object],
) -> None:
    """Write a sequence in another form.

    Another format, size, rate or length, in constant memory. Values, channels and times stay as they
    are where the format has them.
    """
    from seqimg.cli.data_convert import convert as work
    from seqimg.config import check_flags

    changes = {"start": start, "end": end, "fps": fps, "crop": crop, "size": size}
    work(
        source,
        target,
        check_flags(ReadingConfig, reading),
        {name: text for name, text in changes.items() if text is not None},
        every=every,
        quality=quality,
        keep_audio=keep_audio,
        overwrite=overwrite,
    )


app.command("info", cls=SectionedCommand)(with_flags(info, reading=ReadingConfig))
app.command("check", cls=SectionedCommand)(with_flags(check, hidden=("on_error",), reading=ReadingConfig))
app.command("index", cls=SectionedCommand)(index)
app.command("convert", cls=SectionedCommand)(with_flags(convert, reading=ReadingConfig))
# Further commands of the group, from files of their own.
app.command("make", cls=SectionedCommand)(make)
