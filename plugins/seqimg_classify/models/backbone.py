"""Any image network with a memory behind it.

What the image network sees in a frame is corrected by what a recurrent layer remembers:

    y_t = f_t + W_out h_t,    h_t = ConvGRU(W_in f_t, h_{t-1})

with W_out zero before training, so that learning starts from exactly the image network's answer and the memory can
only be an improvement on it.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from seqimg.nn import ConvRNN, State, picture_cell_options
from seqimg.nn.backbones import load_backbone
from seqimg_classify.models.convgru import check_frames
from seqimg_classify.models.rivals import Heads, RivalHeads, Rivalled, stacked

__all__ = ["BackboneClassifier"]


class BackboneClassifier(Rivalled):
    """Say after every frame what the sequence shows, with an image network's eyes.

    Args:
        channels: Channels of the frames.
        classes: K.
        widths: State channels of the recurrent layer, one a level; all have the size of the network's features.
        backbone: `efficientnet-lite0` or `module:attribute`, see [load_backbone][seqimg.nn.backbones.load_backbone].
        frozen: Leave the image network as it is.
        cell: Name of the recurrent cell.
        kernel_size: Side of the recurrent convolutions.
        dropout: Share of the features dropped before the classifier in training.
        rivals: Have networks without memory beside it. They share an image network that is frozen.

    Raises:
        UsageError: No such image network, or the cell is not one for pictures.
        UnavailableError: It, or the cell, is not installed.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        widths: Sequence[int] = (64,),
        *,
        backbone: str = "efficientnet-lite0",
        frozen: bool = True,
        cell: str = "conv_gru",
        kernel_size: int = 3,
        dropout: float = 0.0,
        rivals: bool = True,
    ) -> None:
        super().__init__()
        options = picture_cell_options(cell, kernel_size=kernel_size)
        self.channels, self.has_rivals = channels, rivals
        self.backbone = load_backbone(backbone, channels, frozen=frozen)
        features = self.backbone.features
        self.into = nn.Conv2d(features, widths[0], 1)
        self.layer = ConvRNN(widths[0], widths, cell=cell, **options)
        self.back = nn.Conv2d(widths[-1], features, 1, bias=False)
        nn.init.zeros_(self.back.weight)
        self.head = Heads((features,), classes, dropout)
        # A network that learns, or mixes channels by learnt weights, must not learn from the rivals.
        shared = frozen and self.backbone.mix is None
        self.rival_backbone = (
            load_backbone(backbone, channels, frozen=frozen) if rivals and not shared else None
        )
        self.rival_heads = RivalHeads((features,), classes, dropout) if rivals else None

    def forward(
        self, frames: Tensor, state: State | None = None, *, rivals: bool = False
    ) -> tuple[Tensor, State]:
        """Read frames and answer after each.

        Args:
            frames: `[B, T, C, H, W]` in [0, 1].
            state: What an earlier call returned, or None at the start of a sequence.
            rivals: Answer for the rivals too, for training; a frozen image network looks only once.

        Returns:
            The logits `[B, T, K]`, with rivals `[B, 1 + R, T, K]`, and the state after the last frame.

        Raises:
            SeqimgError: The frames have another shape than the model or the state needs.
            UnavailableError: The image network's weights are neither installed nor loaded.
        """
        check_frames(frames, self.channels)
        features = _each_frame(self.backbone, frames)
        logits, after = self._remembering(features, state)
        return (stacked(logits, self._rivals(frames, features)) if rivals else logits), after

    def with_rivals(self, frames: Tensor) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Return the logits `[B, T, K]` of the model and of its rivals; a frozen image network looks only once."""
        check_frames(frames, self.channels)
        features = _each_frame(self.backbone, frames)
        return self._remembering(features)[0], self._rivals(frames, features)

    def rivals(self, frames: Tensor) -> Mapping[str, Tensor]:
        """Return the rivals' logits `[B, T, K]` by their names."""
        if not self.has_rivals:
            return {}
        shared = self.rival_backbone is None
        return self._rivals(frames, _each_frame(self.backbone, frames) if shared else None)

    def _remembering(self, features: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        remembered, after = self.layer(_each_frame(self.into, features), state)
        corrected = features + _each_frame(self.back, remembered)  # [B, T, F, h, w]
        return self.head([corrected.mean((-1, -2))]), after

    def _rivals(self, frames: Tensor, features: Tensor | None) -> dict[str, Tensor]:
        if self.rival_heads is None:
            return {}
        if self.rival_backbone is not None:
            features = _each_frame(self.rival_backbone, frames)
        assert features is not None
        found: dict[str, Tensor] = self.rival_heads([features.mean((-1, -2))])
        return found


def _each_frame(network: nn.Module, clips: Tensor) -> Tensor:
    """Apply a picture network to every frame of `[B, T, C, H, W]`."""
    applied: Tensor = network(clips.flatten(0, 1)).unflatten(0, clips.shape[:2])
    return applied
