"""Detection as a task: what is asked, what counts as right, what stands beside it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqimg.data import Batch, Boxes, Datasets, Part, resize, window_datasets, working_size
from seqimg.data.classes import with_classes
from seqimg.drawing import colour_of, outline
from seqimg.errors import UsageError
from seqimg.nn import picture_cell_options
from seqimg.nn.backbones import allow_backbone
from seqimg.panels import Panel
from seqimg.rows import Row, RowsWriter
from seqimg.streaming import Stream
from seqimg.task import Answers, Baseline, Example, Losses, Seen, Shown, Task
from seqimg_detect.config import DetectConfig, DetectRun
from seqimg_detect.data import checked, knows_visibility
from seqimg_detect.decoding import Detections, detections
from seqimg_detect.losses import clip_losses
from seqimg_detect.model import Detector
from seqimg_detect.stills import WithStills
from seqimg_detect.truth import ClipTruth, truths, without_uncounted

if TYPE_CHECKING:
    from torchmetrics import MetricCollection

__all__ = ["DetectTask"]

_LEAST = 0.05  # score from which a box counts in figures: precision is averaged over all of them
_KINDS = 2.0  # weight of telling classes apart, which is learnt last
_SHOWN = 0.4  # score of a box in the report's pictures
_CAPTIONED = 160  # pixels of the shorter side from which there is room for words


class DetectTask(Task[DetectConfig, DetectRun, Detections]):
    """Find objects in every frame, hidden ones included.

    An answer is what was found in one frame.
    """

    name = "detect"
    resizes = True
    columns = ("frame", "time", "track", "label", "score", "left", "top", "right", "bottom")
    leading_metric = "map50"
    Config = DetectConfig
    RunOptions = DetectRun

    def datasets(self, part: Part = "test") -> Datasets:
        """Cut clips; in testing, no frame comes twice.

        Raises:
            SeqimgError: There are no boxes, or some of a class that the model does not know.
            UsageError: The cell reads no pictures.
        """
        picture_cell_options(self.config.cell)  # refused before anything is read
        frames = self.config.frames
        data = checked(
            window_datasets(self.config, length=frames, step=frames, part=part), self.config.classes
        )
        return replace(data, train=self._with_stills(data)) if self.config.stills else data

    def settled(self, data: Datasets) -> "DetectTask":
        """Fill in channels and classes, and which figures the data allow."""
        if self.config.backbone:
            allow_backbone(self.config.backbone)  # asked for by whoever trains, not by a model folder
        settled = super().settled(data).with_config(classes=data.classes)
        return settled if knows_visibility(data) else settled.with_config(groups=("first",))

    def build_model(self) -> Detector:
        """Build the untrained detector."""
        config = self.config
        if not config.classes:
            raise UsageError("a detector needs classes", hint="--classes car,person")
        return Detector(
            config.channels,
            len(config.classes),
            stride=config.grid,
            widths=config.widths,
            memory=config.memory,
            cell=config.cell,
            kernel_size=config.kernel_size,
            backbone=config.backbone,
            freeze=config.freeze,
            rivals=config.rivals,
        )

    def outputs_about(self) -> str:
        """Say what the numbers of the maps are."""
        return (
            f"Maps [batch, 1, classes + 4, rows, columns], one position for each {self.config.grid} pixels: a logit "
            "for each class (its sigmoid is the score of a thing whose middle is there), then how far its box reaches "
            f"left, up, right and down from there, in units of {self.config.grid} pixels."
        )

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the maps `[B, T, K + 4, h, w]`; in training those of the companion beside, `[B, 2, T, …]`."""
        outputs: Tensor = model(batch.frames, rivals=model.training)[0]
        return outputs

    def expected(self, batch: Batch) -> tuple[ClipTruth, ...]:
        """Return the true boxes of each clip, and which of them count."""
        return truths(batch)

    def loss(self, outputs: Tensor, batch: Batch) -> Losses:
        """Compare with the true boxes: of the scores, of telling classes apart, and of the boxes' overlaps."""
        maps = outputs if outputs.ndim == 6 else outputs[:, None]
        classes = len(self.config.classes)
        scores, kinds, boxes = clip_losses(
            maps, self.expected(batch), stride=self.config.grid, classes=classes
        )
        each = scores + _KINDS * kinds + boxes  # of the model, and of its companion
        parts = {"scores": scores[0], "classes": kinds[0], "boxes": boxes[0]}
        return Losses(each.sum(), parts | ({"companion": each[1]} if len(each) > 1 else {}))

    def metrics(self) -> "MetricCollection":
        """Mean average precision, of everything and of what is hard to see."""
        from seqimg_detect.metrics import collection

        return collection(self.config.classes, self.prepared, groups=self.config.groups)

    def quick_metrics(self) -> "MetricCollection":
        """Mean average precision of everything."""
        from seqimg_detect.metrics import collection

        return collection(self.config.classes, self.prepared, groups=())

    def conventions(self) -> Mapping[str, str]:
        """Say how each metric is computed."""
        from seqimg_detect.metrics import CONVENTIONS

        counts = "a thing counts once half of it was in sight in the clip"
        return {name: f"{about}; {counts}." for name, about in CONVENTIONS.items()}

    def labels(self) -> tuple[str, ...]:
        """Return the names of the classes."""
        return self.config.classes

    def baselines(self, model: nn.Module) -> Mapping[str, Baseline]:
        """The same weights forgetting after every frame, and the network that was trained without memory."""
        detector = cast(Detector, model)

        def state_reset(batch: Batch) -> Tensor:
            alone: Tensor = detector(batch.frames.flatten(0, 1)[:, None])[0].squeeze(1)
            maps: Tensor = alone.unflatten(0, batch.frames.shape[:2])
            return maps

        if detector.companion is None:
            return {"state_reset": state_reset}
        return {
            "state_reset": state_reset,
            "no_memory": lambda batch: detector.without_memory(batch.frames),
        }

    def prepared(
        self, outputs: Tensor, expected: Sequence[ClipTruth]
    ) -> tuple[list[list[Detections]], list[Boxes]]:
        """Return the boxes that figures are about: for each clip those found in each real frame, and the true ones.

        Crowds are among the true ones.
        """
        found = [
            without_uncounted(self._found(maps[: truth.frames], truth.size, _LEAST), truth)
            for maps, truth in zip(outputs, expected, strict=True)
        ]
        return found, [Boxes.joined([truth.boxes, truth.crowds]) for truth in expected]

    def decode(self, outputs: Tensor) -> Iterable[Detections]:
        """Yield what was found in each frame of one sequence, in pixels of the model's frames."""
        return self._found(outputs[0], None, _LEAST)

    def draw(self, frame: Tensor, answer: Detections) -> Tensor:
        """Return the frame with the boxes, in its pixels, each with its class and score."""
        return self._picture(frame, answer, [None] * len(answer))

    def show(self, stream: Stream, frames: Iterable[Seen], options: DetectRun) -> Iterator[Shown]:
        """Yield for each frame the picture with boxes and a row a box, in the source's own pixels."""
        from seqimg_detect.linking import Linker
        from seqimg_detect.scenes import Scenes

        linker = Linker(gap=options.gap) if options.link else None
        # Without tracks, and with all remembered, there is nothing to begin anew.
        looks = options.cuts and (options.link or options.forget)
        scenes = Scenes(linker, stream, forget=options.forget, gap=options.gap) if looks else None
        for seen in frames:
            if scenes is not None:
                scenes.step(seen.frame)
            full = (seen.frame.shape[-2], seen.frame.shape[-1])
            size = working_size(*full, self.config.size)
            outputs = stream.step(resize(seen.frame[None], size)[0])
            (found,) = self._found(outputs[0], size, options.threshold)
            found = found.to("cpu").scaled(size, full)
            numbers: list[int | None] = [None] * len(found) if linker is None else linker.step(found).tolist()
            yield Shown(self._picture(seen.frame, found, numbers), self._rows(seen, found, numbers))

    @classmethod
    def row_formats(cls) -> Mapping[str, type[RowsWriter]]:
        """Return the forms that other tools read boxes in."""
        from seqimg_detect.formats import FORMATS

        return FORMATS

    def example(self, outputs: Tensor, batch: Batch, item: int) -> Example:
        """Return one clip: its frames, the true boxes in them, and those found."""
        source, truth = batch.sources[item], self.expected(batch)[item]
        found = self._found(outputs[item, : truth.frames], truth.size, _SHOWN)
        frames = batch.frames[item, : truth.frames].float().clamp(0, 1).cpu()
        right = [_certain(truth.boxes.in_frame(number)) for number in range(truth.frames)]

        def pictures(boxes: Iterable[Detections]) -> NDArray[np.float32]:
            drawn = [self.draw(frame, some.to("cpu")) for frame, some in zip(frames, boxes, strict=True)]
            shown: NDArray[np.float32] = torch.stack(drawn).permute(0, 2, 3, 1).numpy()
            return shown

        return Example(
            name=f"{source.path} from frame {source.first}",
            context=frames.permute(0, 2, 3, 1).numpy(),
            truth=pictures(right),
            answer=pictures(found),
        )

    def panels(self, answers: Iterable[Answers]) -> Iterable[Panel]:
        """Return precision by class and by what could be seen."""
        from seqimg_detect.panels import panels

        return panels(answers, self.expected, self.prepared, self.config.classes)

    def _with_stills(self, data: Datasets) -> WithStills:
        config = self.config
        single = window_datasets(config, length=1, step=1)
        data.resources.callback(single.close)
        if config.classes:
            single = with_classes(single, config.classes)
        planned = config.epochs * len(data.train) or config.steps * config.batch_size
        until = round(config.stills * planned)
        return WithStills(data.train, single.train, length=config.frames, until=until, seed=config.seed)

    def _found(self, maps: Tensor, size: tuple[int, int] | None, threshold: float) -> list[Detections]:
        """Return what maps `[T, K + 4, h, w]` say about each frame, inside frames of `size`."""
        config = self.config
        found = (
            detections(
                frame, stride=config.grid, threshold=threshold, most=config.most, overlap=config.overlap
            )
            for frame in maps
        )
        return [some if size is None else some.within(size) for some in found]

    def _picture(self, frame: Tensor, found: Detections, numbers: Sequence[int | None]) -> Tensor:
        """Draw boxes in the colour of their track, or of their class, and say what they are where there is room."""
        labels, scores = found.labels.tolist(), found.scores.tolist()
        colours = [
            colour_of(label if number is None else number)
            for label, number in zip(labels, numbers, strict=True)
        ]
        if min(frame.shape[-2:]) < _CAPTIONED:
            return outline(frame, found.corners, colours)
        marks = [
            f"{score:.2f}" if number is None else f"#{number}"
            for score, number in zip(scores, numbers, strict=True)
        ]
        words = [f"{self.config.classes[label]} {mark}" for label, mark in zip(labels, marks, strict=True)]
        return outline(frame, found.corners, colours, words)

    def _rows(self, seen: Seen, found: Detections, numbers: Sequence[int | None]) -> tuple[Row, ...]:
        corners = found.corners.double().round(decimals=2).tolist()
        answers = zip(numbers, found.labels.tolist(), found.scores.tolist(), corners, strict=True)
        return tuple(
            dict(
                zip(
                    self.columns,
                    (
                        seen.index,
                        round(seen.time, 6),
                        number,
                        self.config.classes[label],
                        round(score, 4),
                        *box,
                    ),
                    strict=True,
                )
            )
            for number, label, score, box in answers
        )


def _certain(boxes: Boxes) -> Detections:
    """Return true boxes as if they had been found."""
    return Detections(boxes.corners, torch.ones(len(boxes)), boxes.labels)
