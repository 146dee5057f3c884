"""Checkpoints: all that a run needs to go on, whole on the disk or not there at all.

`checkpoints/` holds

| folder | what |
|---|---|
| `last/` | the newest checkpoint: a model folder, `state.json`, `state.safetensors`, `manifest.json` |
| `previous/` | the one before, for the case that the newest is damaged |
| `best/` | model folder of the best validation so far |

The manifest names every file with its size and SHA-256 and is written last: a folder without one is none.
Whenever a process or a machine dies, one of the folders (perhaps under a hidden name, on its way to
its own) holds the newest checkpoint that was complete.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from seqimg import modelfolder
from seqimg.errors import SeqimgError
from seqimg.publish import explained, remove, sync, write_synced
from seqimg.task import Task
from seqimg.training.state import State

__all__ = ["newest_checkpoint", "save_best", "save_checkpoint", "settle"]

AnyTask = Task[Any, Any, Any]

_LAST, _PREVIOUS, _BEST = "last", "previous", "best"
_NEXT, _OLD = ".seqimg-next", ".seqimg-old"  # on their way to `last`, and to be removed
_MANIFEST, _VALUES, _TENSORS, _WEIGHTS = (
    "manifest.json",
    "state.json",
    "state.safetensors",
    "model.safetensors",
)
_MAX_JSON_BYTES = 50_000_000


class _DamagedError(SeqimgError):
    """A checkpoint is there and cannot be trusted."""


def save_checkpoint(
    folder: Path, task: AnyTask, weights: Mapping[str, Tensor], training: Mapping[str, object], state: State
) -> Path:
    """Write `folder/last`, and only then let go of older ones.

    Args:
        folder: The folder of checkpoints.
        task: The task with its configuration.
        weights: The weights that are validated and used; what the state says of them is not written twice.
        training: Plain values to keep with the model.
        state: What else the run needs to go on.

    Returns:
        The path written.

    Raises:
        SeqimgError: It cannot be written: the path, the room needed and the room free are named. The older ones
            are untouched.
    """
    path, new = folder / _LAST, folder / _NEXT
    content = save_tensors(
        {name: tensor.detach().cpu().contiguous() for name, tensor in state.tensors.items()}
    )
    values = json.dumps(state.values, allow_nan=False, sort_keys=True).encode()
    needed = len(content) + len(values) + sum(tensor.nbytes for tensor in weights.values())
    try:
        _discard(new)
        with explained(path, needed):
            _save_model(new, path, task, weights, training, needed)
            write_synced(new / _TENSORS, content)
            write_synced(new / _VALUES, values)
            sync(new)
            _write_manifest(new, state.values["step"])
            _rotate(folder)
    except BaseException:
        _discard(new)  # its room may be what the rest of the machine is waiting for
        raise
    return path


def save_best(
    folder: Path, task: AnyTask, weights: Mapping[str, Tensor], training: Mapping[str, object]
) -> None:
    """Write `folder/best`, a model folder.

    Raises:
        SeqimgError: It cannot be written; the one before is untouched.
    """
    path, new, old = folder / _BEST, folder / f"{_NEXT}-best", folder / f"{_OLD}-best"
    remove(new)
    needed = sum(tensor.nbytes for tensor in weights.values())
    try:
        with explained(path, needed):
            _save_model(new, path, task, weights, training, needed)
            _replace(path, old)
            os.replace(new, path)
            sync(folder)
    finally:
        remove(new)
    remove(old)


def newest_checkpoint(folder: Path, warn: Callable[[str], None]) -> tuple[Path, State] | None:
    """Return the newest complete checkpoint and what it says, None if there never was one.

    Args:
        folder: The folder of checkpoints.
        warn: Told of each that is damaged, before an older one is taken.

    Raises:
        SeqimgError: There are checkpoints, and all are damaged.
    """
    manifests: list[tuple[int, Path, dict[str, Any]]] = []
    damaged: list[_DamagedError] = []
    for name in (_LAST, _NEXT, _PREVIOUS, _OLD):
        path = folder / name
        if not (path / _MANIFEST).exists():
            continue
        try:
            manifest = _read_manifest(path)
            manifests.append((manifest["step"], path, manifest))
        except _DamagedError as error:
            damaged.append(error)
    # By what they say of themselves: clocks and file times jump.
    for _, path, manifest in sorted(manifests, key=lambda found: -found[0]):
        try:
            state = _read(path, manifest)
        except _DamagedError as error:
            damaged.append(error)
            continue
        for problem in damaged:
            warn(f"{problem.message}: {problem.why}. Going on from {path}, step {manifest['step']}.")
        return path, state
    if damaged:
        raise SeqimgError(
            f"no checkpoint in {folder} can be used", why=f"{damaged[0].message}: {damaged[0].why}"
        )
    return None


def settle(folder: Path, chosen: Path | None) -> None:
    """Give the checkpoint that a run goes on from, if any, its name, and remove what an end in the middle left.

    Raises:
        SeqimgError: The folder cannot be written.
    """
    with explained(folder):
        if chosen is not None and chosen.name == _NEXT:
            _rotate(folder)
        elif chosen is not None and chosen.name != _LAST:
            _discard(folder / _LAST)
            os.replace(chosen, folder / _LAST)
            sync(folder)
    for path in folder.glob(".seqimg-*"):
        _discard(path)


def _save_model(
    new: Path,
    path: Path,
    task: AnyTask,
    weights: Mapping[str, Tensor],
    training: Mapping[str, object],
    needed: int,
) -> None:
    try:
        modelfolder.save(new, task, weights, training)
    except SeqimgError as error:
        if isinstance(error.__cause__, OSError):  # said of a hidden name that nobody knows
            with explained(path, needed):
                raise error.__cause__ from error
        raise


def _rotate(folder: Path) -> None:
    """Move the checkpoints on by one; at every point between, all that were complete still are."""
    _discard(folder / _OLD)
    _replace(folder / _PREVIOUS, folder / _OLD)
    _replace(folder / _LAST, folder / _PREVIOUS)
    os.replace(folder / _NEXT, folder / _LAST)
    sync(folder)
    _discard(folder / _OLD)


def _replace(path: Path, target: Path) -> None:
    remove(target)
    if path.exists():
        os.replace(path, target)


def _discard(path: Path) -> None:
    # The manifest first: what is half removed is no damaged checkpoint but none.
    remove(path / _MANIFEST)
    remove(path)


def _write_manifest(folder: Path, step: int) -> None:
    files = {}
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        files[path.name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    # Half a manifest would be a damaged checkpoint; so it is there at once or not at all.
    content = json.dumps({"format": 1, "step": step, "files": files}, indent=2).encode()
    write_synced(folder / f".{_MANIFEST}", content)
    os.replace(folder / f".{_MANIFEST}", folder / _MANIFEST)
    sync(folder)


def _read_manifest(path: Path) -> dict[str, Any]:
    found = _json(path, _MANIFEST, _content(path, _MANIFEST, None))
    files = found.get("files")
    if not isinstance(found.get("step"), int) or not isinstance(files, dict) or found.get("format") != 1:
        raise _DamagedError(f"{path} is damaged", why=f"its {_MANIFEST} is not one")
    for name, facts in files.items():
        if "/" in name or not isinstance(facts, dict) or set(facts) != {"bytes", "sha256"}:
            raise _DamagedError(f"{path} is damaged", why=f"its {_MANIFEST} is not one")
    return found


def _read(path: Path, manifest: Mapping[str, Any]) -> State:
    contents = {name: _content(path, name, facts) for name, facts in manifest["files"].items()}
    for name in (_VALUES, _TENSORS, _WEIGHTS):
        if name not in contents:
            raise _DamagedError(f"{path} is damaged", why=f"{name} is missing")
    try:
        tensors = load_tensors(contents[_TENSORS])
        chosen = load_tensors(contents[_WEIGHTS])
    except SafetensorError as error:
        raise _DamagedError(f"{path} is damaged", why=str(error).splitlines()[0]) from error
    tensors |= {f"chosen/{name}": tensor for name, tensor in chosen.items()}
    return State(_json(path, _VALUES, contents[_VALUES]), tensors, str(path))


def _content(path: Path, name: str, facts: Mapping[str, Any] | None) -> bytes:
    """Read a file of a checkpoint, of the size and digest it has to have."""
    file = path / name
    try:
        size = file.lstat().st_size
        if file.is_symlink() or (facts is None and size > _MAX_JSON_BYTES):
            raise _DamagedError(f"{path} is damaged", why=f"{name} is no file of a checkpoint")
        if facts is not None and size != facts["bytes"]:
            raise _DamagedError(f"{path} is damaged", why=f"{name} has {size} bytes, not {facts['bytes']}")
        content = file.read_bytes()
    except OSError as error:
        raise _DamagedError(f"{path} is damaged", why=f"{name}: {error.strerror}") from error
    if facts is not None and hashlib.sha256(content).hexdigest() != facts["sha256"]:
        raise _DamagedError(f"{path} is damaged", why=f"the digest of {name} is not that in {_MANIFEST}")
    return content


def _json(path: Path, name: str, content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _DamagedError(f"{path} is damaged", why=f"{name} is no JSON") from error
    if not isinstance(found, dict):
        raise _DamagedError(f"{path} is damaged", why=f"{name} is not what it has to be")
    return found
