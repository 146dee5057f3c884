"""The work of `seqimg style picture`."""

from pathlib import Path
from typing import Literal

import torch

from seqimg import modelfolder
from seqimg.cli.machine import chosen_device, device_sentence
from seqimg.cli.output import command, output
from seqimg.data import fill_missing, to_frame, to_tensor
from seqimg.errors import SeqimgError, UsageError
from seqimg.publish import check_writable, publish_file
from seqimg.sequences.pictures.images import write_png
from seqimg.sequences.pictures.single import FramePicture
from seqimg_style.config import PictureRun
from seqimg_style.model import Restyler, colours
from seqimg_style.showing import wanted_amounts, with_colour

__all__ = ["paint_picture"]

_KINDS = ("uint8", "uint16")  # what a PNG can hold


def paint_picture(
    source: Path,
    model: Path,
    options: PictureRun,
    out: Path | None,
    *,
    overwrite: bool,
    device: Literal["auto", "cpu", "cuda"],
) -> None:
    """Paint one picture, and write it in its own size and depth.

    Raises:
        UsageError: The result is to be something else than a PNG, or shares do not fit the model.
        SeqimgError: The picture or the model cannot be read, or the result not be written.
    """
    target = out or Path(f"{source.stem}.style.png")
    if target.suffix.lower() != ".png":
        raise UsageError(
            f"cannot write {target}", why="pictures are written as PNG", hint=f"-o {target.stem}.png"
        )
    check_writable(target, overwrite=overwrite)
    if source.is_dir():
        raise UsageError(
            f"{source} is no picture", hint=command("seqimg", "style", "run", source, "--model", model)
        )
    if not source.exists():
        raise SeqimgError(f"{source} does not exist", hint="check the path")
    with FramePicture(source) as picture:
        info, pixels = picture.info, next(iter(picture.timed())).pixels
    output().say(info.sentence())
    if info.channels not in (1, 3, 4):
        raise SeqimgError(f"{source} cannot be restyled", why=f"it has {info.channels} channels")
    where = chosen_device(device)
    restyler = modelfolder.load(model, task="style", device=where).model
    assert isinstance(restyler, Restyler)
    output().say(device_sentence(where, device))
    frame = colours(fill_missing(to_tensor(pixels, info.value_range))[0][None, :3]).to(where)
    with torch.inference_mode():
        painted = restyler.paint(frame, wanted_amounts(restyler, options).to(where).expand(1, -1))[0]
    if options.keep_colour:
        painted = with_colour(painted, frame[0])
    dtype = info.dtype if info.dtype in _KINDS else "uint8"
    with publish_file(target, overwrite=overwrite) as temporary:
        write_png(temporary, to_frame(painted, dtype, (0, 65535 if dtype == "uint16" else 255)))
    output().data({"output": str(target)}, f"Saved {target}")
    output().hint(command("seqimg", "style", "run", "VIDEO", "--model", model))
