"""Frame prediction as a task: what is asked, what counts as right, what stands beside it."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqimg.data import (
    Batch,
    Datasets,
    Part,
    WindowDataset,
    resize,
    window_datasets,
    working_size,
)
from seqimg.errors import SeqimgError
from seqimg.panels import Panel
from seqimg.streaming import Stream
from seqimg.task import Answers, Baseline, Example, Losses, Seen, Shown, Task
from seqimg_predict.augment import Augmented
from seqimg_predict.config import PredictConfig, PredictRun
from seqimg_predict.leadtime import LeadTimes
from seqimg_predict.masks import held, last_valid, masked_mean, mean_valid
from seqimg_predict.model import EncoderForecaster, PredictState
from seqimg_predict.motion import Forecast, apply_forecast

if TYPE_CHECKING:
    from torchmetrics import MetricCollection

__all__ = ["PredictTask"]

_CHUNK = 8  # frames forecast at once: any horizon in constant memory
_FLOOR = 1e-4  # (1 % of the value range)²: below it a difference counts as noise


class PredictTask(Task[PredictConfig, PredictRun, Tensor]):
    """Predict the frames that follow a sequence.

    An answer is one predicted frame, `[C, H, W]` in [0, 1].
    """

    name = "predict"
    leading_metric = "mse"
    Config = PredictConfig
    RunOptions = PredictRun

    def datasets(self, part: Part = "test") -> Datasets:
        """Cut windows of context and horizon; in testing, no frame is predicted twice."""
        config = self.config
        length = config.context + config.horizon
        data = window_datasets(config, length=length, step=config.horizon, part=part)
        if not config.augment or not isinstance(data.train, WindowDataset):
            return data  # generated sequences never repeat themselves
        return replace(data, train=Augmented(data.train, config.augment, config.seed))

    def build_model(self) -> EncoderForecaster:
        """Build the untrained encoder-forecaster."""
        config = self.config
        return EncoderForecaster(
            config.channels,
            config.widths,
            patch=config.patch,
            cell=config.cell,
            kernel_size=config.kernel_size,
            motion=config.motion,
            cuts=config.cuts,
        )

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Predict `[B, horizon, C, H, W]` from each clip's context; clipped to [0, 1] except in training.

        Where a value is missing the model sees the pixel's last one.
        """
        prediction: Tensor = model(held(*self._seen(batch)), horizon=self.config.horizon)[0]
        return prediction if model.training else prediction.clamp(0, 1)

    def expected(self, batch: Batch) -> Tensor:
        """Return the true frames after the context, `[B, horizon, C, H, W]`."""
        return batch.frames[:, self.config.context :]

    def loss(self, outputs: Tensor, batch: Batch) -> Losses:
        """Compare with the true frames.

        `relative` is the clip's squared error over that of copying its last frame, so that quiet
        and lively sequences teach equally; 1 means no better than copying.
        """
        truth = self.expected(batch)
        valid = self.valid(batch)
        error = outputs - truth
        mse = masked_mean(error.square(), valid)
        if self.config.loss == "l1":
            total = masked_mean(error.abs(), valid)
        elif self.config.loss == "mse":
            total = mse
        else:
            clip = (1, 2, 3, 4)
            last = self._context(batch)[:, -1:] if valid is None else last_valid(*self._seen(batch))
            copied = masked_mean((truth - last).square(), valid, clip)
            total = (masked_mean(error.square(), valid, clip) / (copied + _FLOOR)).mean()
        return Losses(total, {"mse": mse})

    def valid(self, batch: Batch) -> Tensor | None:
        """Return where the true frames after the context have a value: neither missing nor padding."""
        valid = batch.valid()
        return None if valid is None else valid[:, self.config.context :]

    def metrics(self) -> "MetricCollection":
        """Errors per pixel and channel of frames in [0, 1], predictions clipped, over all predicted frames."""
        # Takes most of a second to import, which running a model need not wait for.
        from torchmetrics import MeanAbsoluteError, MeanSquaredError, MetricCollection

        return MetricCollection({"mse": MeanSquaredError(), "mae": MeanAbsoluteError()})

    def conventions(self) -> Mapping[str, str]:
        """Say how each metric is computed."""
        where = (
            "per pixel and channel of frames in [0, 1], predictions clipped, mean over all predicted frames"
        )
        return {"mse": f"Squared error {where}.", "mae": f"Absolute error {where}."}

    def baselines(self, model: nn.Module) -> Mapping[str, Baseline]:
        """Copying the last frame, and the mean of the context; of pixels that are missing, what was seen of them."""
        return {
            "copy_last": lambda batch: last_valid(*self._seen(batch)).expand_as(self.expected(batch)),
            "mean_frame": lambda batch: mean_valid(*self._seen(batch)).expand_as(self.expected(batch)),
        }

    def decode(self, outputs: Tensor) -> Iterable[Tensor]:
        """Yield the predicted frames of one sequence, clipped to [0, 1]."""
        return outputs[0].clamp(0, 1)

    def draw(self, frame: Tensor, answer: Tensor) -> Tensor:
        """Return the predicted frame in the size of the source's frames."""
        return resize(answer[None], (frame.shape[-2], frame.shape[-1]))[0]

    def show(self, stream: Stream, frames: Iterable[Seen], options: PredictRun) -> Iterator[Shown]:
        """Read all frames, then yield the predicted ones (after the last `lead_in` of the source).

        The model works at its own size, but what it says about the last frame is done to the frame
        in its own size: what stands still stays as sharp as it was, and so does what moves.
        """
        recent: deque[Tensor] = deque(maxlen=max(options.lead_in, 1))
        last = small = torch.zeros(())
        for frame in (seen.frame for seen in frames):
            recent.append(frame)
            size = working_size(frame.shape[-2], frame.shape[-1], self.config.size)
            resized = resize(frame[None], size)[0]
            # Where a value is missing, the pixel's last one stays.
            last, small = (
                torch.where(new.isnan(), old, new) for new, old in ((frame, last), (resized, small))
            )
            stream.step(small)
        if stream.frames_seen < self.config.context:
            raise SeqimgError(
                f"the sequence has {stream.frames_seen} frames, this model needs {self.config.context} to predict from",
                why="it was trained with that much context",
            )
        last = last[None].to(stream.device)
        if options.lead_in:
            yield from map(Shown, recent)
        for forecast in _forecasts(stream, options.horizon):
            with torch.inference_mode():
                outputs = apply_forecast(last, forecast.resized((last.shape[-2], last.shape[-1])))
            for answer in self.decode(outputs):
                yield Shown(self.draw(last[0], answer).cpu())

    def example(self, outputs: Tensor, batch: Batch, item: int) -> Example:
        """Return one clip's context, truth and prediction as pictures."""
        source = batch.sources[item]

        def pictures(frames: Tensor) -> NDArray[np.float32]:
            picture: NDArray[np.float32] = frames[item].float().clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()
            return picture

        return Example(
            name=f"{source.path} from frame {source.first}",
            context=pictures(self._context(batch)),
            truth=pictures(self.expected(batch)),
            answer=pictures(outputs),
        )

    def panels(self, answers: Iterable[Answers]) -> tuple[Panel, ...]:
        """Return errors and sharpness against lead time."""
        times = LeadTimes()
        for found in answers:
            times.add(found.outputs, self.expected(found.batch), self.valid(found.batch))
        return (times.panel(),)

    def _context(self, batch: Batch) -> Tensor:
        return batch.frames[:, : self.config.context]

    def _seen(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Return the context and where it has values."""
        valid = batch.valid()
        return self._context(batch), None if valid is None else valid[:, : self.config.context]


def _forecasts(stream: Stream, horizon: int) -> Iterator[Forecast]:
    """Yield the forecast of each time after what the stream has read."""
    model, state = cast(EncoderForecaster, stream.model), cast(PredictState, stream.state)
    carried, left = None, horizon
    while left:
        with torch.inference_mode():
            forecast, carried = model.forecast(state, min(left, _CHUNK), carried)
        steps = forecast.change.shape[1]
        left -= steps
        yield from (forecast.frame(number) for number in range(steps))
