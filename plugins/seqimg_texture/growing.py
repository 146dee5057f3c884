"""The work of `seqimg texture run`: from a model folder to a picture or a video, without a sequence."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Literal

import torch

from seqimg import modelfolder
from seqimg.cli.machine import chosen_device, device_sentence, kernel_sentence
from seqimg.cli.output import Bar, command, output
from seqimg.cli.targets import STDOUT, check_targets, pipe_pixels
from seqimg.config import ReadingConfig
from seqimg.data import to_frame
from seqimg.errors import UsageError
from seqimg.plugins.manager import plugin_host
from seqimg.publish import publish_file, write_json
from seqimg.sequences import save_sequence
from seqimg.sequences.base import SequenceInfo
from seqimg.sequences.formats import by_suffix
from seqimg.sequences.pixeltypes import Pixels
from seqimg.sequences.publishing import SavedSequence
from seqimg.streaming import Stream
from seqimg.task import Seen
from seqimg_texture.config import TextureRun
from seqimg_texture.showing import alive, check_tileable

__all__ = ["Order", "check_alone", "grow", "grow_beside"]

_FRAMES = 100
_MOST = 2**25  # pixels of a frame, such as 8192×4096; growing holds some hundred bytes for each
_SIZE = re.compile(r"(\d{1,6})[x×](\d{1,6})")


@dataclass(frozen=True)
class Order:
    """What is to be grown.

    Attributes:
        size: Height and width in pixels.
        frames: How many; 0 for no end.
        fps: Frames a second.
        target: Where to.
        record: Where a JSON about it goes, None for nowhere.
    """

    size: tuple[int, int]
    frames: int
    fps: float
    target: Path
    record: Path | None

    @classmethod
    def read(cls, size: str, frames: int | None, fps: float, out: Path | None) -> "Order":
        """Make sense of what the command line says.

        Raises:
            UsageError: The size is none, or so many frames cannot be written there.

        Example:
            >>> order = Order.read("320x200", 1, 25, None)
            >>> order.size, str(order.target), str(order.record)
            ((200, 320), 'texture.png', 'texture.json')
        """
        found = _SIZE.fullmatch(size.strip().lower())
        width, height = (int(side) for side in found.groups()) if found else (0, 0)
        if not width or not height:
            raise UsageError(
                f"--size {size} is no size", why="it is pixels across x pixels down", hint="--size 512x512"
            )
        if width * height > _MOST:
            raise UsageError(
                f"--size {size} is too large",
                why=f"{_MOST:,} pixels a frame are the most",
                hint="--size 4096x4096",
            )
        picture = out is not None and _is_picture(out)
        if frames is None:
            frames = 1 if picture or out is None else 0 if out == STDOUT else _FRAMES
        if picture and frames != 1:
            raise UsageError(
                f"-o {out} is one picture, not {frames or 'endlessly many'}",
                hint=f"-o {out.with_suffix('.mp4') if out else ''}, or -o frames/%05d.png",
            )
        if not frames and out != STDOUT:
            raise UsageError(
                "--frames 0 never ends", why="no file holds that", hint="-o -, for a pipe to another program"
            )
        target = out or Path("texture.png" if frames == 1 else "texture.mp4")
        return cls((height, width), frames, fps, target, None if out else Path("texture.json"))


def grow(
    order: Order, model: Path, options: TextureRun, *, overwrite: bool, device: Literal["auto", "cpu", "cuda"]
) -> None:
    """Grow a texture and write it; memory does not grow with the number of frames.

    Raises:
        SeqimgError: The model or the output cannot be used.
    """
    if options.tileable:
        check_tileable(order.size)
    check_targets(order.target, order.record, overwrite=overwrite)
    where = chosen_device(device)
    loaded = modelfolder.load(model, task="texture", device=where)
    output().say(device_sentence(where, device))
    if sentence := kernel_sentence(loaded.model, where, streaming=True):
        output().say(sentence)
    summary: dict[str, object] = {
        "task": "texture",
        "model": str(model),
        "output": str(order.target),
        "width": order.size[1],
        "height": order.size[0],
        "fps": order.fps,
        "options": options.model_dump(mode="json"),
    }
    with output().progress("Growing", total=order.frames or None) as bar:
        pictures = _pictures(Stream(loaded.model, where), loaded.config.channels, order, options, bar)
        saved = _write(pictures, order, loaded.config.channels, overwrite)
    summary |= {"frames_written": saved.frame_count, "codec": saved.codec, "notes": list(saved.notes)}
    if saved.notes:
        output().say(f"Written with {', '.join(saved.notes)}.")
    if order.record is not None:
        with publish_file(order.record, overwrite=overwrite) as temporary:
            write_json(temporary, summary)
    if order.target != STDOUT:
        many = f" ({saved.frame_count} frames)" if saved.frame_count != 1 else ""
        output().data(summary, f"Saved {order.target}{many}")
    output().hint(_next(order, model, options))


def check_alone(source: str, **given: object) -> None:
    """Refuse options that say what a sequence says already.

    Raises:
        UsageError: One is given.
    """
    for name, value in given.items():
        if value is not None:
            raise UsageError(
                f"--{name} does not go with {source}",
                why="the texture gets that of the sequence",
                hint="leave one out",
            )


def grow_beside(
    source: str,
    model: Path,
    options: TextureRun,
    *,
    reading: ReadingConfig,
    out: Path | None,
    overwrite: bool,
    device: Literal["auto", "cpu", "cuda"],
) -> None:
    """Grow a texture of the size, rate and length of a sequence, as any task's `run` does."""
    from seqimg.cli.run import run

    spec = plugin_host().tasks.get("texture")
    run(spec, source, model, options, reading=reading, out=out, overwrite=overwrite, device=device)


def _is_picture(path: Path) -> bool:
    """Tell whether a file of that name holds one frame; `%` numbers several."""
    spec = by_suffix(path.name, "writer")
    return spec is not None and spec.name == "picture" and "%" not in path.name


def _pictures(stream: Stream, channels: int, order: Order, options: TextureRun, bar: Bar) -> Iterator[Pixels]:
    """Yield the frames as they are written, `[H, W, C]` uint8."""
    blank = torch.empty(1, 1, 1).expand(channels, *order.size)
    moments = range(order.frames) if order.frames else count()
    seen = (Seen(blank, index, index / order.fps) for index in moments)
    for shown in alive(stream, seen, options):
        if shown.picture is not None:
            yield to_frame(shown.picture, "uint8", (0, 255))
            bar.advance(1)


def _write(pictures: Iterator[Pixels], order: Order, channels: int, overwrite: bool) -> SavedSequence:
    if order.target != STDOUT:
        return save_sequence(pictures, order.target, fps=order.fps, value_range=(0, 255), overwrite=overwrite)
    height, width = order.size
    info = SequenceInfo(
        path="texture",
        format="frames",
        height=height,
        width=width,
        channels=channels,
        dtype="uint8",
        value_range=(0, 255),
        fps=Fraction(order.fps).limit_denominator(1001),
    )
    return pipe_pixels(pictures, info, endless=True)


def _next(order: Order, model: Path, options: TextureRun) -> str:
    """Return the command to try next."""
    if order.frames == 1:
        return command("seqimg", "texture", "run", "--model", model, "--frames", "250", "-o", "texture.mp4")
    return command(
        "seqimg", "texture", "run", "--model", model, "--seed", str(options.seed + 1), "--tileable"
    )
