"""What a run leaves behind for its report, beside what training wrote: `report.json` and `samples/`.

| file | what |
|---|---|
| `report.json` | figures, panels, data, time, memory, and the list of cases |
| `samples/NAME.webp` or `.png` | frames of one case, a row each of input, truth, answer and difference |
| `samples/data.png` | frames of the training clips |

`seqimg.training.findings_file` writes and reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from seqimg.panels import Panel

__all__ = [
    "FINDINGS",
    "FORMAT",
    "SAMPLES",
    "Case",
    "Findings",
    "Losses",
    "Part",
    "Sheet",
]

FINDINGS, SAMPLES = "report.json", "samples"
FORMAT = 1
"""Number of the layout of `report.json` that is written."""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Where the frames of a case stand in its picture: a row of tiles each for input, truth, answer and difference.

    Attributes:
        file: Name of the picture in `samples/`.
        width: Of a frame in the picture.
        height: Of a frame in the picture.
        gap: Pixels between frames.
        context: For each frame of the input, how it is called, such as `-1`.
        future: For each frame of truth, answer and error, how it is called, such as `+1`.
        scale: The error that has the brightest colour.
        compressed: Whether colours are a little off, to keep the file small.
        shrunk: Whether frames are smaller than the model's.
    """

    file: str
    width: int
    height: int
    gap: int
    context: tuple[str, ...]
    future: tuple[str, ...]
    scale: float
    compressed: bool = False
    shrunk: bool = False


@dataclass(frozen=True, kw_only=True)
class Case:
    """One clip, picked by how well it was answered.

    Attributes:
        rank: `worst 1`, `median`, `best`.
        name: Where the clip came from.
        score: The leading metric of this clip alone.
        sheet: Its frames; None where the task has none to show.
    """

    rank: str
    name: str
    score: float
    sheet: Sheet | None = None


@dataclass(frozen=True, kw_only=True)
class Part:
    """How much there is of one part of the data."""

    clips: int
    sequences: int


@dataclass(frozen=True, kw_only=True)
class Losses:
    """Frames of one sequence that were damaged or missing, and left out.

    Attributes:
        path: The sequence.
        frames: Frames that were used.
        damaged: Frames known to be damaged.
        missing: Frames that were not there.
        broken_off: Whether an unknown number at the end is left out too.
    """

    path: str
    frames: int
    damaged: int
    missing: int
    broken_off: bool


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What was found when training had ended, or by an evaluation.

    Attributes:
        title: The page's name.
        task: The task's name.
        what: What was measured on, such as `validation clips`.
        chosen_on_these: Whether the model was chosen by the same clips.
        metric: The leading metric.
        better: Which end of each metric is the good one; what is not in it has none.
        clips: Clips measured.
        overall: For the model and each baseline, its metrics.
        sequences: The same for each sequence, if there are few.
        metrics_note: How the figures are computed.
        steps: Steps done.
        best_step: Step whose weights were chosen.
        seconds: Time that training took.
        fingerprint: Digest of the weights.
        memory: Peak memory in bytes, by where.
        parts: How much data there were to train, validate and test with.
        channels: Channels of the frames.
        classes: Names of the classes.
        readings: What was understood of the data, what was missing or damaged.
        sequence_count: Sequences that were read; 0 of what is generated.
        frame_count: Frames of all of them that were used.
        incomplete_count: Sequences of which frames were left out.
        damaged_count: Frames of them known to be damaged.
        missing_count: Frames of them that were not there.
        skipped_count: Sequences that were left out as a whole.
        incomplete: What is known of sequences of which frames were left out, the one that lost most first; of
            many some.
        examined: Clips among which the cases were picked.
        cases: The worst first, then median and best.
        panels: The task's own.
        samples: Picture in `samples/` of training clips; empty if there is none.
        warnings: What is not as it should be.
    """

    title: str
    task: str
    what: str
    chosen_on_these: bool
    metric: str
    clips: int
    overall: Mapping[str, Mapping[str, float]]
    sequences: Mapping[str, Mapping[str, Mapping[str, float]]]
    better: Mapping[str, Literal["lower", "higher"]] = field(default_factory=dict)
    metrics_note: str = ""
    steps: int
    best_step: int
    seconds: float
    fingerprint: str = ""
    memory: Mapping[str, int] = field(default_factory=dict)
    parts: Mapping[str, Part] = field(default_factory=dict)
    channels: int
    classes: tuple[str, ...] = ()
    readings: tuple[str, ...] = ()
    sequence_count: int = 0
    frame_count: int = 0
    incomplete_count: int = 0
    damaged_count: int = 0
    missing_count: int = 0
    skipped_count: int = 0
    incomplete: tuple[Losses, ...] = ()
    examined: int = 0
    cases: tuple[Case, ...] = ()
    panels: tuple[Panel, ...] = ()
    samples: str = ""
    warnings: tuple[str, ...] = ()
    format: int = FORMAT

    def __post_init__(self) -> None:
        answers = [
            *self.overall.values(),
            *(a for figures in self.sequences.values() for a in figures.values()),
        ]
        if any(self.metric not in figures for figures in answers):
            raise ValueError(f"the leading metric {self.metric!r} is missing")
        if any("model" not in figures for figures in (self.overall, *self.sequences.values())):
            raise ValueError("the figures of the model are missing")
        if len({tuple(figures) for figures in self.sequences.values()} | {tuple(self.overall)}) > 1:
            raise ValueError("the sequences have figures of different answers")
