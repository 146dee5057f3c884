"""What stands beside the model: other ways to have painted frames flicker less."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from seqimg.data import Batch
from seqimg.task import Baseline
from seqimg_style.motion import moved

__all__ = ["baselines_of"]


def baselines_of(model: nn.Module, flow: Callable[[Batch], Tensor]) -> dict[str, Baseline]:
    """Return the simpler answers.

    Args:
        model: Its painted frames are what all of them start from.
        flow: How a batch's frames move, as the figures are measured with.
    """
    painted = _Painted(model)

    def alone(batch: Batch) -> Tensor:
        frames = painted(batch)
        return torch.cat([frames, frames], dim=2)

    def averaged(new: float) -> Baseline:
        def answer(batch: Batch) -> Tensor:
            frames = painted(batch)
            results = [frames[:, 0]]
            for frame in frames[:, 1:].unbind(1):
                results.append(torch.lerp(results[-1], frame, new))
            return torch.cat([torch.stack(results, 1), frames], dim=2)

        return answer

    def moved_average(batch: Batch) -> Tensor:
        frames, way = painted(batch), flow(batch)
        results = [frames[:, 0]]
        for frame, step in zip(frames[:, 1:].unbind(1), way.unbind(1), strict=True):
            kept = moved(results[-1], step[:, :2])
            results.append(torch.lerp(frame, kept, 0.5 * step[:, 2:]))
        return torch.cat([torch.stack(results, 1), frames], dim=2)

    return {
        "per_frame": alone,
        "ema_0.5": averaged(0.5),
        "ema_0.3": averaged(0.3),
        "warped_ema_0.5": moved_average,
    }


class _Painted:
    """The painted frames of the batch that was asked about last."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._frames: Tensor | None = None
        self._painted = torch.empty(0)

    def __call__(self, batch: Batch) -> Tensor:
        if self._frames is not batch.frames:
            self._frames, self._painted = batch.frames, self._model(batch.frames)[0][:, :, 3:]
        return self._painted
