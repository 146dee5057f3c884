"""Model folders: all that is needed to use or share a trained model.

| file | what |
|---|---|
| `config.json` | what the model is, below |
| `model.safetensors` | its weights |
| `README.md` | a short model card, for people; nothing reads it |

`config.json` holds:

| key | value |
|---|---|
| `format` | number of this layout, 2 |
| `seqimg`, `needs` | version that wrote it, and the first that can read this layout |
| `task`, `config` | the task's name and its whole configuration |
| `plugin` | `name`, `distribution` and `version` of the plugin that brings the task |
| `preprocessing` | how frames come to the model: operations, channels, size, value range, missing values |
| `labels` | names of the classes it tells apart, in the order of its outputs |
| `metrics` | `leading` metric, `conventions` by which each is computed, `validation` figures |
| `weights` | name, size in bytes and SHA-256 of the weights file |
| `training` | how it came about: steps, seconds, figures, and `fps`, the frames a second of what it learnt from |

Folders of format 1, which lack `needs`, `plugin`, `preprocessing`, `labels` and `metrics`, are read as well.
Sizes are checked before anything is allocated: `config.json` has at most 10 MB, the weights' header 3 MB and
10,000 entries, and the weights have the shapes that the configuration asks for.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from seqimg.config import Config, TaskConfig
from seqimg.errors import SeqimgError, UnavailableError
from seqimg.modelfolder.card import model_card
from seqimg.modelfolder.record import CONFIG, FORMAT, new_record, read_record
from seqimg.modelfolder.weights import WEIGHTS, open_weights, packed
from seqimg.plugins.manager import plugin_host
from seqimg.plugins.reports import one_line, reason_of
from seqimg.publish import publish_folder, write_json
from seqimg.sequences.base import ASSUMED_FPS
from seqimg.streaming import Stream
from seqimg.task import Seen, Shown, Task

__all__ = ["FORMAT", "LoadedModel", "load", "save"]

_CARD = "README.md"
_SHORT = 80  # letters of a name from a file that a message shows
_DRAWS = ("bernoulli_", "exponential_", "log_normal_", "normal_", "random_", "uniform_")


@dataclass(frozen=True)
class LoadedModel:
    """A trained model, ready to use.

    Attributes:
        task: Its task, with the configuration it was trained with.
        model: The network, in evaluation mode: it maps `(frames [B, T, C, H, W], state | None)` to
            `(outputs, state)`, frames being float32 in [0, 1].
        training: What was recorded of its training.
        labels: Names of the classes it tells apart; empty if there are none.
        metrics: The leading metric, the conventions of all, and the figures of validation.
        record: All that `config.json` holds, in the newest layout.

    Example:
        >>> from seqimg import load
        >>> from seqimg.modelfolder import save
        >>> from seqimg.plugins.manager import plugin_host
        >>> spec = plugin_host().tasks
        >>> task = spec.load("predict")(spec.load("predict", "config")(channels=1, widths=(4,)))
        >>> save(Path(tmp) / "model", task, task.build_model().state_dict(), {})
        >>> loaded = load(Path(tmp) / "model")
        >>> loaded.task.name, loaded.config.widths
        ('predict', (4,))
        >>> frames = torch.rand(5, 1, 16, 16)
        >>> options = loaded.task.RunOptions(horizon=2)
        >>> shown = list(loaded.answer(frames, options))
        >>> len(shown), tuple(shown[0].picture.shape)
        (2, (1, 16, 16))
    """

    task: Task[Any, Any, Any]
    model: nn.Module
    training: Mapping[str, Any]
    labels: Sequence[str] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def config(self) -> TaskConfig:
        """The configuration it was trained with."""
        config: TaskConfig = self.task.config
        return config

    def stream(self) -> Stream:
        """Return a new [seqimg.Stream][] of this model, which is fed one frame at a time."""
        return Stream(self.model)

    def answer(
        self, frames: Iterable[Tensor], options: Config | None = None, *, fps: float = float(ASSUMED_FPS)
    ) -> Iterator[Shown]:
        """Yield what the task says of frames, as soon as it is known.

        Args:
            frames: Each `[C, H, W]` float32 in [0, 1]; missing values are NaN.
            options: The task's `RunOptions`; None takes the defaults.
            fps: Frames a second, for a task that speaks of times.
        """
        seen = (Seen(frame, index, index / fps) for index, frame in enumerate(frames))
        return self.task.show(self.stream(), seen, options or self.task.RunOptions())


def save(
    path: Path, task: Task[Any, Any, Any], weights: Mapping[str, Tensor], training: Mapping[str, object]
) -> None:
    """Write a model folder, whole or not at all.

    Args:
        path: The folder, which must not exist yet.
        task: The task with its configuration.
        weights: The model's state dict.
        training: Plain values to keep with it; its `validation`, by metric, goes into the card.

    Raises:
        SeqimgError: The folder exists, cannot be written, or a weight is not finite.

    Example:
        >>> from seqimg.plugins.manager import plugin_host
        >>> kind = plugin_host().tasks.load("predict")
        >>> task = kind(kind.Config(channels=3, widths=(4,)))
        >>> save(Path(tmp) / "saved", task, task.build_model().state_dict(), {"steps": 0})
        >>> load(Path(tmp) / "saved").config.channels
        3
    """
    content, about = packed(weights)
    record = new_record(task, about, training)
    with publish_folder(path) as folder:
        (folder / WEIGHTS).write_bytes(content)
        write_json(folder / CONFIG, record)
        card = model_card(record, sum(tensor.numel() for tensor in weights.values()))
        (folder / _CARD).write_text(card, encoding="utf-8", errors="backslashreplace")


def load(path: str | Path, *, task: str | None = None, device: str | torch.device = "cpu") -> LoadedModel:
    """Load a model folder. Nothing in it is executed or unpickled, and nothing is fetched or installed.

    Args:
        path: The folder.
        task: Name of the task it has to be for, or None for any.
        device: Where to put the model.

    Raises:
        SeqimgError: No such folder, a file in it is missing, damaged or of another model, it is for another
            task, or was written by a seqimg that is too new; the message says what to do.
        UnavailableError: The plugin that brings its task is not installed.

    Example:
        >>> load("no/such/folder")
        Traceback (most recent call last):
        ...
        seqimg.errors.SeqimgError: no/such/folder is not a model folder
        it does not exist
        Try: seqimg predict train --help
    """
    folder = Path(path)
    record = read_record(folder)
    if task is not None and record["task"] != task:
        raise SeqimgError(
            f"{folder} holds a model for {one_line(repr(record['task']), _SHORT)}, not for {task!r}",
            hint=f"seqimg {one_line(record['task'], _SHORT)} --help",
        )
    task_class = _task_class(record, folder)
    ready = task_class(_config(task_class, record["config"], folder))
    with open_weights(folder, record["weights"]) as weights:
        skeleton = _skeleton(ready)
        if skeleton is not None:
            _check_fit(skeleton, weights.shapes, folder)
        tensors = weights.read()
    model = _built(ready, folder)
    _check_fit(_shapes(model), weights.shapes, folder)
    model.load_state_dict(tensors)
    return LoadedModel(
        ready, model.to(device).eval(), record["training"], tuple(record["labels"]), record["metrics"], record
    )


def _task_class(record: Mapping[str, Any], folder: Path) -> type[Task[Any, Any, Any]]:
    """Return the class of the task by its registered name; what a file says is never imported."""
    tasks, name, plugin = plugin_host().tasks, record["task"], record["plugin"] or {}
    if name not in tasks and plugin:
        whose = " ".join(str(plugin.get(key, "")) for key in ("name", "version"))
        raise UnavailableError(
            f"{folder} needs the task {one_line(repr(name), _SHORT)}, which is not installed",
            why=f"it was made with the plugin {one_line(whose, _SHORT)}"
            f" of the package {one_line(str(plugin.get('distribution', 'unknown')), _SHORT)}",
            hint="seqimg plugins list",
        )
    task_class: type[Task[Any, Any, Any]] = tasks.load(name)
    return task_class


def _config(task_class: type[Task[Any, Any, Any]], values: Mapping[str, object], folder: Path) -> TaskConfig:
    try:
        config: TaskConfig = task_class.Config(**values)
    except ValidationError as error:
        first = error.errors()[0]
        raise SeqimgError(
            f"{folder / CONFIG} does not fit the task {task_class.name!r}",
            why=one_line(": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))),
            hint="the version of the plugin that wrote it",
        ) from error
    if config.channels < 1:
        raise SeqimgError(f"{folder / CONFIG} is not a model's configuration", why="it names no channels")
    return config


def _built(task: Task[Any, Any, Any], folder: Path) -> nn.Module:
    try:
        return task.build_model()
    except SeqimgError:
        raise
    except Exception as error:
        raise SeqimgError(
            f"the model in {folder} cannot be built from its configuration", why=reason_of(error)
        ) from error


def _skeleton(task: Task[Any, Any, Any]) -> dict[str, tuple[int, ...]] | None:
    """Return the shapes of the model's weights without allocating them, None if it cannot be built that way."""
    try:
        with torch.device("meta"), _Bare(), torch.random.fork_rng(devices=[]):
            return _shapes(task.build_model())
    except SeqimgError:
        raise
    except Exception:  # noqa: BLE001 -- a plugin's model may look at values, which a skeleton has none of
        return None


class _Bare(TorchFunctionMode):
    """Leaves weights as they are where a model would draw them: a skeleton has none.

    To draw them without memory, torch would load its compiler, which takes longer than everything else together.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else named["tensor"]
        if getattr(func, "__name__", None) in _DRAWS and isinstance(args[0], Tensor) and args[0].is_meta:
            return args[0]
        return func(*args, **named)


def _shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def _check_fit(
    wanted: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]], folder: Path
) -> None:
    if dict(wanted) != dict(found):
        wrong = sorted(set(wanted.items()) ^ set(found.items()))[0][0]
        raise SeqimgError(
            f"the weights in {folder} do not fit its configuration",
            why=f"{one_line(wrong, _SHORT)} is {found.get(wrong, 'missing')},"
            f" the model has {wanted.get(wrong, 'no such weight')}",
        )
