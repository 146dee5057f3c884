"""What every task promises, for the tests of a plugin that brings one."""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from seqimg import modelfolder
from seqimg.config import TaskConfig, resolve_config
from seqimg.data import Batch
from seqimg.plugins.manager import plugin_host
from seqimg.task import Task
from seqimg.testing.checking import require, require_close, tensors_in
from seqimg.testing.command_line import run_command
from seqimg.testing.live_tasks import LiveTests
from seqimg.testing.sequences import moving_square
from seqimg.testing.tolerances import STREAMING
from seqimg.testing.training import Trained, few, memory_held, seen, trained, written_config
from seqimg.training.evaluation import evaluate

__all__ = ["TaskContract"]

AnyTask = Task[Any, Any, Any]
_SIZE = (48, 64)
_WARM, _LONG = 20, 60
_VERBS = ("train", "run", "eval")


class TaskContract(LiveTests):
    """Tests to inherit, for a [Task][seqimg.Task].

    The task is trained once for two steps, through the command line, and looked at from all sides.

    Attributes:
        task: Its registered name.
        values: Configuration that makes it small and quick, beside two steps of two clips.
        options: Options of `run`, if the defaults do not do.

    Example:
        >>> class TestPredict(TaskContract):
        ...     task = "predict"
        ...     values = {"widths": (4,), "context": 3, "horizon": 2}
        >>> TestPredict().test_configuration()
    """

    values: ClassVar[Mapping[str, object]] = {}

    def data(self, folder: Path) -> Sequence[str]:
        """Write something to learn from into an empty folder, and name it as `--data` takes it.

        This one writes a moving square, of 40 frames; a task that needs labels or boxes names
        `demo:motion` or `demo:tracks`, or writes its own.

        Args:
            folder: An empty folder.
        """
        np.save(folder / "square.npy", moving_square(40))
        return [str(folder / "square.npy")]

    def test_registered(self) -> None:
        """Name, configuration and options of the class are those that are registered."""
        tasks = plugin_host().tasks
        found: type[AnyTask] = tasks.load(self.task)
        require(
            found.name == self.task, f"the class says its name is {found.name!r}, registered as {self.task!r}"
        )
        require(
            found.Config is tasks.load(self.task, "config"), "Config of the class is not the registered one"
        )
        require(
            found.RunOptions is tasks.load(self.task, "run_options"),
            "RunOptions of the class is not the registered one",
        )
        require(issubclass(found.Config, TaskConfig), "Config is no child of seqimg.TaskConfig")

    def test_help(self) -> None:
        """Help is printed for the task and each of its commands, and each field is a flag with a description."""
        for verb in ((), *((name,) for name in _VERBS)):
            said = run_command(self.task, *verb, "--help")
            words = " ".join(("seqimg", self.task, *verb, "--help"))
            require(said.code == 0 and not said.err, f"{words} ends with {said.code}: {said.err}")
            require("Usage:" in said.out, f"{words} prints no usage")
        said = run_command(self.task, "train", "--help")
        for name, field in self._class().Config.model_fields.items():
            flag = f"--{name.replace('_', '-')}"
            require(flag in said.out, f"seqimg {self.task} train --help does not name {flag}")
            require(field.description, f"the field {name} of the configuration has no description")

    def test_configuration(self) -> None:
        """A configuration goes through JSON and TOML and comes out equal; an unknown key is refused."""
        kind = self._class().Config
        config = kind(**self.values)
        again = kind(**json.loads(config.model_dump_json()))
        require(again == config, "the configuration is another after a way through JSON")
        with TemporaryDirectory() as name:
            path = written_config(Path(name), self.task, config)
            read = resolve_config(kind, self.task, file=(path,), flags={}).config
        require(read == config, "the configuration is another after a way through TOML")
        try:
            kind(**{"no_such_field": 1})
        except ValidationError:
            return
        require(False, "the configuration takes a field that it does not have")

    def test_trains(self) -> None:
        """`train` learns for two steps, measures, and leaves a model, a log and a report."""
        run = self._trained().folder / "run"
        for name in ("config.toml", "metrics.jsonl", "report.html", "model/config.json"):
            require((run / name).is_file(), f"training leaves no {name}")
        steps = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        require(len(steps) == 2, f"two steps were asked for, {len(steps)} are in the log")
        require(all(isfinite(step["loss"]) for step in steps), "the loss is not finite")

    def test_model_folder(self) -> None:
        """A saved model says the same again, and its classes and conventions are kept with it."""
        loaded, batch = self._loaded(), self._batch()
        with TemporaryDirectory() as name:
            modelfolder.save(Path(name) / "m", loaded.task, loaded.model.state_dict(), {})
            again = modelfolder.load(Path(name) / "m", task=self.task)
        with torch.inference_mode():
            wanted = loaded.task.forward(loaded.model, batch)
            found = again.task.forward(again.model, batch)
        require(torch.equal(found, wanted), "a model that was saved and loaded says something else")
        require(again.config == loaded.config, "the configuration is another after saving and loading")

    def test_loss(self) -> None:
        """The loss is one finite number, and gradients flow from it into the model."""
        loaded, batch = self._loaded(), self._batch()
        model = deepcopy(loaded.model).train()
        losses = loaded.task.loss(loaded.task.forward(model, batch), batch)
        require(losses.total.ndim == 0, "the total of the loss is no single number")
        for name, part in {"total": losses.total, **losses.parts}.items():
            require(bool(torch.isfinite(part).all()), f"the loss {name} is not finite")
        losses.total.backward()
        learning = [p for p in model.parameters() if p.grad is not None and bool(p.grad.any())]
        require(learning, "no parameter gets a gradient from the loss")

    def test_pieces_of_a_clip_are_the_clip(self) -> None:
        """A clip at once, in pieces and frame by frame gives the same outputs and the same state."""
        model = _stirred(self._loaded().model)
        clip = self._batch().frames[:1, :6]
        with torch.inference_mode():
            whole, last = model(clip, None)
            for cuts in ((2,), tuple(range(1, clip.shape[1]))):
                found, state = [], None
                for piece in torch.tensor_split(clip, list(cuts), dim=1):
                    outputs, state = model(piece, state)
                    found.append(outputs)
                self._check_pieces(found, whole, clip.shape[1], cuts)
                states = zip(tensors_in(state), tensors_in(last), strict=True)
                for (where, one), (_, other) in states:
                    require_close(
                        one, other, STREAMING[torch.float32], f"a clip cut at {cuts} ends in another {where}"
                    )

    def test_memory_is_constant(self) -> None:
        """What is held while frames come does not grow with their number."""
        loaded, marks = self._loaded(), list[int]()
        clip = moving_square(_LONG + 1, _SIZE, loaded.config.channels)
        frames = seen(clip, lambda place: marks.append(memory_held()) if place in (_WARM, _LONG) else None)
        options = loaded.task.RunOptions(**self.options)
        with memory_held.counting():
            for _ in loaded.task.show(loaded.stream(), frames, options):
                pass
        require(len(marks) == 2, "show() ends before the frames do")
        one = 4 * clip[0].size
        grown = (marks[1] - marks[0]) / one
        require(
            grown < 8,
            f"{_LONG - _WARM} more frames hold {grown:.0f} frames' worth of memory: show() must let go of them",
        )

    def test_missing_values(self) -> None:
        """Frames with missing values (NaN) are answered and drawn without failing."""
        loaded = self._loaded()
        clip = moving_square(12, _SIZE, loaded.config.channels, "float32")
        clip[3:6, 10:20, 10:30] = np.nan
        options = loaded.task.RunOptions(**self.options)
        for shown in loaded.task.show(loaded.stream(), seen(clip), options):
            picture = shown.picture
            require(
                picture is None or picture.ndim == 3,
                "a picture that show() yields has other axes than C, H, W",
            )

    def test_figures(self) -> None:
        """Figures of the model and of every baseline are finite; the leading one, and each one's good end, are said."""
        loaded, data = self._loaded(), self._ready().datasets("all")
        with data:
            found = evaluate(loaded.task, loaded.model, few(data.test, 4), batch_size=2)
        require(
            len(found.overall) > 1,
            "there is no baseline: baselines() returns what the model has to be better than",
        )
        conventions = loaded.task.conventions()
        for name in loaded.task.metrics():
            require(conventions.get(name), f"conventions() does not say in a sentence how {name} is computed")

    def test_runs(self) -> None:
        """`run` answers a sequence; rows have the task's columns and nothing else."""
        options = self._class().RunOptions(**self.options)
        made, columns = self._trained(), set(self._class().columns_for(options))
        channels = self._loaded().config.channels
        with TemporaryDirectory() as name:
            folder = Path(name)
            np.save(folder / "clip.npy", moving_square(12, _SIZE, channels))
            kind = ".npy" if channels not in (1, 3) else ".mp4"
            out = () if kind == ".mp4" else ("-o", f"clip.{self.task}.npy")
            words = ("--model", made.folder / "run" / "model", *self._flags(), *out)
            said = run_command(self.task, "run", "clip.npy", *words, folder=folder)
            require(said.code == 0, f"run ends with {said.code}: {said.err}")
            require(any(folder.glob(f"clip.{self.task}*")), "run writes nothing")
            if columns and not out:
                answers = json.loads((folder / f"clip.{self.task}.json").read_text())["answers"]
                require(all(set(row) <= columns for row in answers), "rows have values that are no columns")

    def _check_pieces(self, found: list[Tensor], whole: Tensor, frames: int, cuts: tuple[int, ...]) -> None:
        said = torch.cat(found, 1) if whole.ndim > 1 and whole.shape[1] == frames else found[-1]
        require_close(said, whole, STREAMING[torch.float32], f"a clip cut at {cuts} gives other outputs")

    def _flags(self) -> list[str]:
        words = []
        for name, value in self.options.items():
            flag = name.replace("_", "-")
            if isinstance(value, bool):
                words.append(f"--{flag}" if value else f"--no-{flag}")
            else:
                shown = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
                words += [f"--{flag}", shown]
        return words

    def _class(self) -> type[AnyTask]:
        found: type[AnyTask] = plugin_host().tasks.load(self.task)
        return found

    def _trained(self) -> Trained:
        return trained(type(self), self.task, self.values, self.data)

    def _loaded(self) -> modelfolder.LoadedModel:
        return modelfolder.load(self._trained().folder / "run" / "model", task=self.task)

    def _ready(self) -> AnyTask:
        """Return the task as it was trained, with its data."""
        return self._loaded().task.with_config(data=self._trained().data)

    def _batch(self) -> Batch:
        """Return two clips as they are trained on."""
        with self._ready().datasets() as data:
            return few(data.train, 2).batch()


def _stirred(model: nn.Module) -> nn.Module:
    """Return a copy of which no weight is zero: what is off before training would hide a fault."""
    model = deepcopy(model).eval()
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        if parameter.is_floating_point() and not bool(parameter.any()):
            noise = 0.1 * torch.randn(parameter.shape, generator=generator)
            parameter.data.copy_(noise.to(parameter.dtype))
    return model
