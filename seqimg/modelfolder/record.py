"""`config.json` of a model folder: written, read with distrust, brought to the newest layout."""

import re
import stat
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from seqimg import __version__
from seqimg.errors import SeqimgError, UnavailableError, did_you_mean
from seqimg.plugins.manager import plugin_host
from seqimg.plugins.reports import one_line
from seqimg.task import Task
from seqimg.tensorfiles import parse_json

__all__ = ["CONFIG", "FORMAT", "MAX_CONFIG_BYTES", "check_own", "new_record", "read_record"]

FORMAT = 2
"""Number of the layout that is written; all up to it are read."""

CONFIG = "config.json"
MAX_CONFIG_BYTES = 10_000_000
_LOOKED_AT = 1000  # entries of a folder among which a near name is looked for

_NEEDS = "0.1.0"  # the first seqimg that reads `FORMAT`
_VERSION = re.compile(r"\d[\w.+-]{0,30}")
_KEYS: dict[str, tuple[type, ...]] = {
    "task": (str,),
    "config": (dict,),
    "weights": (dict,),
    "plugin": (dict, type(None)),
    "preprocessing": (dict,),
    "labels": (list,),
    "metrics": (dict,),
    "training": (dict,),
}


def new_record(
    task: Task[Any, Any, Any], weights: Mapping[str, object], training: Mapping[str, object]
) -> dict[str, Any]:
    """Describe a model in the newest layout.

    Args:
        task: Its task.
        weights: What is said of the weights file.
        training: Plain values to keep.
    """
    return {
        "format": FORMAT,
        "seqimg": __version__,
        "needs": _NEEDS,
        "task": task.name,
        "plugin": _plugin(task.name),
        "config": task.config.model_dump(mode="json"),
        "preprocessing": _preprocessing(task.config.model_dump(mode="json")),
        "labels": list(task.labels()),
        "metrics": {
            "leading": task.leading_metric,
            "better": "higher" if task.metrics()[task.leading_metric].higher_is_better else "lower",
            "conventions": dict(task.conventions()),
            "validation": training.get("validation") or {},
        },
        "weights": dict(weights),
        "training": dict(training),
    }


def read_record(folder: Path) -> dict[str, Any]:
    """Read `config.json`, in the newest layout whatever it was written in.

    Raises:
        SeqimgError: It is missing, damaged, too large, or of a layout that this seqimg does not know.
    """
    if not folder.is_dir():
        why = "it is a file" if folder.exists() else "it does not exist"
        raise SeqimgError(f"{folder} is not a model folder", why=why, hint=_another(folder))
    path = folder / CONFIG
    try:
        record = parse_json(_content(path))
    except FileNotFoundError as error:
        hint = _another(folder)
        raise SeqimgError(f"{folder} is not a model folder", why=f"it has no {CONFIG}", hint=hint) from error
    except (OSError, ValueError, RecursionError) as error:
        raise SeqimgError(f"cannot read {path}", why=_reason(error)) from error
    record = _newest(record, folder)
    wrong = [key for key, kinds in _KEYS.items() if key not in record or not isinstance(record[key], kinds)]
    if not wrong and not all(isinstance(label, str) for label in record["labels"]):
        wrong = ["labels"]
    if wrong:
        raise SeqimgError(
            f"{path} is not a model's configuration", why=f"{', '.join(wrong)} missing or of a wrong kind"
        )
    return record


def check_own(path: Path) -> None:
    """Refuse a file of a model folder that is a link to somewhere else: who sends a folder sends what is in it.

    A cache of downloaded models is left alone, whose `snapshots/…` hold links to `blobs/` beside them.

    Raises:
        ValueError: It is such a link.
    """
    if not path.is_symlink():
        return
    folder = path.parent.resolve()
    places = [folder] + ([folder.parent.parent / "blobs"] if folder.parent.name == "snapshots" else [])
    try:
        target = path.resolve()
    except RuntimeError:  # in a circle
        target = Path()
    if not any(target.is_relative_to(place) for place in places):
        raise ValueError("it is a link that leads out of the folder")


def _another(folder: Path) -> str:
    """Return what to try in place of a folder that holds no model."""
    around = folder.parent
    try:
        names = [path.name for path in islice(around.iterdir(), _LOOKED_AT)]
    except OSError:
        names = []
    near = did_you_mean(folder.name, names) or folder.name
    places = (folder / "model", around / near, around / near / "model", Path("runs/latest/model"))
    return next((str(place) for place in places if (place / CONFIG).is_file()), "seqimg predict train --help")


def _content(path: Path) -> bytes:
    check_own(path)
    # A pipe or device has no size, and may never end.
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is not a plain file")
    with path.open("rb") as file:
        content = file.read(MAX_CONFIG_BYTES + 1)
    if len(content) > MAX_CONFIG_BYTES:
        raise ValueError(f"it is too large to be a configuration: over {MAX_CONFIG_BYTES:,} bytes")
    return content


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return one_line(getattr(error, "strerror", None) or str(error), 200)


def _newest(record: Any, folder: Path) -> dict[str, Any]:
    """Bring a record to the newest layout, one number at a time."""
    number = record.get("format") if isinstance(record, dict) else None
    if type(number) is not int:
        raise SeqimgError(f"{folder / CONFIG} is not a model's configuration", why="it has no format number")
    if number > FORMAT:
        writer, needs = _version(record.get("seqimg")), _version(record.get("needs"))
        raise SeqimgError(
            f"{folder} is in format {number}, this seqimg {__version__} reads up to {FORMAT}",
            why=f"it was written by seqimg {writer or 'of an unknown version'}",
            hint=f"pip install 'seqimg>={needs or writer}'" if needs or writer else "pip install -U seqimg",
        )
    while number < FORMAT:
        if number not in _CONVERTERS:
            raise SeqimgError(
                f"{folder} is in format {number}, which was never released",
                hint="train the model again, or take its weights with seqimg.import_cell",
            )
        record, number = _CONVERTERS[number](record), number + 1
    return {**record, "format": FORMAT}


def _version(value: object) -> str:
    """Return a version that may stand in a command; nothing else from a file may."""
    return value if isinstance(value, str) and _VERSION.fullmatch(value) else ""


def _from_1(record: dict[str, Any]) -> dict[str, Any]:
    training, config = record.get("training", {}), record.get("config", {})
    validation = training.get("validation") if isinstance(training, dict) else None
    added = {
        "plugin": None,
        "preprocessing": _preprocessing(config if isinstance(config, dict) else {}),
        "labels": [],
        "metrics": {"validation": validation or {}},
        "training": training,
    }
    return {**added, **record}


_CONVERTERS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1}


def _preprocessing(config: Mapping[str, Any]) -> dict[str, object]:
    return {
        "layout": "B,T,C,H,W",
        "dtype": "float32",
        "channels": config.get("channels"),
        "longer_side": config.get("size") or None,
        "range": [0, 1],
        "missing": 0,
        "operations": config.get("pre") or [],
    }


def _plugin(task: str) -> dict[str, str] | None:
    try:
        owner = plugin_host().tasks.owner(task)
    except UnavailableError:  # a task that is used without being registered
        return None
    return {"name": owner.plugin, "distribution": owner.distribution, "version": owner.version}
