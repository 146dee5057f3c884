"""Run folders as they lie on the disk, whoever wrote them: read with care, one line at a time.

Nothing here needs torch, and nothing grows with the length of a run.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from seqimg.config.written import read_written
from seqimg.errors import SeqimgError

__all__ = ["Record", "Series", "is_run", "read_run"]

_CONFIG, _ENVIRONMENT, _METRICS, _LOCK = "config.toml", "environment.json", "metrics.jsonl", ".lock"
_MAX_JSON = 10_000_000  # bytes of one file of JSON, or of one line
_MOST_POINTS = 2000  # of a series, which is thinned evenly beyond it

State = Literal["running", "finished", "unfinished", "damaged"]


class Series:
    """Values over steps, thinned evenly so that memory stays constant.

    Example:
        >>> series = Series()
        >>> for step in range(1, 10_001):
        ...     series.add(step, step / 2)
        >>> len(series.points) <= 2000, series.points[0], series.last
        (True, (1, 0.5), (10000, 5000.0))
    """

    def __init__(self) -> None:
        self.points: list[tuple[int, float]] = []
        self.last: tuple[int, float] | None = None
        self._every, self._count = 1, 0

    def add(self, step: int, value: float) -> None:
        """Append one value."""
        self.last = (step, value)
        if self._count % self._every == 0:
            self.points.append(self.last)
            if len(self.points) > _MOST_POINTS:
                self.points, self._every = self.points[::2], self._every * 2
        self._count += 1


@dataclass
class Record:
    """What a run folder says of its run.

    Attributes:
        folder: The folder.
        state: `running` while a process holds the folder, `finished` with a model folder, `unfinished` without,
            `damaged` if a file cannot be read.
        task: The task's name; empty if it is not known.
        config: Each value and where it came from.
        environment: What `environment.json` holds.
        started: When the run began, as far as its files tell.
        steps: Steps done.
        planned: Steps planned.
        frames_per_second: Frames trained on per second, over all steps.
        data_share: Share of the time that steps waited for data.
        best_step: The step whose weights were chosen; 0 before the first validation.
        best: Validation metrics of that step, the leading one first.
        loss: Training loss over steps.
        validation: Each validation metric over steps.
        problems: What is wrong with the files, in a line each.
    """

    folder: Path
    state: State = "unfinished"
    task: str = ""
    config: Mapping[str, tuple[object, str]] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    started: datetime | None = None
    steps: int = 0
    planned: int = 0
    frames_per_second: float = 0.0
    data_share: float = 0.0
    best_step: int = 0
    best: dict[str, float] = field(default_factory=dict)
    loss: Series = field(default_factory=Series)
    validation: dict[str, Series] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def leading(self) -> str:
        """Name of the metric that chose the best step; empty before the first validation."""
        return next(iter(self.best), "")


def is_run(folder: Path) -> bool:
    """Say whether a folder is a run's, be it whole or not."""
    return (folder / _METRICS).is_file() or (
        (folder / _CONFIG).is_file() and (folder / _ENVIRONMENT).is_file()
    )


def read_run(folder: Path) -> Record:
    """Read a run folder; what is wrong with it is noted, not raised.

    Example:
        >>> record = read_run(Path(tmp))
        >>> record.state, record.problems[0]
        ('damaged', 'config.toml is missing')
    """
    record = Record(folder)
    try:
        record.task, record.config = read_written(folder / _CONFIG)
    except SeqimgError as error:
        record.problems.append(_problem(folder / _CONFIG, error.why or error.message))
    try:
        record.environment = _read_json(folder / _ENVIRONMENT)
    except (OSError, ValueError, RecursionError) as error:
        record.problems.append(_problem(folder / _ENVIRONMENT, _reason(error)))
    record.started = _started(record)
    try:
        _read_metrics(record)
    except (OSError, ValueError, RecursionError) as error:
        record.problems.append(_problem(folder / _METRICS, _reason(error)))
    finished = (folder / "model" / "config.json").is_file()
    if record.problems:
        record.state = "damaged"
    elif _is_held(folder / _LOCK):
        record.state = "running"
    else:
        record.state = "finished" if finished else "unfinished"
    return record


def _is_held(lock: Path) -> bool:
    """Whether a process trains into the folder; False where the system or the disk has no locks."""
    try:
        import fcntl
    except ImportError:
        return False
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _read_json(path: Path) -> dict[str, Any]:
    with path.open("rb") as handle:
        content = handle.read(_MAX_JSON + 1)
    if len(content) > _MAX_JSON:
        raise ValueError(f"it has over {_MAX_JSON:,} bytes")
    return _parse(content)


def _parse(content: bytes) -> dict[str, Any]:
    value = json.loads(content.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite)
    if not isinstance(value, dict):
        raise ValueError("it holds no JSON object")
    return value


def _finite(digits: str) -> float:
    value = float(digits)
    return value if isfinite(value) else _refuse_constant(digits)


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word:.40} is no number of JSON")


def _read_metrics(record: Record) -> None:
    number = 0
    with (record.folder / _METRICS).open("rb") as handle:
        while line := handle.readline(_MAX_JSON):
            number += 1
            if not line.endswith(b"\n"):
                if len(line) < _MAX_JSON:
                    return  # a run that was killed while it wrote: all before it counts
                raise ValueError(f"line {number} is too long")
            try:
                _add(record, _parse(line))
            except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
                raise ValueError(f"line {number}: {_reason(error)}") from error


def _add(record: Record, line: Mapping[str, Any]) -> None:
    if "step" not in line or "loss" not in line:
        return  # another kind of line, which a newer version may write
    step = int(line["step"])
    record.steps, record.planned = step, int(line.get("steps", 0))
    record.frames_per_second = _number(line.get("frames_per_second", 0.0))
    record.data_share = _number(line.get("data_share", 0.0))
    record.loss.add(step, _number(line["loss"]))
    metrics = {str(name): _number(value) for name, value in (line.get("validation") or {}).items()}
    for name, value in metrics.items():
        record.validation.setdefault(name, Series()).add(step, value)
    if metrics and int(line.get("best_step", 0)) == step:
        record.best_step, record.best = step, metrics


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError(f"{value!r:.40} is no finite number")
    return float(value)


def _started(record: Record) -> datetime | None:
    stated = record.environment.get("started")
    try:
        if isinstance(stated, str):
            return datetime.fromisoformat(stated).astimezone(UTC)
        # Written once, when the run begins.
        return datetime.fromtimestamp((record.folder / _ENVIRONMENT).stat().st_mtime, UTC)
    except (ValueError, OSError, OverflowError):
        return None


def _problem(path: Path, why: str) -> str:
    return f"{path.name} is missing" if not path.exists() else f"{path.name} cannot be read: {why}"


def _reason(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return (
        getattr(error, "strerror", None) or str(error).splitlines()[0] if str(error) else type(error).__name__
    )
