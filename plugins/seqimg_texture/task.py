"""Textures as a task: what is learnt from an example, and how what grows is measured."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqimg.data import Batch, ClipDataset, Datasets, Part
from seqimg.streaming import Stream
from seqimg.task import Baseline, Example, Losses, Seen, Shown, Task
from seqimg_texture.baselines import mean_colour, other_crop, random_phase
from seqimg_texture.config import TextureConfig, TextureRun
from seqimg_texture.examples import example_datasets
from seqimg_texture.looking import PAIR, chosen_features, extractor_id
from seqimg_texture.losses import Wanted
from seqimg_texture.model import CELL, Grower
from seqimg_texture.pool import Pool, expanded
from seqimg_texture.showing import alive
from seqimg_texture.step import TextureStep

if TYPE_CHECKING:
    from torchmetrics import MetricCollection

__all__ = ["TextureTask"]

_GROWN = 50  # frames that a texture has lived when it is measured
_RANDOM = "random-multiscale"


class TextureTask(Task[TextureConfig, TextureRun, Tensor]):
    """Grow a texture like an example.

    An answer is one picture of the texture, `[C, H, W]` in [0, 1].
    """

    name = "texture"
    leading_metric = "distance"
    Config = TextureConfig
    RunOptions = TextureRun
    _example: ClipDataset | None = None
    _wanted: Wanted | None = None
    _pool: Pool | None = None

    def datasets(self, part: Part = "test") -> Datasets:
        """Cut crops from the left part of the examples for training, from the right one for testing."""
        return example_datasets(self.config, part)

    def settled(self, data: Datasets) -> Self:
        """Return the task with channels, extractor and frames at once as the data and this machine have them."""
        settled = super().settled(data)
        frames = data.train[0].frames.shape[0]
        ready = settled.with_config(extractor=chosen_features(self.config.extractor), frames=frames)
        ready._example = data.train
        return ready

    def build_model(self) -> Grower:
        """Build the untrained network."""
        return Grower(self.config.channels, self.config.widths, noise=self.config.noise)

    def step_module(self, model: nn.Module) -> nn.Module:
        """Return the step that takes its noise as frames."""
        return TextureStep(cast(Grower, model))

    def outputs_about(self) -> str:
        """Say what the graph takes and gives."""
        return (
            "The texture around [0, 1] after one more frame's time. Frames are no pictures but normal noise (mean 0, "
            "deviation 1), drawn anew for each; their size is the texture's. It has grown after some fifty. At sizes "
            f"that are multiples of {CELL} it is tileable."
        )

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Grow textures of the size of the clips, `[B, T, C, H, W]`: their last frames, at least two.

        In training they are taken from the pool and put back; else they begin with noise, and are looked at after
        fifty frames, within [0, 1].
        """
        frames, count = batch.frames, max(2, batch.frames.shape[1])
        if not model.training:
            grown: Tensor = model(expanded(frames, _GROWN))[0]
            return grown[:, -count:].clamp(0, 1)
        self._pool = self._pool or Pool(self.config.pool, self.config.renewed)
        network = cast(Grower, getattr(model, "module", model))  # of several processes
        growth = self._pool.take(network, (frames.shape[-2], frames.shape[-1]), len(frames))
        first, last = self.config.unrolled
        unrolled = int(torch.randint(first, last + 1, ()))
        pictures, after = model(expanded(frames, unrolled), growth)
        self._pool.put(after)
        learnt: Tensor = pictures[:, -count:]
        return learnt

    def expected(self, batch: Batch) -> Tensor:
        """Return the crops, as many frames of them as textures have."""
        frames = batch.frames
        return frames if frames.shape[1] > 1 else frames.expand(-1, 2, -1, -1, -1)

    def loss(self, outputs: Tensor, batch: Batch) -> Losses:
        """Compare textures with the example: all that is learnt from, or the batch where that is not known."""
        if self._wanted is None or self._example is None:
            features, motion = chosen_features(self.config.extractor), self.config.motion
            if self._example is not None:
                self._wanted = Wanted.of(self._example, features, motion)
            else:
                self._wanted = Wanted(list(batch.frames), features, motion)
        parts = self._wanted.parts(outputs)
        return Losses(torch.stack(list(parts.values())).sum(), parts)

    def metrics(self) -> "MetricCollection":
        """The distance of textures, in the features learnt from and in random ones, and their motion."""
        from torchmetrics import MetricCollection

        from seqimg_texture.measures import Distance, Motion

        features = chosen_features(self.config.extractor)
        found = {"distance": Distance(features), "distance_random": Distance(_RANDOM), "motion": Motion()}
        if self.config.frames == PAIR:
            found["motion_distance"] = Distance(features, motion=True)
        return MetricCollection(found, compute_groups=False)

    def quick_metrics(self) -> "MetricCollection":
        """The leading one."""
        from torchmetrics import MetricCollection

        from seqimg_texture.measures import Distance

        return MetricCollection({"distance": Distance(chosen_features(self.config.extractor))})

    def conventions(self) -> Mapping[str, str]:
        """Say how each metric is computed."""
        how = (
            "squared sliced Wasserstein distance along 128 fixed directions; each layer divided "
            "by its variance in the crop, mean over layers and pairs of a texture and a crop of its size"
        )
        chosen = self.config.extractor
        features = "the extractor's" if chosen == "auto" else extractor_id(chosen)  # auto is not decided yet
        return {
            "distance": f"of {features} features of the 50th frame: {how}",
            "distance_random": f"of {extractor_id(_RANDOM)} features of the 50th frame: {how}",
            "motion_distance": f"of {features} features of three frames in a row as red, green and blue: {how}",
            "motion": "mean absolute change from frame to frame, divided by the crop's standard deviation",
        }

    def baselines(self, model: nn.Module) -> Mapping[str, Baseline]:
        """Another crop of the example, noise with the crop's spectrum, and its mean colour."""
        return {
            "other_crop": lambda batch: other_crop(self.expected(batch)),
            "random_phase": lambda batch: random_phase(self.expected(batch)),
            "mean_colour": lambda batch: mean_colour(self.expected(batch)),
        }

    def decode(self, outputs: Tensor) -> Iterable[Tensor]:
        """Yield the pictures of one texture, clipped to [0, 1]."""
        return outputs[0].clamp(0, 1)

    def draw(self, frame: Tensor, answer: Tensor) -> Tensor:
        """Return the picture."""
        return answer

    def show(self, stream: Stream, frames: Iterable[Seen], options: TextureRun) -> Iterator[Shown]:
        """Yield a picture of the living texture for each frame, in its size; what frames show is not looked at."""
        return alive(stream, frames, options)

    def reads(self, channels: int) -> bool:
        """Say yes to frames of any number of channels: nobody looks at what they show."""
        return True

    @classmethod
    def controls(cls) -> tuple[str, ...]:
        """Speed and stillness; the others begin another texture."""
        return ("speed", "still")

    def example(self, outputs: Tensor, batch: Batch, item: int) -> Example:
        """Return a crop of the example and a texture, as pictures."""
        source = batch.sources[item]

        def pictures(frames: Tensor) -> NDArray[np.float32]:
            picture: NDArray[np.float32] = frames[item].float().clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()
            return picture

        truth = self.expected(batch)
        return Example(
            name=f"{source.path}, crop {source.view}",
            context=pictures(truth[:, :1]),
            truth=pictures(truth),
            answer=pictures(outputs),
        )
