"""`seqimg data make`: generated data sets, to disk."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from seqimg.data.generators.making import Made, MakeRequest

__all__ = ["make"]


def make(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="moving-digits, motion, tracks, pan, pans, or one of a plugin.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Folder to make; it must not exist.", show_default=False)
    ],
    count: Annotated[int, typer.Option("--count", metavar="N", min=1, help="Number of sequences.")] = 100,
    length: Annotated[int, typer.Option("--length", metavar="T", min=1, help="Frames of each.")] = 20,
    size: Annotated[
        str, typer.Option("--size", metavar="WxH", help="Width and height in pixels; one number is both.")
    ] = "64x64",
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Seed of everything drawn.")] = 0,
    split: Annotated[
        Literal["train", "val", "test"],
        typer.Option("--split", help="Splits share no photograph and no digit."),
    ] = "train",
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="mp4, webm, gif, npy, …, or frames for folders of PNG. [what suits the data]",
            show_default=False,
        ),
    ] = None,
    boxes: Annotated[
        Literal["coco-vid", "mot"], typer.Option("--boxes", help="Layout of sequences with boxes.")
    ] = "coco-vid",
    fps: Annotated[
        float, typer.Option("--fps", metavar="RATE", min=1, max=1000, help="Frames a second of videos.")
    ] = 10.0,
    idx: Annotated[
        Path | None,
        typer.Option(
            "--idx",
            metavar="FILE",
            help="Take the moving digits from there: train-images-idx3-ubyte, plain or gzipped.",
            show_default=False,
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="KEY=VALUE",
            help="An option of NAME, may be repeated. moving-digits: digits, speed, placement; motion: kind; tracks: "
            "objects, clutter, bars, noise.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a data set made before.")] = False,
) -> None:
    """Make a data set: sequences with all that is known of them.

    moving-digits: one array. motion: class folders. tracks: boxes, as COCO-VID or MOT challenge.
    pan: exact optical flow. The same seed makes the same data; splits share no photograph and no digit.
    """
    from seqimg.cli.output import output
    from seqimg.data.generators.making import MakeRequest, make_dataset
    from seqimg.kernels.allocator import keep_freed_memory

    keep_freed_memory()
    request = MakeRequest(
        name=name,
        count=count,
        length=length,
        size=_size(size),
        seed=seed,
        split=split,
        options=_options(option or [], idx),
        format=None if form is None else form.lower().removeprefix("."),
        boxes=boxes,
        fps=fps,
    )
    with output().progress("Making", total=count) as bar:
        made = make_dataset(
            request,
            out,
            overwrite=overwrite,
            begin=lambda: output().say(_sentence(request)),
            advance=lambda done: bar.advance(done),
        )
    output().data(_data(made), f"Saved {made.open} ({made.layout}{_contents(made)})")
    output().hint(_next(made))


def _sentence(request: "MakeRequest") -> str:
    height, width = request.size
    return (
        f"Making {_sequences(request.count)} of {request.name}, {request.length} frames each,"
        f" {width}×{height}, split {request.split}, seed {request.seed}."
    )


def _sequences(count: int) -> str:
    return "1 sequence" if count == 1 else f"{count:,} sequences"


def _size(text: str) -> tuple[int, int]:
    """Return height and width."""
    from seqimg.errors import UsageError

    parts = text.lower().replace("×", "x").split("x")
    if len(parts) > 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise UsageError(
            f"--size {text!r} is no size", why="width and height are needed", hint="--size 96x64"
        )
    return int(parts[-1]), int(parts[0])


def _options(words: list[str], idx: Path | None) -> dict[str, str]:
    from seqimg.errors import UsageError

    options = {} if idx is None else {"idx": str(idx)}
    for word in words:
        key, equals, value = word.partition("=")
        if not (key and equals):
            raise UsageError(
                f"--option {word!r} sets nothing", why="KEY=VALUE is needed", hint="--option digits=3"
            )
        options[key] = value
    return options


def _data(made: "Made") -> dict[str, object]:
    return {
        "folder": str(made.folder),
        "open": str(made.open),
        "layout": made.layout,
        "sequences": made.sequences,
        "frames": made.frames,
        "classes": made.classes,
        "boxes": made.boxes,
    }


def _contents(made: "Made") -> str:
    classes = f", {len(made.classes)} classes" if made.classes else ""
    boxes = f", {made.boxes:,} boxes" if made.boxes else ""
    return f", {_sequences(made.sequences)}{classes}{boxes}"


def _next(made: "Made") -> str:
    from seqimg.cli.output import command
    from seqimg.data.generators.made_layouts import OneArray

    # An array of many sequences is no sequence to look into.
    if made.layout == OneArray.name:
        return command("seqimg", "predict", "train", "--data", made.folder)
    return command("seqimg", "data", "info", made.open)
