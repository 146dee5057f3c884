"""What a run over many sequences says: what was found, how far it is, what came of it."""

from itertools import islice
from time import monotonic
from typing import Any

from seqimg.batch.recipe import Outcome
from seqimg.batch.results import REPORT, Results
from seqimg.batch.sources import Many
from seqimg.cli.output import Bar, Output, command, on_one_line, output
from seqimg.errors import SeqimgError

__all__ = ["Meter", "conclude", "crew_sentence", "found_sentence"]

_LISTED = 10  # failures that are printed; the report has all
_SAY_EVERY = 30.0  # seconds, where there is no bar


class Meter:
    """How far it is, as a bar, or as a line now and then where nobody can see one."""

    def __init__(self, bar: Bar, out: Output, total: int) -> None:
        self._bar, self._out, self._total = bar, out, total
        self._began = self._said = monotonic()
        self._shown = 0

    def show(self, outcome: Outcome | None, counts: Any) -> None:
        """Show what was done up to now; outcome None is the end."""
        done = counts["done"] + counts["failed"]
        passed = done + counts["already_there"]
        now = monotonic()
        speed = done / max(now - self._began, 1e-9)
        failed = f", {counts['failed']} failed" if counts["failed"] else ""
        self._bar.advance(passed - self._shown, speed=f"{speed:.3g} files/s{failed}")
        self._shown = passed
        if not self._bar.visible and outcome is not None and now - self._said >= _SAY_EVERY:
            self._said = now
            left = (self._total - passed) / max(speed, 1e-9)
            self._out.say(
                f"{passed} of {self._total} sequences, {speed:.3g} files/s{failed}, about {_duration(left)} left"
            )


def conclude(results: Results, about: dict[str, Any]) -> None:
    """Say what came of it all, and end with an error if something failed."""
    counts = results.counts
    first = list(islice(results.failures(), _LISTED))
    for row in first:
        reason = ": ".join(filter(None, (row["error"]["message"], row["error"]["why"])))
        named = row["source"] in reason
        output().warn(on_one_line(reason if named else f"{row['source']}: {reason}"))
    if counts["failed"] > len(first):
        output().warn(f"and {counts['failed'] - len(first)} more, in {results.folder / REPORT}")
    names = ("found", "already_there", "done", "failed", "retried", "frames_read", "frames_written")
    said = {
        **{name: counts[name] for name in names},
        **about,
        "output": str(results.folder),
        "failures": first,
    }
    there = f", {counts['already_there']} were there" if counts["already_there"] else ""
    failed = f", {counts['failed']} failed" if counts["failed"] else ""
    output().data(said, f"Saved {results.folder} ({counts['done']} of {counts['found']} done{there}{failed})")
    if counts["failed"]:
        raise SeqimgError(
            f"{counts['failed']} of {counts['found']} sequences failed",
            why=f"the others are done; all reasons are in {results.folder / REPORT}",
            hint=command("seqimg", "data", "check", first[0]["source"]),
        )


def found_sentence(many: Many, total: int) -> str:
    """Say what the source was taken for.

    Example:
        >>> from pathlib import Path
        >>> found_sentence(Many("clips", "folder", Path("clips"), Path("out")), 3)
        'Took clips as a folder of 3 sequences; results go to out.'
    """
    what = {"folder": "a folder of", "pattern": "a pattern that fits", "list": "a list of"}[many.kind]
    count = f"{total} sequence" + "s" * (total != 1)
    return f"Took {on_one_line(many.source)} as {what} {count}; results go to {many.results}."


def crew_sentence(device: str, workers: int, threads: int) -> str:
    """Say who computes where.

    Example:
        >>> crew_sentence("cpu", 4, 1)
        'Computing on the CPU with 4 workers of 1 thread each.'
    """
    what = "the GPU" if device == "cuda" else "the CPU"
    crew = f"{workers} worker" + "s" * (workers != 1)
    return f"Computing on {what} with {crew} of {threads} thread{'s' * (threads != 1)} each."


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
