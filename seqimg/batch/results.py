"""The folder of results: each appears once, whole; a log and a report stand beside them.

| file | what |
|---|---|
| `seqimg-run.json` | the report of the last command: what was done, counts, every sequence that failed |
| `seqimg-run.jsonl` | the log of all commands: one line a sequence, with the frames that were left out |
| `.seqimg-run/` | what is being written; gone when the command ends |
"""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from seqimg.batch.holding import held
from seqimg.batch.recipe import Job, Outcome, is_hopeless
from seqimg.errors import SeqimgError
from seqimg.masking import masked
from seqimg.publish import check_writable, publish_file

__all__ = ["LOG", "REPORT", "Results"]

REPORT, LOG = "seqimg-run.json", "seqimg-run.jsonl"
_STAGING = ".seqimg-run"
_MOST_REPORT = 2**30  # bytes


class Results:
    """The folder of results, while one command works at it.

    Args:
        folder: The folder, which may not exist yet.
        overwrite: Whether results that are there are made again.
        recipe: What must be the same for results of another command to stay.

    Attributes:
        counts: How many sequences were `found`, `already_there`, `done`, `failed`, `retried`; frames `read`
            and `written`.
    """

    def __init__(self, folder: Path, *, overwrite: bool, recipe: Mapping[str, Any]) -> None:
        self.folder, self._overwrite, self._recipe = folder, overwrite, dict(recipe)
        self.counts: Counter[str] = Counter()
        self._staging = folder / _STAGING
        self._number = 0
        self._begin = 0

    @contextmanager
    def opened(self, about: Mapping[str, Any]) -> Iterator[None]:
        """Hold the folder for this command alone; whatever happens, the report is written at the end.

        Args:
            about: What the report says of the command.

        Raises:
            SeqimgError: The folder cannot be written, another command is at it, or its results are of
                another recipe.
        """
        self._check()
        self.folder.mkdir(parents=True, exist_ok=True)
        with held(self.folder):
            self._check_recipe()
            shutil.rmtree(self._staging, ignore_errors=True)  # of a command that was killed
            log = self.folder / LOG
            self._begin = log.stat().st_size if log.exists() else 0
            self._write_report(about, "running")
            try:
                yield
                self._write_report(about, "finished")
            except BaseException as error:
                ended = "interrupted" if isinstance(error, KeyboardInterrupt | GeneratorExit) else "failed"
                with suppress(SeqimgError):  # the error that ended it is the one to tell
                    self._write_report(about, ended)
                raise
            finally:
                shutil.rmtree(self._staging, ignore_errors=True)

    def job(self, source: str, output: str) -> Job | None:
        """Return the job that makes a result, or None if it is there."""
        self.counts["found"] += 1
        if not self._overwrite and os.path.lexists(self.folder / output):
            self.counts["already_there"] += 1
            return None
        self._number += 1
        staged = self._staging.absolute() / str(self._number) / Path(output).name
        return Job(source, output, str(staged))

    def take(self, outcome: Outcome) -> Outcome:
        """Put a result into its place, and write down what came of it; return that.

        Raises:
            SeqimgError: The disk is full, or the folder cannot be written any more.
        """
        staged = Path(outcome.job.staged)
        final = self.folder / outcome.job.output
        self.counts["retried"] += outcome.attempts > 1
        if outcome.error is None:
            outcome = self._placed(outcome, staged, final)
        elif str(staged) in outcome.error["message"]:
            # Where it was written first is nobody's business.
            message = outcome.error["message"].replace(str(staged), str(final))
            outcome = replace(outcome, error={**outcome.error, "message": message})
        if outcome.error is None:
            assert outcome.summary is not None
            self.counts["frames_read"] += outcome.summary["frames_read"]
            self.counts["frames_written"] += outcome.summary["frames_written"]
        elif self._overwrite and not outcome.fatal:
            _remove(final)  # it is not of this recipe
        self.counts["done" if outcome.error is None else "failed"] += 1
        shutil.rmtree(staged.parent, ignore_errors=True)
        self._append(outcome)
        if outcome.fatal:
            assert outcome.error is not None
            raise SeqimgError(**outcome.error)
        return outcome

    def failures(self) -> Iterator[dict[str, Any]]:
        """Yield what was written down of each sequence that failed in this command."""
        with suppress(FileNotFoundError), (self.folder / LOG).open(encoding="utf-8") as log:
            log.seek(self._begin)
            for line in log:
                row = json.loads(line)
                if row["error"] is not None:
                    yield row

    def _placed(self, outcome: Outcome, staged: Path, final: Path) -> Outcome:
        """Put a result into its place; return what came of it then."""
        try:
            self._place(staged, final)
        except OSError as error:
            why = error.strerror or str(error)
            if isinstance(error, FileNotFoundError) and not staged.exists():
                why = "what the worker wrote is not there: do all machines see the same folders?"
            words = {"message": f"cannot write {final}", "why": why, "hint": None}
            return replace(outcome, summary=None, error=words, fatal=is_hopeless(error))
        return outcome

    def _place(self, staged: Path, final: Path) -> None:
        """Rename a result into its place; one that is there already makes way only if it is to."""
        final.parent.mkdir(parents=True, exist_ok=True)
        aside = staged.with_name(".before")
        if os.path.lexists(final):
            if not self._overwrite:
                return  # a source was named twice
            os.rename(final, aside)
        try:
            os.rename(staged, final)
        finally:
            if os.path.lexists(aside) and not os.path.lexists(final):
                os.rename(aside, final)
        _sync(final.parent)

    def _append(self, outcome: Outcome) -> None:
        row = {
            "source": masked(outcome.job.source),
            "output": outcome.job.output,
            "attempts": outcome.attempts,
            "error": outcome.error,
            **(outcome.summary or {}),
        }
        with _explained(self.folder / LOG), (self.folder / LOG).open("ab") as log:
            log.write(json.dumps(row).encode("ascii") + b"\n")

    def _write_report(self, about: Mapping[str, Any], state: str) -> None:
        """Write the report, failures one by one, for there may be as many as sequences."""
        names = ("found", "already_there", "done", "failed", "retried", "frames_read", "frames_written")
        head = {
            "state": state,
            "recipe": self._recipe,
            "overwrite": self._overwrite,
            **about,
            **{name: self.counts[name] for name in names},
        }
        with (
            publish_file(self.folder / REPORT, overwrite=True) as temporary,
            temporary.open("w", encoding="ascii") as report,
        ):
            report.write(json.dumps(head, indent=2)[:-2] + ',\n  "failures": [')
            for at, row in enumerate(self.failures()):
                report.write((",\n    " if at else "\n    ") + json.dumps(row))
            report.write("\n  ]\n}\n")

    def _check(self) -> None:
        if os.path.lexists(self.folder) and not self.folder.is_dir():
            raise SeqimgError(f"{self.folder} is no folder", why="results of several sequences need one")
        check_writable(self.folder / REPORT, overwrite=True)
        log = self.folder / LOG
        # A line that a crash cut off must not take the next with it.
        if log.exists() and log.stat().st_size:
            with _explained(log), log.open("rb+") as file:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")

    def _check_recipe(self) -> None:
        """Refuse to mix results of this command with those of a different one."""
        before = _read_report(self.folder / REPORT)
        if before is None or self._overwrite:
            return
        other = _differences(before.get("recipe"), self._recipe)
        broken_off = before.get("overwrite") and before.get("state") != "finished"
        if not other and not broken_off:
            return
        why = (
            "a command with --overwrite was broken off: some are of an older one"
            if broken_off
            else f"they were made with different settings: {', '.join(other)}"
        )
        raise SeqimgError(
            f"{self.folder} holds results that cannot be added to",
            why=why,
            hint="--overwrite to make all anew, or -o another folder",
        )


def _differences(before: Any, now: Mapping[str, Any]) -> list[str]:
    """Return the names of values that are not the same, of groups those within."""
    found = before if isinstance(before, dict) else {}
    named: list[str] = []
    for name, value in now.items():
        if found.get(name) != value:
            named += (
                (_differences(found.get(name), value) or [name]) if isinstance(value, Mapping) else [name]
            )
    return named


def _read_report(path: Path) -> dict[str, Any] | None:
    try:
        if path.stat().st_size > _MOST_REPORT:
            return {}
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SeqimgError(f"cannot write {path}", why=error.strerror or str(error)) from error


def _sync(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
