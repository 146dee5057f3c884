"""What the report shows of a classifier: each class, what is taken for what, whether scores can be trusted, clips."""

from collections.abc import Sequence

import torch
from torch import Tensor

from seqimg.panels import Column, Curve, Panel, Picture, Table, Value
from seqimg.task import Answers
from seqimg_classify.answers import Scoring, Truth
from seqimg_classify.metrics import BINS, Calibration
from seqimg_classify.pictures import Sheet, confusion_png
from seqimg_classify.precision import average_precision

__all__ = ["Findings"]

_MOST = 50  # classes in a table; of more, those told right least


class Findings:
    """Collects what is said of clips, in memory that does not grow with the size of their frames.

    Args:
        classes: Names of the classes.
        scoring: How answers are made of logits.
    """

    def __init__(self, classes: Sequence[str], scoring: Scoring) -> None:
        self._classes, self._scoring = tuple(classes), scoring
        self._calibration = Calibration(scoring)
        self._scores: list[Tensor] = []  # of each batch [n, K]
        self._labels: list[Tensor] = []  # of each batch [n] or [n, K]
        self._sheet = Sheet(self._classes)

    def add(self, answers: Answers, truth: Truth) -> None:
        """Take in a batch."""
        logits = answers.outputs["model"].float()
        self._calibration.to(logits.device).update(logits, truth)
        ends = truth.ends
        if bool(ends.any()):
            scores = self._scoring.clips(logits[ends], truth.lengths[ends]).cpu()
            self._scores.append(scores)
            self._labels.append(truth.labels[ends].cpu())
            self._sheet.add(answers.batch.frames[ends], truth.lengths[ends], scores, self._labels[-1])

    def panels(self) -> tuple[Panel, ...]:
        """Return the panels; none if no clip was seen."""
        if not self._scores:
            return ()
        scores, labels = torch.cat(self._scores), torch.cat(self._labels)
        if labels.dim() == 2:
            return (self._several(scores, labels >= 0.5), self._trust())
        examples = self._sheet.picture()
        shown = () if examples is None else (self._examples(examples),)
        return (self._single(scores, labels), self._trust(), *shown)

    def _single(self, scores: Tensor, labels: Tensor) -> Panel:
        classes = len(self._classes)
        said = scores.argmax(1)
        matrix = torch.bincount(labels * classes + said, minlength=classes**2).reshape(classes, classes)
        rows: dict[str, tuple[Value, ...]] = {}
        for number in _least_sure(matrix):
            own, there, named = (
                int(matrix[number, number]),
                int(matrix[number].sum()),
                int(matrix[:, number].sum()),
            )
            other = matrix[number].clone()
            other[number] = 0
            rows[self._classes[number]] = (
                there,
                own / there if there else None,
                own / named if named else None,
                self._classes[int(other.argmax())] if int(other.sum()) else "nothing",
            )
        columns = (
            Column(name="clips"),
            Column(name="told right", better="higher"),
            Column(name="right when said", better="higher"),
            Column(name="mostly taken for"),
        )
        table = Table(
            title=_title("Classes", classes),
            columns=columns,
            rows=rows,
            note="Recall and precision, in other words.",
        )
        picture = Picture(
            title="Confusion matrix",
            caption="Rows are what clips show, columns what the model says, each row as shares of its clips.",
            data=confusion_png(matrix, self._classes),
        )
        return Panel(
            title="Classes",
            note="Which classes are told right, and which are taken for which.",
            tables=(table,),
            pictures=(picture,),
            beside_figures=True,
        )

    def _several(self, scores: Tensor, right: Tensor) -> Panel:
        said = scores >= 0.5
        rows: dict[str, tuple[Value, ...]] = {}
        hits = (said & right).sum(0)
        order = [int(n) for n in (hits / right.sum(0).clamp(min=1)).argsort(stable=True)[:_MOST]]
        for number in sorted(order):
            there, named, own = int(right[:, number].sum()), int(said[:, number].sum()), int(hits[number])
            rows[self._classes[number]] = (
                there,
                average_precision(scores[:, number], right[:, number]),
                own / there if there else None,
                own / named if named else None,
            )
        columns = (
            Column(name="clips"),
            Column(name="average precision", better="higher"),
            Column(name="told right", better="higher"),
            Column(name="right when said", better="higher"),
        )
        note = "A class is said where its score is 0.5 or more."
        table = Table(title=_title("Classes", len(self._classes)), columns=columns, rows=rows, note=note)
        return Panel(
            title="Classes", note="How each class fares by itself.", tables=(table,), beside_figures=True
        )

    def _trust(self) -> Panel:
        found = self._calibration
        count, right, sure = (values.tolist() for values in (found.count, found.right, found.sure))
        rows: dict[str, tuple[Value, ...]] = {}
        xs, ys = [], []
        for number in range(BINS):
            if count[number]:
                xs.append(sure[number] / count[number])
                ys.append(right[number] / count[number])
                name = f"{number / BINS:.2f} to {(number + 1) / BINS:.2f}"
                rows[name] = (int(count[number]), xs[-1], ys[-1])
        columns = (Column(name="answers"), Column(name="mean score"), Column(name="right"))
        return Panel(
            title="Trust",
            note="Whether an answer of score 0.8 is right 8 times out of 10. Above the diagonal the model is more "
            "often right than it says, below it less often.",
            facts={"expected calibration error": f"{float(found.compute()):.4f}"},
            tables=(Table(title="Answers by score", columns=columns, rows=rows, folded=True),),
            curves=(
                Curve(
                    name="Share right by score",
                    x_label="mean score",
                    y_label="share right",
                    series={"model": (xs, ys), "as it should be": ([0, 1], [0, 1])},
                ),
            ),
        )

    @staticmethod
    def _examples(data: bytes) -> Panel:
        picture = Picture(
            title="Clips with answers",
            caption="First, middle and last frame of each clip. On it: what the model says, with its score, and where "
            "that is wrong what is right. Those that it is most wrong about come first.",
            data=data,
        )
        return Panel(title="Clips", pictures=(picture,))


def _least_sure(matrix: Tensor) -> list[int]:
    """Return the classes to list, in order; of many those with the smallest share told right."""
    shares = matrix.diagonal() / matrix.sum(1).clamp(min=1)
    shares[matrix.sum(1) == 0] = 2.0
    return sorted(int(number) for number in shares.argsort(stable=True)[:_MOST])


def _title(what: str, count: int) -> str:
    return what if count <= _MOST else f"The {_MOST} {what.lower()} of {count} that are told right least"
