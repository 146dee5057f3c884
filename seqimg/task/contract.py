"""What a plugin must say so that the core can train, evaluate, run and share its task."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from torch import Tensor, nn

from seqimg.config import Config, TaskConfig, turnable
from seqimg.data import Batch, Datasets, Part
from seqimg.errors import UsageError
from seqimg.panels import Panel
from seqimg.rows import RowsWriter
from seqimg.task.values import Answers, Baseline, Example, Losses, Seen, Shown

if TYPE_CHECKING:
    from torchmetrics import MetricCollection

    from seqimg.streaming import Stream

__all__ = ["Task"]

C = TypeVar("C", bound=TaskConfig)
R = TypeVar("R", bound=Config)
Answer = TypeVar("Answer")


class Task(ABC, Generic[C, R, Answer]):
    """How frames become an answer.

    Args:
        config: The task's configuration.

    Attributes:
        name: What the task's command and table of the configuration are called.
        Config: The configuration's class; each field is a flag of `seqimg NAME train`.
        RunOptions: Options of `seqimg NAME run`; each field is a flag.
        columns: Names of the values in the rows that `show` yields, in their order; none if it yields pictures
            alone.
        resizes: Whether `show` brings frames to the longer side `size` that was trained with; `run` says so.
        leading_metric: Which of `metrics()` selects the best model, stands first in every table and
            speaks in the verdict; its `higher_is_better` says which end is the good one.

    Example:
        >>> from seqimg.plugins.manager import plugin_host
        >>> kind = plugin_host().tasks.load("predict")
        >>> task = kind(kind.Config(channels=3, widths=(4,)))
        >>> task.with_config(seed=7).config.seed, task.leading_metric in task.metrics()
        (7, True)
    """

    name: ClassVar[str]
    columns: ClassVar[tuple[str, ...]] = ()
    resizes: ClassVar[bool] = False
    leading_metric: str
    Config: type[C]
    RunOptions: type[R]

    def __init__(self, config: C) -> None:
        self.config = config

    def with_config(self, **changes: object) -> Self:
        """Return the same task with some configuration values changed.

        Args:
            changes: New values by the names of their fields.
        """
        return type(self)(self.Config(**{**self.config.model_dump(), **changes}))

    @abstractmethod
    def datasets(self, part: Part = "test") -> Datasets:
        """Open `config.data`; the test set covers `part` of each sequence."""

    def settled(self, data: Datasets) -> Self:
        """Return the task with what the data decide filled in, before a model is built for them: the channels.

        Args:
            data: What it is going to learn from.

        Raises:
            UsageError: The configuration asks for something else than the data have.
        """
        wanted = self.config.channels
        if wanted not in (0, data.channels):
            raise UsageError(
                f"--channels {wanted} does not fit the data",
                why=f"they have {data.channels}",
                hint="leave it out",
            )
        return self.with_config(channels=data.channels)

    @abstractmethod
    def build_model(self) -> nn.Module:
        """Build the untrained model for frames of `config.channels` channels.

        It maps `(frames [B, T, C, H, W], state | None)` to `(outputs, state)`, and gives the same
        numbers however the frames are split over calls.
        """

    def step_module(self, model: nn.Module) -> nn.Module:
        """Return what `seqimg TASK export` makes a graph of, by default the model itself.

        It maps `(frames [B, 1, C, H, W], state | None)` to `(outputs, state)`; a state is tensors, batch first, in
        tuples, lists, dicts or dataclasses. A graph knows no None: its first state is zeros. Where those mean something
        else than None, the graph computes both beginnings and picks one, which takes twice as long; a state with a
        tensor that says whether anything was seen yet saves that. With an attribute `answers_each_frame` that is
        False, the outputs after a clip's last frame are those of the clip, and not one of many. With an attribute
        `frame_channels` its frames are no pictures but so many planes of what `outputs_about` says, and nothing is
        measured on data.

        Args:
            model: The trained model, in evaluation mode.

        Example:
            >>> from seqimg.plugins.manager import plugin_host
            >>> tasks = plugin_host().tasks
            >>> task = tasks.load("predict")(tasks.load("predict", "config")(channels=1, widths=(4,), horizon=2))
            >>> import torch
            >>> step = task.step_module(task.build_model().eval())
            >>> step(torch.rand(1, 1, 1, 16, 16), None)[0].shape
            torch.Size([1, 2, 1, 16, 16])
        """
        return model

    def outputs_about(self) -> str:
        """Say in a sentence how the numbers that `step_module` returns are read; it is kept beside an exported graph.

        Example:
            >>> from seqimg.plugins.manager import plugin_host
            >>> tasks = plugin_host().tasks
            >>> tasks.load("predict")(tasks.load("predict", "config")()).outputs_about().split(",")[0]
            'The frames to come'
        """
        return ""

    def frame_size(self) -> tuple[int, int] | None:
        """Return the only height and width of frames that an exported graph takes; None if any will do.

        Example:
            >>> from seqimg.plugins.manager import plugin_host
            >>> tasks = plugin_host().tasks
            >>> tasks.load("predict")(tasks.load("predict", "config")()).frame_size() is None
            True
        """
        return None

    def reads(self, channels: int) -> bool:
        """Tell whether a model can be given frames of so many channels: those of `config.channels`, or others too.

        Args:
            channels: Channels of the frames.

        Example:
            >>> from seqimg.plugins.manager import plugin_host
            >>> predict = plugin_host().tasks.load("predict")
            >>> predict(predict.Config(channels=3)).reads(1)
            False
        """
        return channels == int(self.config.channels)

    def progressed(self, share: float) -> None:
        """Take note, before each step of training, of the share of it that is done; for what changes on the way.

        Args:
            share: From 0 before the first step to 1.
        """

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the model's outputs for a batch, as training and evaluation see them.

        Args:
            model: What `build_model` built.
            batch: Clips `[B, T, C, H, W]`.

        Returns:
            One tensor, batch first: `[B, …]`.
        """
        outputs: Tensor = model(batch.frames)[0]
        return outputs

    @abstractmethod
    def expected(self, batch: Batch) -> Any:
        """Return what the outputs should have been: a tensor, or anything else that slices by clip as one does.

        Where a tensor is NaN there is nothing to compare with; metrics that need whole frames leave those values out.

        Args:
            batch: The clips.
        """

    def valid(self, batch: Batch) -> Tensor | None:
        """Return where `expected` holds something to compare with, bool that broadcasts to it; None if everywhere.

        Metrics see only those values, as one row; a task returns None if its metrics need whole pictures, or if
        what it expects is no tensor.

        Args:
            batch: The clips.

        Returns:
            `[B, …]` bool, or None.
        """
        return None

    @abstractmethod
    def loss(self, outputs: Tensor, batch: Batch) -> Losses:
        """Compare outputs with what the batch says is right, for training.

        Args:
            outputs: What `forward` gave, batch first, `[B, …]`.
            batch: The clips they are about.
        """

    @abstractmethod
    def metrics(self) -> "MetricCollection":
        """Return fresh metrics whose `update` takes `(outputs, expected)`, `leading_metric` among them.

        Each computes one number, finite whatever the frames; its `higher_is_better` says which end is the good
        one, and is None where neither is. That of `leading_metric` is not None.
        """

    def quick_metrics(self) -> "MetricCollection":
        """Return what validations during training compute: all of `metrics()`, or the leading and some cheap ones."""
        return self.metrics()

    def conventions(self) -> Mapping[str, str]:
        """Say of each metric in a sentence how it is computed: of what, in which range, averaged over what.

        It is kept with the model's figures, for without it nobody can compare them.
        """
        return {}

    def labels(self) -> tuple[str, ...]:
        """Return the names of the classes that outputs stand for, in their order; they are kept with the model."""
        return ()

    @abstractmethod
    def baselines(self, model: nn.Module) -> Mapping[str, Baseline]:
        """Return the simpler answers that stand beside the model in every table.

        Most know nothing of the model; some take its weights, as one does that forgets after every frame.

        Args:
            model: The model they stand beside.
        """

    @abstractmethod
    def decode(self, outputs: Tensor) -> Iterable[Answer]:
        """Turn the outputs for one sequence, `[1, …]`, into what a person reads.

        Args:
            outputs: `[1, …]`, for one sequence.
        """

    @abstractmethod
    def draw(self, frame: Tensor, answer: Answer) -> Tensor:
        """Return the picture `[C, H, W]` in [0, 1] that shows an answer about a frame.

        Args:
            frame: `[C, H, W]` in [0, 1]; missing values are NaN.
            answer: One of those that `decode` yields.
        """

    def show(self, stream: "Stream", frames: Iterable[Seen], options: R) -> Iterator[Shown]:
        """Feed frames to a stream one by one and yield what `run` writes, as soon as it is known.

        Args:
            stream: The model with its state.
            frames: The source's frames as they come.
            options: What was asked for.
        """
        for seen in frames:
            for answer in self.decode(stream.step(seen.frame)):
                yield Shown(self.draw(seen.frame, answer))

    @classmethod
    def columns_for(cls, options: R) -> tuple[str, ...]:
        """Return the names of the values in the rows that `show` yields with these options; none if no rows.

        Args:
            options: What was asked for.
        """
        return cls.columns

    @classmethod
    def while_live(cls, options: R) -> R:
        """Return the options with which the task answers as frames come, for sources without an end.

        A task that says something only after the last frame changes them here; by default nothing is changed.

        Args:
            options: What was asked for.
        """
        return options

    @classmethod
    def controls(cls) -> tuple[str, ...]:
        """Return the fields of `RunOptions` that people may turn while the task runs, on the live page for instance.

        By default all that are a switch, a choice, or a number with both bounds. A change takes effect with the next
        frame: `show` is called anew with the new options and the stream as it is.
        """
        return turnable(cls.RunOptions)

    @classmethod
    def row_formats(cls) -> Mapping[str, type[RowsWriter]]:
        """Return the endings that files of this task's rows may have, beside `.csv`, `.json` and `.jsonl`.

        An ending may have two parts, such as `.coco.json`.
        """
        return {}

    def example(self, outputs: Tensor, batch: Batch, item: int) -> Example | None:
        """Return one item of a batch as pictures for the report, if the task has any to show.

        Args:
            outputs: What `forward` gave, batch first, `[B, …]`.
            batch: The clips they are about.
            item: Which of the batch.
        """
        return None

    def panels(self, answers: Iterable[Answers]) -> Iterable[Panel]:
        """Return what the report shows of this task alone, as data: tables, curves, pictures, facts.

        Args:
            answers: One batch after the other of all clips that are measured, with the answers to them, while they
                are measured; of several processes, each sees its own. They can be gone through once; keep sums, not
                tensors.
        """
        return ()
