"""The task: what is asked, what counts as right, what stands beside it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seqimg.data import Batch, Datasets, Part, window_datasets
from seqimg.streaming import Stream
from seqimg.task import Baseline, Losses, Seen, Shown, Task
from seqimg_example.config import CleanConfig, CleanRun
from seqimg_example.model import CleanModel

if TYPE_CHECKING:
    from torchmetrics import MetricCollection

CLIP = 8  # frames


class CleanTask(Task[CleanConfig, CleanRun, Tensor]):
    """Clean up noisy frames with what came before them.

    It learns from any sequences: noise is added to them, and has to be taken away again. An answer is a
    frame `[C, H, W]` in [0, 1].
    """

    name = "clean"
    leading_metric = "mse"
    Config = CleanConfig
    RunOptions = CleanRun

    def datasets(self, part: Part = "test") -> Datasets:
        """Cut clips of eight frames."""
        return window_datasets(self.config, length=CLIP, step=CLIP, part=part)

    def build_model(self) -> nn.Module:
        """Build the untrained model."""
        return CleanModel(self.config.channels, self.config.width, self.config.cell)

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Clean noisy frames, `[B, T, C, H, W]`."""
        outputs: Tensor = model(self._noisy(batch, fresh=model.training))[0]
        return outputs

    def expected(self, batch: Batch) -> Tensor:
        """Return the frames as they were."""
        return batch.frames

    def valid(self, batch: Batch) -> Tensor | None:
        """Return where there is something to compare with: not in padding, nor where values are missing."""
        return batch.valid()

    def loss(self, outputs: Tensor, batch: Batch) -> Losses:
        """Return the mean squared error where there are values."""
        error = (outputs - batch.frames).square()
        valid = batch.valid()
        if valid is not None:
            error = error[valid.expand_as(error)]
        mse = error.mean()
        return Losses(mse, {"mse": mse})

    def metrics(self) -> "MetricCollection":
        """Return the figures in every table."""
        from torchmetrics import MeanAbsoluteError, MeanSquaredError, MetricCollection

        return MetricCollection({"mse": MeanSquaredError(), "mae": MeanAbsoluteError()})

    def conventions(self) -> Mapping[str, str]:
        """Say how each figure is computed."""
        over = "over all pixels and channels of all frames, frames in [0, 1], noise added before"
        return {"mse": f"mean squared error {over}", "mae": f"mean absolute error {over}"}

    def baselines(self, model: nn.Module) -> Mapping[str, Baseline]:
        """Leave the frames as they are, or blur them."""

        def blurred(batch: Batch) -> Tensor:
            noisy = self._noisy(batch)
            return nn.functional.avg_pool2d(
                noisy.flatten(0, 1), 3, stride=1, padding=1, count_include_pad=False
            ).view_as(noisy)

        return {"noisy": self._noisy, "blurred": blurred}

    def decode(self, outputs: Tensor) -> Iterable[Tensor]:
        """Yield the frames of one sequence."""
        return outputs[0].clamp(0, 1)

    def draw(self, frame: Tensor, answer: Tensor) -> Tensor:
        """Return the picture for the video: the answer itself, with nothing where nothing was seen."""
        return answer.to(frame.device).masked_fill(frame.isnan(), torch.nan)

    def show(self, stream: Stream, frames: Iterable[Seen], options: CleanRun) -> Iterator[Shown]:
        """Yield each frame as soon as it is clean."""
        for seen in frames:
            for answer in self.decode(stream.step(seen.frame)):
                picture = self.draw(seen.frame, answer)
                yield Shown(seen.frame.lerp(picture, options.strength))

    @classmethod
    def controls(cls) -> tuple[str, ...]:
        """Return what people may turn while frames come, on the page of `seqimg live`."""
        return ("strength",)

    def _noisy(self, batch: Batch, *, fresh: bool = False) -> Tensor:
        """Add noise: another one every time, or, to compare answers, always the same for the same clips."""
        generator = None
        if not fresh:
            places = sum(source.first for source in batch.sources)
            generator = torch.Generator().manual_seed(self.config.seed + places)
        noise = torch.randn(batch.frames.shape, generator=generator).to(batch.frames)
        return batch.frames + self.config.noise * noise
