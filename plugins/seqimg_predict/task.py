"""Frame prediction as a task: what is asked, what counts as right, what stands beside it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Self, cast

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
)
from seqimg.nn import picture_cell_options
from seqimg.panels import Panel
from seqimg.streaming import Stream
from seqimg.task import Answers, Baseline, Example, Losses, Seen, Shown, Task
from seqimg_predict.augment import Augmented
from seqimg_predict.baselines import flow_extrapolation, linear_extrapolation
from seqimg_predict.config import PredictConfig, PredictRun
from seqimg_predict.curriculum import Curriculum
from seqimg_predict.leadtime import LeadTimes, events_panels
from seqimg_predict.losses import Compared, loss_terms
from seqimg_predict.masks import held, last_valid, mean_valid
from seqimg_predict.measures import Measure, Spread
from seqimg_predict.measuring import drawn, event_measures, lead_time_measures, picture_measures
from seqimg_predict.model import EncoderForecaster
from seqimg_predict.next_frame import NextFrame
from seqimg_predict.reading import Reader
from seqimg_predict.showing import COLUMNS, ahead, rolling
from seqimg_predict.step import PredictStep
from seqimg_predict.terms import parse_loss

if TYPE_CHECKING:
    from torchmetrics import MetricCollection

__all__ = ["PredictTask"]

_MODELS: dict[str, type[Reader]] = {"encoder_forecaster": EncoderForecaster, "next_frame": NextFrame}


class PredictTask(Task[PredictConfig, PredictRun, Tensor]):
    """Predict the frames that follow a sequence.

    An answer is one predicted frame, `[C, H, W]` in [0, 1].
    """

    name = "predict"
    resizes = True
    leading_metric = "mse"
    Config = PredictConfig
    RunOptions = PredictRun
    columns = COLUMNS
    _progress = 1.0

    def with_config(self, **changes: object) -> Self:
        """Return the same task with values changed; other thresholds leave behind what the loss weighed theirs by."""
        if changes.get("thresholds", self.config.thresholds) != self.config.thresholds:
            changes = {"balance": (), **changes}
        return super().with_config(**changes)

    def datasets(self, part: Part = "test") -> Datasets:
        """Cut windows of context and horizon; in testing, no frame is predicted twice."""
        config = self.config
        picture_cell_options(config.cell)  # refused before anything is read
        length = config.context + config.horizon
        data = window_datasets(config, length=length, step=config.horizon, part=part)
        if not config.augment or not isinstance(data.train, WindowDataset):
            return data  # generated sequences never repeat themselves
        return replace(data, train=Augmented(data.train, config.augment, config.seed))

    def build_model(self) -> Reader:
        """Build the untrained model that the configuration names."""
        config = self.config
        drawing = {"noise": config.noise, "members": config.members} if config.noise else {}
        return _MODELS[config.model](
            config.channels,
            config.widths,
            patch=config.patch,
            cell=config.cell,
            kernel_size=config.kernel_size,
            motion=config.motion,
            cuts=config.cuts,
            coordinates=config.coordinates,
            **drawing,
        )

    def step_module(self, model: nn.Module) -> nn.Module:
        """Return what predicts `config.horizon` frames after each frame."""
        return PredictStep(cast(Reader, model), self.config.horizon)

    def outputs_about(self) -> str:
        """Say what the numbers of a prediction are."""
        frames = "The frames to come, [batch, horizon, channels, height, width] in [0, 1], the next one first"
        if not self.config.noise:
            return f"{frames}."
        return f"{frames}: their mean, and after as many frames as the horizon has, their standard deviation."

    def progressed(self, share: float) -> None:
        """Note how much of the training is done, which decides how much the model is helped."""
        self._progress = share

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Predict `[B, horizon, C, H, W]` from each clip's context; clipped to [0, 1] except in training.

        With noise there are twice as many frames: the spread after the mean; in training two futures.

        Where a value is missing the model sees the pixel's last one. In training the model `next_frame` also
        predicts each frame of the context but the first, and is given part of the true frames to come. Training
        begins with the last few frames of the context and the first few to come.
        """
        if not model.training:
            seen: Tensor = model(held(*self._seen(batch)), horizon=self.config.horizon)[0]
            return seen.clamp(0, 1)
        curriculum = self.curriculum()
        read, horizon = curriculum.lengths()
        if self.config.model != "next_frame":
            fresh = {"fresh": 2} if self.config.noise else {}
            prediction: Tensor = model(held(*self._seen(batch))[:, -read:], horizon=horizon, **fresh)[0]
            return prediction
        frames = held(batch.frames, batch.valid())[:, self.config.context - read :]
        passed: Tensor = model(
            frames[:, :read],
            horizon=horizon,
            future=frames[:, read : read + horizon],
            given=curriculum.given(batch.sources, horizon - 1).to(frames.device),
        )[0]
        return passed

    def curriculum(self) -> Curriculum:
        """Return what is asked of the model at this point of its training."""
        return Curriculum(self.config, self._progress)

    def expected(self, batch: Batch) -> Tensor:
        """Return the true frames after the context, `[B, horizon, C, H, W]`; NaN where there is no value."""
        valid, future = batch.valid(), slice(self.config.context, None)
        truth = batch.frames[:, future]
        return truth if valid is None else truth.masked_fill(~valid[:, future], torch.nan)

    def loss(self, outputs: Tensor, batch: Batch) -> Losses:
        """Compare with the true frames.

        Outputs may begin earlier than after the context, as those of a model that always predicts the next
        frame do in training.
        """
        seen, valid, truth = held(*self._seen(batch)), batch.valid(), batch.frames
        if self.config.noise:  # of each clip a second future
            outputs = torch.cat(outputs.chunk(2, dim=1))
            seen, truth = torch.cat([seen, seen]), torch.cat([truth, truth])
            valid = None if valid is None else torch.cat([valid, valid])
        count, horizon = outputs.shape[1], self.curriculum().lengths()[1]
        end = self.config.context + horizon
        # What copying would have said: of the context the frame before, of the future its last frame.
        copied = torch.cat([seen[:, :-1], seen[:, -1:].expand(-1, horizon, -1, -1, -1)], dim=1)
        names = parse_loss(self.config.loss)
        compared = Compared(
            outputs,
            truth[:, end - count : end],
            None if valid is None else valid[:, end - count : end],
            copied[:, -count:],
            self.config.thresholds,
            self.config.balance or tuple(2.0**place for place in range(len(self.config.thresholds) + 1)),
        )
        parts = loss_terms(compared, {**names, "mse": 1.0})
        total = torch.stack([weight * parts[name] for name, weight in names.items()]).sum()
        return Losses(total, parts)

    def metrics(self) -> "MetricCollection":
        """Everything that predictions are measured by; scores of events if there are thresholds."""
        from seqimg_predict.figures import collection  # takes most of a second, which `run` need not wait for

        return collection(self._measures())

    def quick_metrics(self) -> "MetricCollection":
        """What validations during training measure: those of the configuration."""
        from seqimg_predict.figures import collection

        return collection([measure for measure in self._measures() if measure.kind in self.config.metrics])

    def conventions(self) -> Mapping[str, str]:
        """Say how each metric is computed."""
        return {measure.name: measure.about for measure in self._measures()}

    def baselines(self, model: nn.Module) -> Mapping[str, Baseline]:
        """Copying the last frame, and others; of pixels that are missing, what was seen of them."""
        horizon = self.config.horizon

        def alike(frame: Tensor) -> Tensor:
            return frame.expand(-1, horizon, -1, -1, -1)

        answers: dict[str, Baseline] = {
            "copy_last": lambda batch: alike(last_valid(*self._seen(batch))),
            "mean_frame": lambda batch: alike(mean_valid(*self._seen(batch))),
            "linear": lambda batch: linear_extrapolation(held(*self._seen(batch)), horizon),
            "flow": lambda batch: flow_extrapolation(held(*self._seen(batch)), horizon),
        }
        return {name: answers[name] for name in self.config.baselines}

    def decode(self, outputs: Tensor) -> Iterable[Tensor]:
        """Yield the predicted frames of one sequence, clipped to [0, 1]."""
        return (outputs[0].chunk(2)[0] if self.config.noise else outputs[0]).clamp(0, 1)

    def draw(self, frame: Tensor, answer: Tensor) -> Tensor:
        """Return the predicted frame in the size of the source's frames."""
        return resize(answer[None], (frame.shape[-2], frame.shape[-1]))[0]

    @classmethod
    def columns_for(cls, options: PredictRun) -> tuple[str, ...]:
        """Return the columns of `--rolling`: of what has not happened yet there is nothing to say but its pictures."""
        spread = ("spread",) if options.spread else ()
        return (*cls.columns, *spread) if options.rolling else ()

    @classmethod
    def while_live(cls, options: PredictRun) -> PredictRun:
        """Return options that predict from every frame, and compare, instead of once after the last."""
        return options.model_copy(update={"rolling": True, "lead_in": 0})

    @classmethod
    def controls(cls) -> tuple[str, ...]:
        """Return what may be turned while it runs: all but the spread, which not every model knows."""
        return tuple(name for name in super().controls() if name != "spread")

    def show(self, stream: Stream, frames: Iterable[Seen], options: PredictRun) -> Iterator[Shown]:
        """Yield the frames to come after all others; or, rolling, every prediction beside what came."""
        work = rolling if options.rolling else ahead
        return work(stream, frames, self.config, options)

    def example(self, outputs: Tensor, batch: Batch, item: int) -> Example:
        """Return one clip's context, truth and prediction as pictures."""
        source = batch.sources[item]

        def pictures(frames: Tensor) -> NDArray[np.float32]:
            picture: NDArray[np.float32] = frames[item].float().clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()
            return picture

        return Example(
            name=f"{source.path} from frame {source.first}",
            context=pictures(self._context(batch)),
            truth=pictures(batch.frames[:, self.config.context :]),
            answer=pictures(outputs[:, : self.config.horizon]),
        )

    def panels(self, answers: Iterable[Answers]) -> tuple[Panel, ...]:
        """Return errors, sharpness and what else there is against lead time; scores of events by threshold."""
        thresholds, side = self.config.thresholds, self.config.neighbourhood
        spread = self._spread_measures()
        times = LeadTimes(
            (*lead_time_measures(thresholds, side), *spread),
            (*drawn(thresholds, side), *(measure.name for measure in spread)),
        )
        for found in answers:
            times.add(found.outputs, self.expected(found.batch))
        if not times.sums.names:
            return ()
        return (times.panel(), *events_panels(times.sums, thresholds, side))

    def _measures(self) -> tuple[Measure, ...]:
        events = event_measures(self.config.thresholds, self.config.neighbourhood)
        return (*picture_measures(), *events, *self._spread_measures())

    def _spread_measures(self) -> tuple[Measure, ...]:
        return Spread(self.config.members).measures() if self.config.noise else ()

    def _context(self, batch: Batch) -> Tensor:
        return batch.frames[:, : self.config.context]

    def _seen(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Return the context and where it has values."""
        valid = batch.valid()
        return self._context(batch), None if valid is None else valid[:, : self.config.context]
