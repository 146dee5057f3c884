"""One frame's work, again and again, to be timed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from seqimg.data import working_size
from seqimg.data.datasets import ClipDataset
from seqimg.export.exporting import Exported
from seqimg.export.measuring import frames_of
from seqimg.export.sessions import OnnxStep
from seqimg.task import Task

__all__ = ["in_onnx", "in_torch", "trial_frames"]

_SIDE = 128  # pixels of the frames where there are no data


def trial_frames(
    found: Exported, clips: ClipDataset | None, task: Task[Any, Any, Any]
) -> list[np.ndarray[Any, Any]]:
    """Return some frames to time a step with, each `[B, 1, C, H, W]`: the data's, or noise.

    Args:
        found: The graph that has to take them.
        clips: Clips, if there are any.
        task: The task.
    """
    shape = found.about.frames.shape
    batch = shape[0] if isinstance(shape[0], int) else 1
    if clips is not None:
        read = next(frames_of(clips, 16))
        return [np.repeat(frame, batch, axis=0) for frame in read]
    sides = [side if isinstance(side, int) else _SIDE for side in shape[3:]]
    height, width = working_size(sides[0], sides[1], 0 if isinstance(shape[3], int) else task.config.size)
    generator = np.random.default_rng(0)
    return [
        generator.random((batch, 1, found.step.channels, height, width), dtype=np.float32) for _ in range(4)
    ]


def in_torch(task: Task[Any, Any, Any], model: torch.nn.Module, frames: list[Any]) -> Callable[[int], object]:
    """Return what does one frame's work in torch, given its number.

    Args:
        task: The task.
        model: Its model.
        frames: What it is given in turn.
    """
    module, state, tensors = (
        task.step_module(model).eval(),
        None,
        [torch.from_numpy(frame) for frame in frames],
    )

    @torch.inference_mode()
    def step(number: int) -> None:
        nonlocal state
        state = module(tensors[number % len(tensors)], state)[1]

    return step


def in_onnx(graph: OnnxStep, frames: list[Any]) -> Callable[[int], object]:
    """Return what does one frame's work in ONNX Runtime, given its number.

    Args:
        graph: The graph.
        frames: What it is given in turn.
    """
    state = graph.start(frames[0])

    def step(number: int) -> None:
        nonlocal state
        state = graph(frames[number % len(frames)], state)[1]

    return step
