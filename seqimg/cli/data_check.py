"""The work of `seqimg data check`."""

from collections.abc import Iterator
from collections.abc import Sequence as Several
from dataclasses import asdict
from itertools import count, islice
from pathlib import Path

from seqimg.cli.data_check_boxes import BoxesCheck, check_boxes
from seqimg.cli.data_check_boxes import rows as boxes_rows
from seqimg.cli.output import Table, as_word, command, on_one_line, output
from seqimg.config import ReadingConfig
from seqimg.errors import CheckFailedError
from seqimg.publish import check_writable, publish_file, write_json
from seqimg.sequences.base import SequenceError
from seqimg.sequences.checkup import MISSING, Checkup, check_sequence
from seqimg.sequences.discovery import find_sequences

__all__ = ["check"]

_SHOWN_EVERY = 50  # frames
_LISTED = 8  # losses of one sequence that are printed; the report has all


def check(
    paths: Several[str], reading: ReadingConfig, *, recursive: bool, out: Path | None, overwrite: bool
) -> None:
    """Read everything, print what is damaged, and write the report.

    Raises:
        CheckFailedError: Something is, after everything was printed.
        SeqimgError: There is nothing to check, or the report cannot be written.
    """
    if out is not None:
        check_writable(out, overwrite=overwrite)
    sets = [one for path in paths if (one := check_boxes(path, reading, strict=len(paths) == 1)) is not None]
    boxed = {one.path: one.sequences for one in sets}
    sequences = [
        path for name in paths for path in (boxed[name] if name in boxed else _named([name], recursive))
    ]
    found: list[Checkup] = []
    with output().progress("Checking", total=len(sequences)) as bar:
        read = count(1)

        def advance() -> None:
            if (frames := next(read)) % _SHOWN_EVERY == 0:
                bar.advance(0, frames=frames)

        for path in sequences:
            found.append(check_sequence(path, reading, strict=len(sequences) == 1, advance=advance))
            bar.advance()
    report = {"sequences": [asdict(checkup) for checkup in found], "summary": _summary(found)}
    if sets:
        report["boxes"] = [{**asdict(one), "problems": one.problems} for one in sets]
    if out is not None:
        with publish_file(out, overwrite=overwrite) as temporary:
            write_json(temporary, report)
    lines = [row for one in sets for row in boxes_rows(one)]
    output().data(report, Table(_COLUMNS, lines + [row for checkup in found for row in _rows(checkup)]))
    output().say(_sentence(found))
    if out is not None:
        output().say(f"Saved {out}")
    _judge(found)
    _judge_boxes(sets)
    output().hint(command("seqimg", "data", "info", as_word(sequences[0])))


def _named(paths: Several[str], recursive: bool) -> Iterator[str]:
    for path in paths:
        if not (recursive and Path(path).is_dir()):
            yield path
            continue
        inside = [str(found) for found in find_sequences(Path(path))]
        if not inside:
            raise SequenceError(
                f"{path} holds no sequences", why="no video, array or folder of pictures is in it"
            )
        yield from inside


_COLUMNS = ("sequence", "in", "out", "lost", "what")


def _rows(checkup: Checkup) -> Iterator[list[str]]:
    """Yield one line for a sequence, and one more for each loss."""
    more = "+" if checkup.uncounted else ""
    counts = [f"{checkup.frames + checkup.lost}{more}", str(checkup.frames), f"{checkup.lost}{more}"]
    what = checkup.state if checkup.reason is None else f"{checkup.state}: {checkup.reason}"
    if checkup.stated is not None:
        what += f"; it states {checkup.stated} frames"
    if checkup.state == "unreadable":
        counts = ["", "", ""]
    yield [on_one_line(checkup.path), *counts, on_one_line(what)]
    if checkup.state == "unreadable":
        return
    for lost in checkup.damage[:_LISTED]:
        where = f"from frame {lost.index}" if lost.count != 1 else f"frame {lost.index}"
        yield [
            "",
            "",
            "",
            "all" if lost.count is None else str(lost.count),
            on_one_line(f"{where}: {lost.reason}"),
        ]
    if len(checkup.damage) > _LISTED:
        yield ["", "", "", "", f"and {len(checkup.damage) - _LISTED} more"]


def _summary(found: Several[Checkup]) -> dict[str, int]:
    states = [checkup.state for checkup in found]
    return {
        "sequences": len(found),
        "whole": states.count("whole"),
        "damaged": states.count("damaged"),
        "unreadable": states.count("unreadable"),
        "frames_in": sum(checkup.frames + checkup.lost for checkup in found),
        "frames_out": sum(checkup.frames for checkup in found),
        "frames_lost": sum(checkup.lost for checkup in found),
    }


def _sentence(found: Several[Checkup]) -> str:
    counts = _summary(found)
    more = " and more that nobody can count" if any(checkup.uncounted for checkup in found) else ""
    judged = ", ".join(
        f"{counts[state]} {state}" for state in ("whole", "damaged", "unreadable") if counts[state]
    )
    return (
        f"Checked {_plural(len(found), 'sequence')}: {judged}. {_plural(counts['frames_in'], 'frame')} ="
        f" {counts['frames_out']} read + {counts['frames_lost']} lost{more}."
    )


def _judge(found: Several[Checkup]) -> None:
    bad = [checkup for checkup in found if checkup.state != "whole"]
    if not bad:
        return
    first = bad[0]
    reason = first.reason or f"frame {first.damage[0].index}: {first.damage[0].reason}"
    folder = next(
        (checkup.path for checkup in bad if checkup.frames == 0 and _holds_some(checkup.path)), None
    )
    readable = next((checkup for checkup in bad if checkup.state == "damaged"), None)
    raise CheckFailedError(
        f"{len(bad)} of {_plural(len(found), 'sequence')} {'is' if len(bad) == 1 else 'are'} not whole",
        why=f"{first.path}: {reason}",
        hint=command("seqimg", "data", "check", "--recursive", as_word(folder))
        if folder is not None
        else command("seqimg", "data", "convert", as_word(readable.path), "whole.mp4", *_policies(readable))
        if readable is not None
        else None,
    )


def _judge_boxes(sets: Several[BoxesCheck]) -> None:
    bad = [one for one in sets if one.problems]
    if bad:
        raise CheckFailedError(
            f"the boxes of {bad[0].path} are not in order",
            why="; ".join(bad[0].problems[:3]),
            hint=None
            if not bad[0].unusable
            else "mend them, or leave such sequences out with --on-error skip",
        )


def _policies(checkup: Checkup) -> list[str]:
    """Return the options with which what is left can be read."""
    gaps = any(lost.reason == MISSING for lost in checkup.damage)
    damage = not gaps or any(lost.reason != MISSING for lost in checkup.damage)
    return ["--on-error", "skip"] * damage + ["--gaps", "skip"] * gaps


def _holds_some(path: str) -> bool:
    """Tell whether a folder that is no sequence itself has sequences in it."""
    place = Path(path)
    return place.is_dir() and any(found != place for found in islice(find_sequences(place), 2))


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
