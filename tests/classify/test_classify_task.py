"""The task: what it answers, learns from and is measured beside; and what `run` shows."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqimg.cuts import Cuts
from seqimg.data import Batch
from seqimg.streaming import Stream
from seqimg.task import Answers, Seen, Shown
from seqimg_classify.answers import Scoring
from seqimg_classify.config import ClassifyRun
from seqimg_classify.mixing import Mixed
from seqimg_classify.segments import COLUMNS, Segments
from tests.classify.clips import batch_of, task_of, videos
from tests.tolerances import STREAMING

TOLERANCE = STREAMING[torch.float32]


@given(
    st.sampled_from(["rows", "convgru"]),
    st.sampled_from(["last", "mean"]),
    st.lists(st.integers(1, 6), min_size=1, max_size=4),
)
@settings(max_examples=25, deadline=None)
def test_padding_changes_no_answer_and_no_loss(model: str, answer: str, lengths: list[int]) -> None:
    torch.manual_seed(0)
    task = task_of(model=model, answer=answer, every_frame=0.5)
    network = task.build_model().eval()
    batch = batch_of(*lengths)
    with torch.inference_mode():
        outputs = task.forward(network, batch)
        scores = task.scoring.clips(outputs, task.expected(batch).lengths)
        losses = []
        for number, length in enumerate(lengths):
            assert batch.labels is not None
            frames, label = batch.frames[number : number + 1, :length], batch.labels[number : number + 1]
            alone = Batch(frames, batch.sources[number : number + 1], labels=label)
            own = task.forward(network, alone)
            assert (task.scoring.clips(own, torch.tensor([length])) - scores[number]).abs().max() < TOLERANCE
            losses.append(task.loss(own, alone).total)
        assert torch.allclose(task.loss(outputs, batch).total, torch.stack(losses).mean(), atol=1e-5)


@pytest.mark.parametrize("several", [False, True])
def test_every_weight_learns_and_the_first_part_is_the_models(several: bool) -> None:
    task = task_of(several=several, class_weights="balanced", smoothing=0.1)
    network = task.build_model().train()
    batch = batch_of(4, 3, several=several)
    losses = task.loss(task.forward(network, batch), batch)
    assert list(losses.parts) == ["model", "average_pool", "last_frame"]
    assert torch.allclose(losses.total, torch.stack(list(losses.parts.values())).sum())
    losses.total.backward()
    assert all(
        weight.grad is not None and bool(weight.grad.isfinite().all()) for weight in network.parameters()
    )


@pytest.mark.parametrize("protocol", ["views", "streaming"])
@pytest.mark.parametrize(("model", "several"), [("rows", False), ("convgru", False), ("convgru", True)])
def test_baselines_have_the_models_shape_and_all_figures_are_finite(
    model: str, several: bool, protocol: str
) -> None:
    task = task_of(model=model, several=several, protocol=protocol)
    network = task.build_model().eval()
    batch = batch_of(5, 3, several=several)
    with torch.inference_mode():
        answers = {"model": task.forward(network, batch)}
        answers |= {name: answer(batch) for name, answer in task.baselines(network).items()}
    rivals = ["average_pool", "last_frame"] if model == "convgru" else []
    assert list(answers) == ["model", "majority", *rivals, "shuffled_frames"]
    for name, outputs in answers.items():
        assert outputs.shape == answers["model"].shape, name
        metrics = task.metrics()
        metrics.update(outputs, task.expected(batch))
        found = metrics.compute()
        assert all(bool(value.isfinite()) and value.dim() == 0 for value in found.values())
        assert set(found) == set(task.conventions())
        assert task.leading_metric in found


def test_majority_says_the_most_frequent_class_by_its_share() -> None:
    task = task_of()
    (logits,) = task.baselines(task.build_model())["majority"](batch_of(2)).softmax(-1)
    assert torch.allclose(logits[0], torch.tensor([6.0, 4, 3]) / 13)


def test_the_data_settle_classes_counts_and_the_size_of_pictures(tmp_path: Path) -> None:
    folder = videos(tmp_path / "set", (4, 3))
    task = task_of(
        data=(str(folder),), classes=(), class_counts=(), clips=0, channels=0, picture=(), frames=2
    )
    with task.datasets() as data:
        settled = task.settled(data)
        config = settled.config
        assert (config.classes, config.channels) == (("a", "b"), 1)
        assert sum(config.class_counts) == config.clips == len(data.train)
        assert settled.labels() == ("a", "b")
        kept = settled.with_config(seed=1).config
        assert kept.class_counts == config.class_counts
    rows = task.with_config(model="rows")
    with rows.datasets() as data:
        assert rows.settled(data).config.picture == (16, 16)


def test_blends_are_of_two_clips_and_their_labels(tmp_path: Path) -> None:
    folder = videos(tmp_path / "set", (4, 4))
    task = task_of(data=(str(folder),), classes=(), class_counts=(), frames=2, mixup=1.0)
    with task.datasets() as data:
        assert isinstance(data.train, Mixed)
        clips = [data.train[number] for number in range(3 * len(data.train))]
        again = data.train[1]
    shares = torch.stack([clip.label for clip in clips if isinstance(clip.label, Tensor)])
    assert torch.allclose(shares.sum(1), torch.ones(len(clips)))
    assert bool(((shares > 0.05) & (shares < 0.95)).any())
    assert torch.equal(again.frames, clips[1].frames)
    # Class b is brighter by 40 of 255.
    brightness = torch.stack([clip.frames.mean() for clip in clips])
    assert torch.allclose(brightness, (30 + 40 * shares[:, 1]) / 255, atol=0.02)


def seen(frames: Tensor, rate: float = 10.0) -> Iterator[Seen]:
    for index, frame in enumerate(frames):
        yield Seen(frame, index, index / rate)


def shown(frames: Tensor, **options: object) -> list[Shown]:
    task = task_of()
    torch.manual_seed(0)
    return list(task.show(Stream(task.build_model()), seen(frames), ClassifyRun(**options)))  # type: ignore[arg-type]


def test_run_answers_each_segment_and_draws_every_frame() -> None:
    frames = torch.rand(25, 3, 12, 16)
    found = shown(frames, segment=1.0, top=2)
    assert sum(one.picture is not None for one in found) == 25
    rows = [row for one in found for row in one.rows]
    assert [
        (row["segment"], row["start"], row["end"], row["frame"], row["frames"], row["rank"]) for row in rows
    ] == [
        (number, start, end, frame, count, rank)
        for number, start, end, frame, count in (
            (1, 0.0, 0.9, 9, 10),
            (2, 1.0, 1.9, 19, 10),
            (3, 2.0, 2.4, 24, 5),
        )
        for rank in (1, 2)
    ]
    assert all(tuple(row) == COLUMNS for row in rows)
    lines = [one.line for one in found if one.line]
    assert len(lines) == 3
    assert lines[0].startswith("0:00:00.000-0:00:00.900  ")
    # As soon as it is known: before the picture of the next segment's first frame.
    order = ["line" if one.line else "picture" for one in found]
    assert order.index("line") == 10


def test_run_says_what_the_whole_clip_says() -> None:
    frames = torch.rand(9, 3, 12, 16)
    (row, *_) = [row for one in shown(frames) for row in one.rows]
    task = task_of()
    torch.manual_seed(0)
    scores = task.build_model().eval()(frames[None])[0][0, -1].detach().softmax(-1)
    assert (row["label"], row["frames"]) == (task.config.classes[int(scores.argmax())], 9)
    assert row["score"] == pytest.approx(float(scores.max()), abs=1e-5)


def test_run_gives_an_answer_for_every_frame_if_asked() -> None:
    found = shown(torch.rand(6, 3, 12, 16), answers="frames", top=1)
    rows = [row for one in found for row in one.rows]
    assert [(row["frame"], row["start"], row["frames"]) for row in rows] == [(n, n / 10, 1) for n in range(6)]


def test_run_forgets_at_a_cut_and_begins_a_segment() -> None:
    random = torch.Generator().manual_seed(1)
    one, other = (torch.rand(3, 48, 64, generator=random) for _ in range(2))
    frames = torch.stack([one] * 4 + [other] * 3)
    found = shown(frames, cuts=True, top=1)
    rows = [row for said in found for row in said.rows]
    assert [(row["frame"], row["frames"]) for row in rows] == [(3, 4), (6, 3)]
    (alone,) = [row for said in shown(frames[4:], top=1) for row in said.rows]
    assert rows[1]["score"] == pytest.approx(alone["score"], abs=1e-5)
    assert len([row for said in shown(frames, top=1) for row in said.rows]) == 1


def test_smoothing_steadies_the_running_answer() -> None:
    frames = torch.rand(12, 3, 12, 16)
    plain, smooth = (
        torch.tensor(
            [row["score"] for one in shown(frames, answers="frames", top=1, **how) for row in one.rows]
        )
        for how in ({}, {"smooth": 0.5})
    )
    assert smooth.diff().abs().mean() < plain.diff().abs().mean()


@pytest.mark.parametrize("channels", [1, 3, 4, 7])
def test_answers_are_drawn_into_frames_of_any_channels_with_gaps(channels: int) -> None:
    task = task_of(channels=channels)
    frame = torch.rand(channels, 30, 40)
    frame[:, 20:22] = torch.nan
    drawn = task.draw(frame, torch.tensor([0.2, 0.5, 0.3]))
    assert drawn.shape == frame.shape
    assert not torch.equal(drawn[:, -1, :20], frame[:, -1, :20])
    assert torch.equal(drawn[:, -1, 20:], frame[:, -1, 20:])


def test_a_pan_is_no_cut() -> None:
    picture = torch.rand(1, 3, 8, 12, generator=torch.Generator().manual_seed(0))
    wide = torch.nn.functional.interpolate(picture, (64, 160), mode="bicubic")[0].clamp(0, 1)
    cuts = Cuts()
    assert not any(cuts(wide[:, :, step : step + 96]) for step in range(0, 40, 3))


@pytest.mark.parametrize("several", [False, True])
def test_panels_show_every_class_and_how_far_scores_can_be_trusted(several: bool) -> None:
    task = task_of(several=several)
    network = task.build_model().eval()
    batches = [batch_of(4, 2, 3, seed=seed, several=several) for seed in range(4)]
    with torch.inference_mode():
        answers = [Answers(batch, {"model": task.forward(network, batch)}) for batch in batches]
    panels = {panel.title: panel for panel in task.panels(answers)}
    assert list(panels) == (["Classes", "Trust"] if several else ["Classes", "Trust", "Clips"])
    rows = panels["Classes"].tables[0].rows
    assert list(rows) == ["a", "b", "c"]
    assert [row[0] for row in rows.values()] == [4, 4, 4]
    assert task.panels([]) == ()


def test_segments_of_a_whole_number_of_frames_have_that_many() -> None:
    segments, counts = Segments(Scoring(), seconds=0.2), []
    for number in range(100):
        ended = segments.over(number / 25)
        if ended is not None:
            counts.append(ended.frames)
        segments.add(torch.zeros(3), number / 25, number, new=ended is not None)
    assert counts == [5] * 19
