"""Classification as a task: what is asked, what counts as right, what stands beside it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Self, cast

import torch
from torch import Tensor, nn

from seqimg.data import Batch, Datasets, Part, window_datasets
from seqimg.data.classes import class_counts, clip_count, known_labels, labels_of, with_classes
from seqimg.errors import SeqimgError
from seqimg.nn import picture_cell_options
from seqimg.nn.backbones import allow_backbone
from seqimg.panels import Panel
from seqimg.streaming import Stream
from seqimg.task import Answers, Baseline, Losses, Seen, Shown, Task
from seqimg_classify.answers import Scoring, Truth, real_frames, truth_of
from seqimg_classify.baselines import RIVALS, majority, out_of_order, without_memory
from seqimg_classify.config import ClassifyConfig, ClassifyRun
from seqimg_classify.loss import ClassLoss, balanced_weights
from seqimg_classify.mixing import Mixed
from seqimg_classify.models import ConvGRUClassifier, Rivalled, build_model
from seqimg_classify.models.step import ConvGRUStep
from seqimg_classify.onesize import OneSize, of_one_size
from seqimg_classify.protocols import Carried, model_step
from seqimg_classify.segments import COLUMNS
from seqimg_classify.showing import draw_answer, show

if TYPE_CHECKING:
    from torchmetrics import MetricCollection

__all__ = ["ClassifyTask"]

_STREAMED = 16  # frames worked through at once of a sequence that is measured as a whole


class ClassifyTask(Task[ClassifyConfig, ClassifyRun, Tensor]):
    """Say what a sequence shows.

    Outputs are logits `[B, T, K]`, the answer after each frame; in training `[B, 1 + R, T, K]`, the model's and
    those of the networks trained beside it. An answer is the scores `[K]` after one frame.
    """

    name = "classify"
    resizes = True
    leading_metric = "top1"
    columns = COLUMNS
    Config = ClassifyConfig
    RunOptions = ClassifyRun

    def __init__(self, config: ClassifyConfig) -> None:
        super().__init__(config)
        if config.several:
            self.leading_metric = "map"  # another question, another figure
        self.scoring = Scoring(config.answer, config.several)
        self._carried: tuple[nn.Module, Carried] | None = None

    def datasets(self, part: Part = "test") -> Datasets:
        """Cut clips; in training one of each sequence an epoch, in testing the views or the whole of it."""
        config = self.config
        if config.model == "rows":
            config = config.model_copy(update={"crop": 0})
        else:
            picture_cell_options(config.cell)  # refused before anything is read
        streaming = config.protocol == "streaming"
        length = config.frames or (_STREAMED if streaming else 0)
        data = window_datasets(
            config,
            length=length,
            step=max(length, 1) * config.stride,
            part=part,
            sampling=config.sampling,
            views=config.views,
            crops=config.crops,
            mirror=config.mirror,
            streamed=streaming,
        )
        try:
            return self._labelled(data)
        except SeqimgError:
            data.close()
            raise

    def _labelled(self, data: Datasets) -> Datasets:
        """Return data whose labels are the model's, and say what is odd about them."""
        config = self.config
        wanted = config.classes or data.classes
        found = with_classes(data, wanted, several=config.several)
        if len(wanted) < 2 and not config.several:
            raise SeqimgError(
                f"there is one class only, {wanted[0]!r}",
                why="with nothing to tell it from, every answer is right",
                hint="--data with sequences of other classes too",
            )
        counts = class_counts(found.train, len(wanted))
        told = not config.class_counts and labels_of(found.train) is not None
        _check_labels(found)
        if config.model == "rows":
            found = of_one_size(found, config.picture)
        notes = [_rare(wanted, counts, number) for number in (0, 1)] if told else []
        readings = (*found.readings, *(note for note in notes if note))
        train = found.train
        if config.mixup:
            train = Mixed(train, len(wanted), config.mixup, config.seed)
        return replace(found, train=train, readings=readings)

    def settled(self, data: Datasets) -> Self:
        """Fill in the channels, the classes, how many clips each has, and the size that `rows` reads."""
        config = self.config
        if config.model == "backbone":
            allow_backbone(config.backbone)
        train = data.train
        while isinstance(train, Mixed | OneSize):
            train = train.clips
        changes: dict[str, object] = {"classes": data.classes}
        if not config.class_counts:
            changes["class_counts"] = class_counts(train, len(data.classes))
            changes["clips"] = clip_count(train, len(data.classes))
        if config.model == "rows" and not config.picture and len(train):
            changes["picture"] = tuple(data.train[0].frames.shape[-2:])
        return super().settled(data).with_config(**changes)

    def build_model(self) -> nn.Module:
        """Build the untrained model, and the networks that are trained beside it."""
        return build_model(self.config)

    def step_module(self, model: nn.Module) -> nn.Module:
        """Return what answers after each frame."""
        return ConvGRUStep(model) if isinstance(model, ConvGRUClassifier) else model

    def outputs_about(self) -> str:
        """Say what the numbers of an answer are."""
        scores = "their sigmoids" if self.config.several else "their softmax"
        return f"Logits [batch, 1, classes] after this frame, in the order of the labels; {scores} are the scores."

    def frame_size(self) -> tuple[int, int] | None:
        """Return the size of the pictures that `rows` reads."""
        picture = self.config.picture
        return (picture[0], picture[1]) if self.config.model == "rows" else None

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Answer after each frame; in training also as the networks beside the model do."""
        if model.training:
            outputs: Tensor = model(batch.frames, rivals=True)[0]
            return outputs
        if self.config.protocol == "streaming":
            if self._carried is None or self._carried[0] is not model:
                self._carried = (model, Carried(model_step(model), self.scoring))
            return self._carried[1](batch)
        outputs = model(batch.frames)[0]
        return outputs

    def expected(self, batch: Batch) -> Truth:
        """Return the classes, and which frames and clips count."""
        return truth_of(batch)

    def loss(self, outputs: Tensor, batch: Batch) -> Losses:
        """Add up the cross-entropies of the model and of the networks beside it; the first part is the model's."""
        if batch.labels is None:
            truth_of(batch)  # raises
        labels, lengths = cast(Tensor, batch.labels), real_frames(batch)
        each = outputs[:, None] if outputs.dim() == 3 else outputs
        of_answer = self._loss(self.config.every_frame)
        parts = {"model": of_answer(each[:, 0], labels, lengths)}
        for place, name in enumerate(RIVALS[: each.shape[1] - 1], start=1):
            # What sees single frames is taught with all of them.
            rival = self._loss(1.0) if name == "last_frame" else of_answer
            parts[name] = rival(each[:, place], labels, lengths)
        return Losses(torch.stack(list(parts.values())).sum(), parts)

    def _loss(self, every_frame: float) -> ClassLoss:
        config, weights = self.config, None
        if config.class_weights == "balanced":
            weights = balanced_weights(config.class_counts, config.clips, several=config.several)
        return ClassLoss(
            several=config.several,
            answer=config.answer,
            every_frame=every_frame,
            smoothing=config.smoothing,
            weights=weights,
        )

    def metrics(self) -> "MetricCollection":
        """Shares of clips told right, and whether scores can be trusted; a video's are of its clips' mean scores."""
        # Takes most of a second to import, which running a model need not wait for.
        from seqimg_classify.metrics import collection

        config = self.config
        several = config.protocol == "views" and config.views * config.crops > 1
        return collection(len(config.classes), self._judged(), videos=several)

    def conventions(self) -> Mapping[str, str]:
        """Say how each metric is computed, and by which protocol sequences are measured."""
        from seqimg_classify.metrics import CONVENTIONS

        protocol = self._protocol()
        return {name: f"{CONVENTIONS[name]} {protocol}" for name in self.metrics()}

    def labels(self) -> tuple[str, ...]:
        """Return the names of the classes."""
        return self.config.classes

    def _judged(self) -> Scoring:
        """Return how clips are judged: where the state is carried on, means are taken there already."""
        return replace(self.scoring, answer="last") if self.config.protocol == "streaming" else self.scoring

    def _protocol(self) -> str:
        config = self.config
        answer = "after its last frame" if config.answer == "last" else "the mean over its frames"
        if config.protocol == "streaming":
            return f"Measured on whole videos with the state carried through, the answer being {answer}."
        crops = f" × {config.crops} crops" if config.crops > 1 else ""
        clips = f"{config.views} clips{crops}" if config.views > 1 else f"1 clip{crops}"
        return f"Measured on {clips} of each video, the answer of a clip being {answer}."

    def baselines(self, model: nn.Module) -> Mapping[str, Baseline]:
        """Return the most frequent class, the networks without memory, and the model on frames out of order."""
        config, streaming = self.config, self.config.protocol == "streaming"
        counts = config.class_counts or (1,) * len(config.classes)
        found = {"majority": majority(counts, max(config.clips, *counts), several=config.several)}
        if isinstance(model, Rivalled) and model.has_rivals:
            found |= without_memory(model, self.scoring, streaming=streaming)
        if config.frames != 1:
            found["shuffled_frames"] = out_of_order(model, self.scoring, streaming=streaming)
        return found

    def decode(self, outputs: Tensor) -> Iterable[Tensor]:
        """Yield the scores `[K]` after each frame of one sequence."""
        return self.scoring.scores(outputs[0].float())

    def draw(self, frame: Tensor, answer: Tensor) -> Tensor:
        """Return the frame with the likeliest class and a bar of its score."""
        return draw_answer(frame, answer, self.config.classes)

    @classmethod
    def while_live(cls, options: ClassifyRun) -> ClassifyRun:
        """Return options that answer each second, where one answer would have come after the last frame."""
        return options if options.segment else options.model_copy(update={"segment": 1.0})

    def show(self, stream: Stream, frames: Iterable[Seen], options: ClassifyRun) -> Iterator[Shown]:
        """Say after each segment what it shows; the running answer stands in the pictures."""
        return show(stream, frames, options, self.config, self.scoring)

    def panels(self, answers: Iterable[Answers]) -> tuple[Panel, ...]:
        """Return figures of each class, which are taken for which, how far scores can be trusted, and examples."""
        from seqimg_classify.panels import Findings

        findings = Findings(self.config.classes, self._judged())
        for found in answers:
            findings.add(found, self.expected(found.batch))
        return findings.panels()


def _check_labels(data: Datasets) -> None:
    """Refuse sequences whose class nobody knows, before any work: they can neither be learnt from nor be measured."""
    for part in (data.train, data.val, data.test):
        none = list(dict.fromkeys(path for path, label in known_labels(part) if label is None))
        if none:
            several = f"{len(none):,} sequences have no class, {none[0]} one of them"
            raise SeqimgError(
                several if len(none) > 1 else f"{none[0]} has no class",
                why="a classifier learns from sequences with their classes, and is measured on them",
                hint="leave them out, or say what they show",
            )


def _rare(classes: tuple[str, ...], counts: tuple[int, ...], number: int) -> str:
    """Say which classes have so few clips to learn from."""
    named = [name for name, count in zip(classes, counts, strict=True) if count == number]
    if not named:
        return ""
    shown = ", ".join(named[:8]) + (f" and {len(named) - 8} more" if len(named) > 8 else "")
    return f"{'Nothing' if number == 0 else 'A single clip'} to learn from for {shown}."
