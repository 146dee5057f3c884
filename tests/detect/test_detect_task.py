"""Detection as a task: what counts, figures against arithmetic, baselines, and what `run` yields."""

import numpy as np
import pytest
import torch
from torch import Tensor

from seqimg.data import Batch, Boxes, ClipSource, collate
from seqimg.errors import SeqimgError, UsageError
from seqimg.streaming import Stream
from seqimg.task import Seen, Shown
from seqimg_detect.config import DetectConfig, DetectRun
from seqimg_detect.decoding import Detections
from seqimg_detect.model import Detector
from seqimg_detect.task import DetectTask
from seqimg_detect.truth import ClipTruth, counted, truths, without_uncounted

CLASSES = ("car", "person")


def _task(**values: object) -> DetectTask:
    given = {"channels": 3, "classes": CLASSES, "widths": (4, 6, 8), "memory": 5, "grid": 4, **values}
    return DetectTask(DetectConfig(**given))  # type: ignore[arg-type]


def _batch(boxes: list[Boxes], frames: int = 3, **values: object) -> Batch:
    pictures = torch.rand(len(boxes), frames, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    sources = tuple(ClipSource("clip", number) for number in range(len(boxes)))
    return Batch(pictures, sources, boxes=tuple(boxes), **values)  # type: ignore[arg-type]


def _answering(boxes: Boxes, frames: int, classes: int = 2, stride: int = 4) -> Tensor:
    """Maps of 32 × 32 frames that say the boxes, each at its middle, `[1, T, K + 4, 8, 8]`."""
    maps = torch.full((1, frames, classes + 4, 8, 8), -20.0)
    for corners, frame, label in zip(boxes.corners, boxes.frames, boxes.labels, strict=True):
        middle = (corners[:2] + corners[2:]) / 2
        column, row = (middle / stride).long().tolist()
        place = (torch.tensor([column, row]) + 0.5) * stride
        maps[0, frame, label, row, column] = 6.0
        maps[0, frame, classes:, row, column] = torch.cat([place - corners[:2], corners[2:] - place]) / stride
    return maps


BOXES = Boxes.of([[2, 2, 14, 12], [16, 16, 30, 30], [4, 2, 16, 12]], [0, 0, 2], [1, 2, 1], [0, 1, 0])


def test_perfect_answers_have_perfect_figures_and_none_have_none() -> None:
    task, batch = _task(groups=("first",)), _batch([BOXES])
    for outputs, wanted in ((_answering(BOXES, 3), 1.0), (torch.full((1, 3, 6, 8, 8), -20.0), 0.0)):
        metrics = task.metrics()
        metrics.update(outputs, task.expected(batch))
        assert {name: float(value) for name, value in metrics.compute().items()} == pytest.approx(
            {"map50": wanted, "map": wanted, "map50_first": wanted}
        )
    assert set(task.metrics()) <= set(task.conventions())
    assert set(task.quick_metrics()) == {"map", "map50"}


def test_padding_counts_for_nothing() -> None:
    task, batch = _task(groups=()), _batch([BOXES.keep(BOXES.frames == 0)], lengths=torch.tensor([1]))
    outputs = _answering(BOXES, 3)  # its last frame answers padding
    metrics = task.metrics()
    metrics.update(outputs, task.expected(batch))
    assert float(metrics.compute()["map50"]) == 1


def test_a_thing_counts_once_half_of_it_was_seen_hidden_or_not_from_then_on() -> None:
    boxes = Boxes.of(
        [[0, 0, 4, 4]] * 7,
        [0, 1, 2, 0, 3, 5, 1],
        [1, 1, 1, 2, 2, -1, -1],
        visible=[0.4, 0.5, 0, 0, np.nan, 0.1, 0.9],
    )
    assert counted(boxes).tolist() == [False, True, True, False, True, False, True]
    assert counted(Boxes.of([], [])).tolist() == []


def test_what_nobody_could_know_of_is_neither_right_nor_wrong() -> None:
    boxes = Boxes.of([[0, 0, 8, 8], [0, 0, 8, 8]], [0, 1], [1, 1], visible=[0, 1])
    (truth,) = truths(_batch([boxes], frames=2))
    corners = torch.tensor([[0.0, 0, 8, 7], [20, 20, 28, 28]])
    found = Detections(corners, torch.tensor([0.9, 0.8]), torch.tensor([0, 0]))
    kept = without_uncounted([found, found], truth)
    assert [some.scores.tolist() for some in kept] == [[found.scores[1].item()], found.scores.tolist()]


def test_found_boxes_about_a_counted_thing_are_kept_though_another_is_hidden_there() -> None:
    here = [[0.0, 0, 8, 8]]
    none = Boxes.of([], [])
    truth = ClipTruth(Boxes.of(here, [0], labels=[0]), Boxes.of(here, [0], labels=[1]), none, 1, (32, 32))
    found = Detections(torch.tensor(here * 2), torch.tensor([0.9, 0.8]), torch.tensor([0, 1]))
    assert without_uncounted([found], truth)[0].labels.tolist() == [0]


def test_the_loss_is_of_the_model_and_of_its_companion() -> None:
    task, batch = _task(), _batch([BOXES, Boxes.of([], [])])
    model = task.build_model().train()
    maps = task.forward(model, batch)
    losses = task.loss(maps, batch)
    losses.total.backward()
    parts = {name: part.item() for name, part in losses.parts.items()}
    own = parts["scores"] + 2 * parts["classes"] + parts["boxes"]
    assert losses.total.item() == pytest.approx(own + parts["companion"], rel=1e-5)
    unused = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert unused == []
    alone = task.loss(maps[:, 0], batch)
    assert set(alone.parts) == {"scores", "classes", "boxes"}
    assert alone.total.item() == pytest.approx(own, rel=1e-5)


def test_the_companion_does_not_disturb_the_model() -> None:
    task, batch = _task(), _batch([BOXES])
    gradients = []
    for rivals in (True, False):
        torch.manual_seed(0)
        model = _task(rivals=rivals).build_model().train()
        if rivals:
            kept = {name: value for name, value in model.state_dict().items() if "companion" not in name}
        else:
            model.load_state_dict(kept)
        task.loss(task.forward(model, batch), batch).total.backward()
        gradients.append(
            {name: parameter.grad for name, parameter in model.named_parameters() if "companion" not in name}
        )
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name])


def test_baselines_forget_after_every_frame_or_never_remembered() -> None:
    task, batch = _task(), _batch([BOXES] * 2)
    model = task.build_model().eval()
    torch.nn.init.normal_(model.recall[-1].weight, std=0.3)
    with torch.no_grad():
        answers = {name: answer(batch) for name, answer in task.baselines(model).items()}
        whole = task.forward(model, batch)
    assert set(answers) == {"state_reset", "no_memory"}
    assert all(answer.shape == whole.shape for answer in answers.values())
    torch.testing.assert_close(answers["state_reset"][:, 0], whole[:, 0])
    assert float((answers["state_reset"][:, 1:] - whole[:, 1:]).abs().max()) > 1e-3
    assert set(_task(rivals=False).baselines(_task(rivals=False).build_model())) == {"state_reset"}


class _Told(Detector):
    """Answers what it was told, whatever it sees."""

    def __init__(self, maps: Tensor) -> None:
        super().__init__(3, 2, widths=(4, 4), memory=4)
        self.maps, self.sizes = maps, []  # type: ignore[var-annotated]

    def forward(self, frames: Tensor, state: object = None, *, rivals: bool = False) -> tuple[Tensor, int]:  # type: ignore[override]
        self.sizes.append(tuple(frames.shape[-2:]))
        number = state if isinstance(state, int) else 0
        return self.maps[:, number : number + 1], number + 1


def _shown(task: DetectTask, model: Detector, frames: Tensor, **options: object) -> list[Shown]:
    seen = (Seen(frame, index + 5, index / 25) for index, frame in enumerate(frames))
    return list(task.show(Stream(model), seen, DetectRun(**options)))  # type: ignore[arg-type]


def test_a_run_answers_in_the_pixels_of_the_source() -> None:
    task, model = _task(size=32), _Told(_answering(BOXES, 3))
    frames = torch.zeros(3, 3, 64, 64)
    shown = _shown(task, model, frames)
    assert model.sizes == [(32, 32)] * 3
    rows = [row for answer in shown for row in answer.rows]
    assert [(row["frame"], row["label"], row["track"]) for row in rows] == [
        (5, "car", 1),
        (5, "person", 2),
        (7, "car", 1),
    ]
    assert [rows[2][side] for side in ("left", "top", "right", "bottom")] == [8, 4, 32, 24]
    assert all(tuple(row) == task.columns for row in rows)
    for answer, drawn in zip(shown, (True, False, True), strict=True):
        assert answer.picture is not None
        assert answer.picture.shape == (3, 64, 64)
        assert bool((answer.picture > 0).any()) == drawn


def test_threshold_and_links_can_be_chosen() -> None:
    task, model = _task(size=32), _Told(_answering(BOXES, 3))
    frames = torch.zeros(3, 3, 32, 32)
    assert [row["track"] for answer in _shown(task, model, frames, link=False) for row in answer.rows] == [
        None
    ] * 3
    assert [answer.rows for answer in _shown(task, model, frames, threshold=0.999)] == [()] * 3


@pytest.mark.parametrize("channels", [1, 4, 40])
def test_any_number_of_channels_and_missing_values_can_be_shown(channels: int) -> None:
    task = _task(channels=channels)
    frames = torch.rand(2, channels, 20, 30)
    frames[1, :, 3:5] = torch.nan
    shown = _shown(task, task.build_model().eval(), frames, threshold=0.0)
    assert all(answer.picture is not None and answer.picture.shape == (channels, 20, 30) for answer in shown)


def test_examples_show_frames_truth_and_answer() -> None:
    task, batch = _task(), _batch([BOXES], lengths=torch.tensor([2]))
    example = task.example(_answering(BOXES, 3), batch, 0)
    assert example.context.shape == example.truth.shape == example.answer.shape == (2, 32, 32, 3)
    assert np.array_equal(example.truth, example.answer)
    assert not np.array_equal(example.context[0], example.truth[0])
    assert np.array_equal(example.context[1], example.truth[1])


def test_settings_that_make_no_sense_are_refused() -> None:
    for values in ({"grid": 6}, {"widths": ()}, {"kernel_size": 2}, {"groups": ("rare",)}):
        with pytest.raises(ValueError, match=next(iter(values))):
            _task(**values)
    with pytest.raises(UsageError, match="needs classes"):
        _task(classes=()).build_model()


def test_clips_without_boxes_are_named() -> None:
    batch = Batch(torch.zeros(1, 2, 3, 8, 8), (ClipSource("plain.mp4", 0),))
    with pytest.raises(SeqimgError, match=r"plain\.mp4"):
        _task().expected(batch)


def test_generated_tracks_settle_classes_channels_and_figures() -> None:
    task = DetectTask(DetectConfig(data=("demo:tracks?screens=1",), crop=32, frames=3))
    with task.datasets() as data:
        task = task.settled(data)
        batch = collate([data.test[0], data.test[1]])
    assert task.labels() == ("disc", "square", "triangle", "cross")
    assert (task.config.channels, task.config.groups) == (3, DetectConfig().groups)
    assert all(float(truth.boxes.corners.max()) <= 32 for truth in task.expected(batch))


def test_crowds_are_shown_to_the_metrics_but_are_no_truth_to_be_found() -> None:
    here = [[0, 0, 8, 8], [8, 8, 24, 24]]
    boxes = Boxes.of(here, [0, 0], ids=[1, 1], labels=[0, 0], crowds=[False, True])
    source = ClipSource("video", 0, 1)
    batch = Batch(torch.zeros(1, 1, 3, 32, 32), (source,), boxes=(boxes,))
    (truth,) = truths(batch)
    assert (len(truth.boxes), len(truth.uncounted), len(truth.crowds)) == (1, 0, 1)
    assert Boxes.joined([truth.boxes, truth.crowds]).crowds.tolist() == [False, True]
