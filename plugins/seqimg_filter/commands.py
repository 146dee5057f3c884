"""What `seqimg filter run` and `seqimg filter shapes` do with a command line."""

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seqimg.cli.output import as_word, command, output
from seqimg.cli.targets import STDOUT, check_stdout
from seqimg.config import ReadingConfig
from seqimg.errors import UsageError
from seqimg.masking import masked
from seqimg.publish import check_writable, publish_file
from seqimg.sequences import ASSUMED_FPS, Moment, Span, is_still, open_configured
from seqimg.sequences import Sequence as Source
from seqimg.sequences.pictures.patterns import is_pattern
from seqimg_filter.chain import Chain
from seqimg_filter.running import Filtered, filter_sequence, pipe_sequence

__all__ = ["Request", "run_filter", "run_shapes"]


@dataclass(frozen=True)
class Request:
    """What both commands are asked for.

    Attributes:
        source: The sequence.
        ops: Operations in words.
        chain_file: Or in a file.
        start: Where to begin.
        end: Where to end.
        workers: Processes.
        overwrite: Whether what is there may be replaced.
        reading: How sequences are read.
    """

    source: str
    ops: Sequence[str]
    chain_file: Path | None
    start: str | None
    end: str | None
    workers: int
    overwrite: bool
    reading: ReadingConfig

    def chain(self) -> Chain:
        """Return the operations; those of the file first.

        Raises:
            SeqimgError: One is none, or the file cannot be read.
        """
        before = Chain.read(self.chain_file).calls if self.chain_file is not None else ()
        return Chain((*before, *Chain.parse(self.ops).calls))

    @property
    def span(self) -> Span:
        """Which frames."""
        start = None if self.start is None else Moment.parse(self.start)
        return Span(start, None if self.end is None else Moment.parse(self.end))

    @contextmanager
    def opened(self) -> Iterator[Source]:
        """Open the source, and say what was read and what was lost."""
        with open_configured(self.source, self.reading, stills=True) as sequence:
            output().say(sequence.info.sentence())
            yield sequence
            if losses := sequence.losses():
                output().warn(losses)

    def total(self, sequence: Source) -> int | None:
        """Return how many frames will be read, as far as can be told."""
        count, rate = sequence.info.frame_count, sequence.info.fps or ASSUMED_FPS
        if count is None:
            return None
        first = 0 if self.span.start is None else self.span.start.place(rate)
        last = count if self.span.end is None else min(count, self.span.end.place(rate))
        return max(1, last - first)

    def stem(self) -> str:
        """Return what results are called after."""
        if is_pattern(self.source) and not Path(self.source).exists():
            return re.sub(r"[^\w.-]+", "-", Path(self.source).stem).strip("-") or "frames"
        if "://" in self.source or self.source.startswith("camera:") or self.source == "-":
            return (
                re.sub(r"[^\w.-]+", "-", Path(masked(self.source).partition("?")[0]).stem).strip("-")
                or "video"
            )
        path = Path(self.source).absolute()
        return path.name if path.is_dir() else path.stem


def _opened_beside(source: str, request: Request) -> Source:
    """Open a sequence that goes with the first; one picture is a sequence of one frame."""
    path = Path(source)
    # How an array is read means nothing for a video beside it.
    alike = path.suffix.lower() == Path(request.source).suffix.lower()
    reading = request.reading if alike else ReadingConfig(on_error=request.reading.on_error)
    return open_configured(source, reading, stills=True)


def run_filter(
    request: Request,
    *,
    beside: Sequence[str],
    out: Path | None,
    quality: int | None,
    keep_audio: bool,
    save_chain: Path | None,
) -> None:
    """Apply operations as the command line says, and tell what was done.

    Raises:
        SeqimgError: The sequence, an operation or the output cannot be used. Nothing is left behind.
    """
    chain = request.chain()
    if not chain.calls:
        raise UsageError("no operation is named", hint="--op gaussian:sigma=2, or seqimg filter list")
    target = out or Path(f"{request.stem()}.filter{'.png' if is_still(request.source) else '.mp4'}")
    if target == STDOUT:
        check_stdout(keep_audio=keep_audio, quality=quality)
    for path in (target, save_chain):
        if path is not None and path != STDOUT:
            check_writable(path, overwrite=request.overwrite)
    with ExitStack() as opened:
        sequence = opened.enter_context(request.opened())
        others = [opened.enter_context(_opened_beside(other, request)) for other in beside]
        for other in others:
            output().say(other.info.sentence())
        with output().progress("Filtering", total=request.total(sequence)) as bar:
            words: dict[str, Any] = {
                "others": others,
                "span": request.span,
                "workers": request.workers,
                "advance": lambda: bar.advance(),
            }
            if target == STDOUT:
                done = pipe_sequence(sequence, sys.stdout.buffer, chain, say=output().say, **words)
            else:
                kept: dict[str, Any] = {
                    "overwrite": request.overwrite,
                    "keep_audio": keep_audio,
                    "quality": quality,
                }
                done = filter_sequence(sequence, target, chain, **kept, **words)
    if save_chain is not None:
        with publish_file(save_chain, overwrite=request.overwrite) as temporary:
            temporary.write_text(chain.to_toml(), "utf-8")
        output().say(f"Chain saved to {save_chain}.")
    for note in done.notes:
        output().say(f"Note: {note}.")
    if target != STDOUT:
        about = {"source": masked(request.source), "with": [masked(other) for other in beside]}
        lost = [asdict(one) for one in sequence.damage]
        summary = {**about, "output": str(target), **_figures(chain, done), "frames_lost": lost}
        frames = "" if is_still(str(target)) else f" ({done.saved.frame_count} frames)"
        output().data(summary, f"Saved {target}{frames}")
        _look_at(target)


def _look_at(path: Path) -> None:
    """Say how to look at what was written; a picture explains itself."""
    if not is_still(str(path)):
        output().hint(command("seqimg", "data", "info", as_word(path)))


def _figures(chain: Chain, done: Filtered) -> dict[str, object]:
    return {
        "operations": [str(call) for call in chain.calls],
        "frames_read": done.frames_read,
        "frames_written": done.saved.frame_count,
        "codec": done.saved.codec,
        "notes": list(done.notes),
    }


def run_shapes(
    request: Request,
    *,
    out: Path | None,
    threshold: str,
    dark: bool,
    areas: tuple[int, int | None],
    kinds: Sequence[str],
    inside: bool,
) -> None:
    """Find shapes as the command line says, and tell what was found.

    Raises:
        SeqimgError: The sequence, an option or the output cannot be used. Nothing is left behind.
    """
    from seqimg_filter.finding import Targets, find_shapes
    from seqimg_filter.shapes import Wanted

    chain = request.chain()
    wanted = Wanted(
        threshold=threshold,
        dark=dark,
        min_area=areas[0],
        max_area=areas[1],
        kinds=tuple(kinds),
        inside=inside,
    )
    targets = Targets.of(out, request.stem(), still=is_still(request.source))
    if targets.rows != STDOUT:
        for path in targets.paths:
            check_writable(path, overwrite=request.overwrite)
    with (
        request.opened() as sequence,
        output().progress("Finding shapes", total=request.total(sequence)) as bar,
    ):
        found = find_shapes(
            sequence,
            targets,
            wanted,
            chain,
            span=request.span,
            workers=request.workers,
            overwrite=request.overwrite,
            about={"source": masked(request.source), "operations": [str(call) for call in chain.calls]},
            advance=lambda: bar.advance(),
        )
    counts = ", ".join(f"{count} {kind}" for kind, count in found["kinds"].items()) or "none"
    frames = "1 frame" if found["frames_read"] == 1 else f"{found['frames_read']} frames"
    output().say(f"{found['shapes']} shapes in {frames}: {counts}.")
    for note in found["notes"]:
        output().say(f"Note: {note}.")
    if targets.rows == STDOUT:
        return
    last = targets.paths[-1]
    output().data(found, f"Saved {' and '.join(map(str, targets.paths))}")
    if last != targets.drawn:
        drawn = str(Targets.of(None, request.stem(), still=is_still(request.source)).drawn)
        output().hint(command("seqimg", "filter", "shapes", as_word(request.source), "-o", drawn))
    else:
        _look_at(last)
