"""The work of `seqimg filter shapes`."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from itertools import chain as chain_of
from pathlib import Path
from typing import Any

from seqimg.errors import UsageError
from seqimg.rows import ROW_FORMATS, JsonLinesRows, RecordRows, RowsFile, rows_file
from seqimg.sequences import ASSUMED_FPS, Span, TimedFrame, open_writer
from seqimg.sequences import Sequence as Source
from seqimg.sequences.base import SequenceError
from seqimg.sequences.formats import by_suffix
from seqimg.sequences.publishing import PublishingWriter
from seqimg_filter.chain import Chain
from seqimg_filter.outlining import Drawer
from seqimg_filter.pipeline import Pipeline
from seqimg_filter.pixels import Floats, has_alpha, to_values
from seqimg_filter.running import EVERYTHING, Reading
from seqimg_filter.shapes import COLUMNS, Finder, Shape, Wanted, rows_of

__all__ = ["Targets", "find_shapes"]


@dataclass(frozen=True)
class Targets:
    """What is written.

    Attributes:
        rows: A file of rows; `-` for standard output, a line of JSON each.
        drawn: Frames with the shapes drawn.
        record: Whether the rows stand in an object with what there is to say of the work.
    """

    rows: Path | None
    drawn: Path | None
    record: bool = False

    @classmethod
    def of(cls, out: Path | None, stem: str, *, still: bool = False) -> "Targets":
        """Return what `-o` names: rows or a video, by its ending; both without it, of one picture a picture.

        Raises:
            UsageError: Nothing can be written there.
        """
        if str(out) == "-":
            return cls(out, None)
        if out is None:
            return cls(
                Path(f"{stem}.shapes.json"), Path(f"{stem}.shapes{'.png' if still else '.mp4'}"), record=True
            )
        if out.suffix.lower() in ROW_FORMATS:
            return cls(out, None)
        if not out.suffix or by_suffix(out.name, "writer") is not None:
            return cls(None, out)
        raise UsageError(
            f"cannot write {out}",
            why=f"rows go to {', '.join(ROW_FORMATS)}, drawings to a video",
            hint="-o shapes.csv",
        )

    @property
    def paths(self) -> list[Path]:
        """All of them, the drawings last."""
        return [path for path in (self.rows, self.drawn) if path is not None]


def find_shapes(
    sequence: Source,
    targets: Targets,
    wanted: Wanted,
    chain: Chain,
    *,
    span: Span = EVERYTHING,
    workers: int = 0,
    overwrite: bool = False,
    about: Mapping[str, Any],
    advance: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """Find the shapes of every frame, write rows and drawings, and return what there is to say of it.

    Args:
        sequence: The source.
        targets: Where to.
        wanted: Which shapes.
        chain: Operations that come first.
        span: Which frames.
        workers: Processes for the operations.
        overwrite: Whether what is there may be replaced.
        about: More to say of the work.
        advance: Called after each frame that was read.

    Raises:
        SeqimgError: A frame cannot be read or worked on, or a target cannot be written. Nothing is left behind.
    """
    info = sequence.info
    pipeline, reading = Pipeline(chain, info), Reading(sequence, span, advance)
    kinds: Counter[str] = Counter()
    finder = Finder(wanted, pipeline.info.channels - has_alpha(pipeline.info))
    with ExitStack() as opened:
        frames = opened.enter_context(closing(pipeline.frames(iter(reading), workers)))
        first = next(frames, None)
        if first is None:
            raise SequenceError(f"{info.path} gave no frames", why="there are none")
        writers = _Writers(opened, targets, pipeline, sequence, overwrite)
        for frame in chain_of([first], frames):
            values = to_values(frame.pixels, pipeline.info)
            shapes = finder(values)
            kinds.update(shape.kind for shape in shapes)
            writers.write(frame, values, shapes, frame.time - first.time)
        summary = {
            **about,
            "outputs": [str(path) for path in targets.paths],
            "frames_read": reading.count,
            "frames_lost": [asdict(lost) for lost in sequence.damage],
            "shapes": kinds.total(),
            "kinds": dict(sorted(kinds.items())),
            "wanted": asdict(wanted),
            "fps": float(info.fps or ASSUMED_FPS),
        }
        if writers.record is not None:
            writers.record.summary = summary
    return {**summary, "notes": [*pipeline.notes(), *writers.notes()]}


class _Writers:
    """The open files."""

    def __init__(
        self, opened: ExitStack, targets: Targets, pipeline: Pipeline, sequence: Source, overwrite: bool
    ) -> None:
        info = sequence.info
        self._timed = info.fps is not None
        self.record: RecordRows | None = None
        self.rows: RowsFile | None = None
        self.drawn: PublishingWriter | None = None
        self.drawer = Drawer(pipeline.info)
        if targets.drawn is not None:
            self.drawn = opened.enter_context(
                open_writer(
                    targets.drawn,
                    fps=info.fps,
                    value_range=self.drawer.info.value_range,
                    fill_value=self.drawer.info.fill_value,
                    overwrite=overwrite,
                    pixel_aspect=info.pixel_aspect,
                )
            )
        if str(targets.rows) == "-":
            self.rows = RowsFile(_AtOnce(), JsonLinesRows(COLUMNS, {}))
        elif targets.rows is not None:
            make = RecordRows if targets.record else ROW_FORMATS[targets.rows.suffix.lower()]
            writer = make(COLUMNS, {"path": info.path, "width": info.width, "height": info.height})
            self.record = writer if isinstance(writer, RecordRows) else None
            self.rows = opened.enter_context(rows_file(targets.rows, writer, overwrite=overwrite))

    def write(self, frame: TimedFrame, values: Floats, shapes: Sequence[Shape], time: float) -> None:
        """Write the rows of a frame, and the frame with its shapes drawn, at a time after the first."""
        if self.rows is not None:
            self.rows.add(rows_of(shapes, frame.index, frame.time))
        if self.drawn is not None:
            self.drawn.write(self.drawer(values, shapes), time if self._timed else None)

    def notes(self) -> tuple[str, ...]:
        return () if self.drawn is None else self.drawn.saved.notes


class _AtOnce:
    """Standard output, where each row shows as soon as it is known."""

    def write(self, text: str) -> None:
        if text:
            print(text, end="", flush=True)
