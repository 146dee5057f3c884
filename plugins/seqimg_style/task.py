"""Restyling as a task: what is learnt, what it is measured by, what stands beside it."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqimg.data import Batch, Datasets, Part
from seqimg.errors import SeqimgError, UnavailableError, UsageError
from seqimg.nn.features import Extractor, extractor
from seqimg.streaming import Stream
from seqimg.task import Baseline, Example, Losses, Seen, Shown, Task
from seqimg_style.baselines import baselines_of
from seqimg_style.config import StyleConfig, StyleRun
from seqimg_style.data import style_datasets
from seqimg_style.flows import measured_flow
from seqimg_style.losses import PaintingLoss, keeping_losses, keeping_total
from seqimg_style.model import Restyler, colours
from seqimg_style.pictures import StylePicture, read_pictures, shape_of
from seqimg_style.showing import show
from seqimg_style.step import StyleStep

if TYPE_CHECKING:
    from torchmetrics import MetricCollection

    from seqimg_style.measures import Truth

__all__ = ["StyleTask"]

_WEAKER = 0.3  # share of the pictures painted in training of which less of the style is asked for


class StyleTask(Task[StyleConfig, StyleRun, Tensor]):
    """Paint a sequence in the style of a picture.

    Outputs are `[B, T, 6, H, W]` in [0, 1]: the result, and after it each frame as it is painted by itself. An answer
    is
    one restyled frame, `[3, H, W]`.
    """

    name = "style"
    leading_metric = "flicker"
    Config = StyleConfig
    RunOptions = StyleRun
    _progress = 1.0
    _learnt: tuple[StylePicture, ...] = ()
    _model: Restyler | None = None
    _amounts: Tensor | None = None
    _truth: "tuple[Tensor, Truth] | None" = None

    def datasets(self, part: Part = "test") -> Datasets:
        """Open what is learnt on: stills in motion; and what is measured with: clips as they are."""
        return style_datasets(self.config, part)

    def settled(self, data: Datasets) -> Self:
        """Fill in the channels, the styles' pictures and what they are told by.

        Raises:
            UsageError: The data have channels that are no colours.
            UnavailableError: What the styles are to be told by is not installed.
            SeqimgError: A style's picture cannot be read.
        """
        if data.channels not in (1, 3):
            raise UsageError(
                f"frames of {data.channels} channels cannot be restyled",
                why="they need 3 for red, green and blue, or 1 for grey",
            )
        config = self.config
        found = _best() if config.extractor == "auto" else extractor(config.extractor)
        pictures = read_pictures(config.style, config.style_size)
        name = next(known for known in _KNOWN if found.id.startswith(known))
        settled = (
            super()
            .settled(data)
            .with_config(
                extractor=name, extractor_id=found.id, pictures=tuple(picture.record for picture in pictures)
            )
        )
        settled._learnt = pictures
        return settled

    def reads(self, channels: int) -> bool:
        """Tell whether frames are in colour or grey: grey is painted as if it were in colour, transparency left out."""
        return channels in (1, 3, 4)

    def build_model(self) -> Restyler:
        """Build the untrained model."""
        config = self.config
        shapes = [shape_of(record) for record in config.pictures]
        model = Restyler(shapes or [(16, 16)], config.width, config.blocks, config.state)
        for number, picture in enumerate(self._learnt):
            getattr(model, f"style_{number}").copy_(picture.pixels)
        return model

    def progressed(self, share: float) -> None:
        """Note how much of the training is done: the first part paints stills, the rest keeps strokes still."""
        self._progress = share

    @property
    def paints(self) -> bool:
        """Whether training is in its first part."""
        return self._progress < self.config.memory_from

    def step_module(self, model: nn.Module) -> nn.Module:
        """Return what restyles frame by frame."""
        return StyleStep(model) if isinstance(model, Restyler) else model

    def outputs_about(self) -> str:
        """Say what the numbers of a picture are."""
        return (
            "The restyled frame in channels 0 to 2, and in 3 to 5 as it is painted by itself, RGB in [0, 1]."
        )

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Restyle clips; in the first part of training only a frame of each, and as much as chance wants."""
        restyler = _restyler(model)
        self._model = restyler
        if not model.training:
            outputs: Tensor = model(batch.frames)[0]
            return outputs
        amounts = self._drawn(restyler.styles, len(batch.frames)).to(batch.frames)
        if not self.paints:
            amounts = amounts[:1].expand(len(amounts), -1)
        self._amounts = amounts
        trained: Tensor = model(batch.frames, amounts=amounts, alone=self.paints)[0]
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            # Processes wait for the gradients of all weights, those that are not being learnt too.
            trained = trained + 0 * torch.stack([weight.sum() for weight in model.parameters()]).sum()
        return trained

    def _drawn(self, styles: int, count: int) -> Tensor:
        """Draw how much of which style each clip is asked for, `[B, S]`."""
        shares = torch.rand(count, styles).pow(4) + 1e-6  # mostly one of them
        shares = shares / shares.sum(1, keepdim=True)
        weaker = torch.rand(count, 1) < _WEAKER
        strength = torch.where(weaker, 1.2 * torch.rand(count, 1), 1.0)
        return shares * strength

    def expected(self, batch: Batch) -> "Truth":
        """Return how the frames move: exactly, where the data say so, else as scikit-image finds it."""
        from seqimg_style.measures import Truth

        if self._truth is None or self._truth[0] is not batch.frames:
            frames = batch.frames
            flow = batch.target
            if flow is None:
                flow = torch.stack([measured_flow(colours(clip)) for clip in frames])
            real = frames.new_ones(frames.shape[:2])
            if batch.lengths is not None:
                steps = torch.arange(frames.shape[1], device=frames.device)
                real = (steps < batch.lengths[:, None]).to(frames)
            self._truth = (frames, Truth(flow, real))
        return self._truth[1]

    def loss(self, outputs: Tensor, batch: Batch) -> Losses:
        """Compare with the style and the frames, or with the frames before."""
        if outputs.shape[1] == 1 or batch.target is None:
            return self._painting_loss(outputs, batch)
        parts = keeping_losses(outputs[:, :, :3], outputs[:, :, 3:], batch.target)
        config = self.config
        total = keeping_total(parts, temporal=config.temporal_weight, fidelity=config.fidelity_weight)
        return Losses(total, parts)

    def _painting_loss(self, outputs: Tensor, batch: Batch) -> Losses:
        config, frames = self.config, colours(batch.frames)[:, : outputs.shape[1]]
        amounts = self._amounts
        if amounts is None or len(amounts) != len(outputs):
            amounts = outputs.new_full((len(outputs), len(config.pictures)), 1 / len(config.pictures))
        self._painting.extractor.to(outputs.device)
        amounts = amounts[:, None].expand(-1, outputs.shape[1], -1).flatten(0, 1)
        parts = self._painting(outputs[:, :, 3:].flatten(0, 1), frames.flatten(0, 1), amounts)
        weights = {
            "style": config.style_weight,
            "content": config.content_weight,
            "tone": config.tone_weight,
            "plain": 3.0,
            "smooth": config.smooth_weight,
        }
        total = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
        return Losses(total, parts)

    @cached_property
    def _painting(self) -> PaintingLoss:
        if self._model is None:
            raise SeqimgError(
                "the style is not known yet", why="no clip was restyled before its loss was asked for"
            )
        pictures = self._model.pictures()
        name = self.config.extractor
        found = _best() if name == "auto" else extractor(name)
        found = found.to(pictures[0].device)
        return PaintingLoss(found, pictures, sliced=self.config.style_loss == "sliced")

    def metrics(self) -> "MetricCollection":
        """Everything that restyled sequences are measured by."""
        from seqimg_style.measures import StyleDistance, collection

        return collection(StyleDistance(self._pictures))

    def quick_metrics(self) -> "MetricCollection":
        """What validations during training measure: all but the distance to the style."""
        from seqimg_style.measures import collection

        return collection(None, ("flicker", "warp_error", "fidelity", "sharpness"))

    def conventions(self) -> Mapping[str, str]:
        """Say how each metric is computed."""
        from seqimg_style.measures import CONVENTIONS

        return CONVENTIONS

    def baselines(self, model: nn.Module) -> Mapping[str, Baseline]:
        """Every frame by itself, running means of 0.5 and 0.3, and one that is moved along with the flow."""
        self._model = _restyler(model)
        return baselines_of(model, lambda batch: self.expected(batch).flow)

    def decode(self, outputs: Tensor) -> Iterable[Tensor]:
        """Yield the restyled frames of one sequence."""
        return outputs[0, :, :3]

    def draw(self, frame: Tensor, answer: Tensor) -> Tensor:
        """Return the restyled frame as it is."""
        return answer

    def show(self, stream: Stream, frames: Iterable[Seen], options: StyleRun) -> Iterator[Shown]:
        """Yield every frame restyled, in its own size."""
        return show(stream, frames, options)

    def example(self, outputs: Tensor, batch: Batch, item: int) -> Example:
        """Return one clip: the source, each frame painted by itself, and the result."""
        source = batch.sources[item]
        parts = (colours(batch.frames), outputs[:, :, 3:], outputs[:, :, :3])
        context, truth, answer = (_pictures(part[item]) for part in parts)
        return Example(f"{source.path} from frame {source.first}", context, truth, answer)

    def _pictures(self) -> list[Tensor]:
        if self._model is None:
            raise SeqimgError("the style is not known yet", why="nothing was restyled before it was measured")
        return self._model.pictures()


_KNOWN = ("random-multiscale", "hed-vgg16", "efficientnet-lite0", "vgg19")


def _best() -> Extractor:
    """Return the extractor that tells styles best, of those that are installed."""
    try:
        return extractor("hed-vgg16")
    except UnavailableError:
        return extractor("random-multiscale")


def _restyler(model: nn.Module) -> Restyler:
    """Return the model inside what other things may have wrapped it in."""
    found: Any = model
    while not isinstance(found, Restyler):
        found = found.module
    return found


def _pictures(frames: Tensor) -> NDArray[np.float32]:
    picture: NDArray[np.float32] = frames.float().clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()
    return picture
