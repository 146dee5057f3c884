"""Writing what a model makes of one sequence: a video of pictures, or a file of rows."""

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from seqimg.batch.application import Application
from seqimg.errors import UsageError
from seqimg.rows import ROW_FORMATS, RowsWriter, rows_file
from seqimg.sequences import save_sequence
from seqimg.sequences.publishing import SavedSequence
from seqimg.task import Shown

__all__ = ["row_formats", "row_writer", "summary_of", "write_answers"]


def row_formats(work: Application) -> Mapping[str, type[RowsWriter]]:
    """Return the endings that files of a work's rows may have; none if it says no rows."""
    return {**ROW_FORMATS, **work.task.row_formats()} if work.columns else {}


def row_writer(work: Application, name: str) -> RowsWriter | None:
    """Return what writes rows to a file of that name, or None if it is for pictures.

    Raises:
        UsageError: The ending is for rows, and the task has none.
    """
    formats = row_formats(work)
    endings = [ending for ending in formats if name.lower().endswith(ending)]
    if endings:
        return formats[max(endings, key=len)](work.columns, about(work))
    if any(name.lower().endswith(ending) for ending in ROW_FORMATS):
        raise UsageError(
            f"{work.task.name} cannot write {name}",
            why="it answers with pictures, not with rows",
            hint="-o out.mp4",
        )
    return None


def about(work: Application) -> dict[str, Any]:
    """Return what the rows of a work are about, for their writer."""
    info = work.source
    return {
        "task": work.task.name,
        "path": info.path,
        "width": info.width,
        "height": info.height,
        "fps": float(work.rate),
        "frame_count": info.frame_count,
        "labels": work.task.labels(),
    }


def write_answers(
    work: Application,
    target: Path,
    *,
    overwrite: bool,
    advance: Callable[[], object] = lambda: None,
    tell: Callable[[Shown], object] = lambda shown: None,
) -> dict[str, Any]:
    """Write what a model makes of a sequence, and return what there is to say of that.

    Args:
        work: The model at work.
        target: Where to: a file of rows if its ending is of one, else pictures.
        overwrite: Whether an existing file may be replaced.
        advance: Called after each frame that was read.
        tell: Told everything that the task says.

    Raises:
        SeqimgError: The sequence cannot be read, or the target not be written.
    """
    writer = row_writer(work, target.name)
    if writer is None:
        with closing(work.frames(advance, tell)) as frames:
            saved = save_sequence(
                frames, target, fps=work.rate, value_range=work.source.value_range, overwrite=overwrite
            )
        return summary_of(work, saved)
    with rows_file(target, writer, overwrite=overwrite) as rows, closing(work.shown(advance)) as answers:
        for shown in answers:
            rows.add(shown.rows)
            tell(shown)
    return {**summary_of(work, SavedSequence(target, 0, None, ())), "rows_written": rows.count}


def summary_of(work: Application, saved: SavedSequence) -> dict[str, Any]:
    """Return what there is to say of pictures that were written."""
    return {
        **work.summary(),
        "frames_written": saved.frame_count,
        "codec": saved.codec,
        "notes": list(saved.notes),
    }
