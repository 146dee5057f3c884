"""`seqimg texture run`: it needs no sequence to be applied to."""

from pathlib import Path
from typing import Annotated

import typer

from seqimg.cli.fields import SectionedCommand, with_flags
from seqimg.cli.task_options import Device, Model, Overwrite
from seqimg.config import ReadingConfig
from seqimg_texture.config import TextureRun

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None)


def _run(
    model: Model,
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE",
            help="Sequence, camera or address whose size, rate and length the texture gets, instead of --size, --fps "
            "and --frames; what it shows is not looked at.",
            show_default=False,
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option("--size", metavar="WxH", help="Pixels across and down. [512x512]", show_default=False),
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option(
            "--frames",
            min=0,
            metavar="N",
            help="How many; 0 never ends, for -o -. [1 for a picture, else 100]",
            show_default=False,
        ),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(
            "--fps", metavar="RATE", min=0.01, max=1000, help="Frames a second. [25]", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="Picture (.png, .jpg), video, GIF, .npy or folder to write; - for raw pixels. [texture.png here, or "
            "texture.mp4 of several frames]",
            show_default=False,
        ),
    ] = None,
    overwrite: Overwrite = False,
    device: Device = "auto",
    *,
    reading: dict[str, object],
    flags: dict[str, object],
) -> None:
    """Grow a texture: a picture of any size, or a video of any length."""
    from seqimg.config import check_flags

    options = check_flags(TextureRun, flags)
    how = check_flags(ReadingConfig, reading)
    if source is not None:
        from seqimg_texture.growing import check_alone, grow_beside

        check_alone(source, size=size, frames=frames, fps=fps)
        grow_beside(source, model, options, reading=how, out=out, overwrite=overwrite, device=device)
        return
    from seqimg_texture.growing import Order, grow

    grow(
        Order.read(size or "512x512", frames, fps or 25, out),
        model,
        options,
        overwrite=overwrite,
        device=device,
    )


app.command("run", cls=SectionedCommand)(with_flags(_run, reading=ReadingConfig, flags=TextureRun))
