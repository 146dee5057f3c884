"""A picture read like a text, row by row: the classical example of a recurrent classifier.

Each row of a picture is one step of a dense GRU; the state after the last row has a linear classifier. Nothing is
remembered from one frame to the next.
"""

from torch import Tensor, nn
from torch.nn.functional import dropout, interpolate

from seqimg.nn import ConvRNN
from seqimg_classify.models.convgru import check_frames
from seqimg_classify.models.rivals import Rivalled, stacked

__all__ = ["RowClassifier"]


class RowClassifier(Rivalled):
    """Say of every frame what it shows.

    Args:
        channels: Channels C of the frames.
        classes: K.
        size: Height and width of the pictures; others are resampled to it.
        units: Size of the GRU's state.
        dropout: Share of the state dropped before the classifier in training.

    Example:
        >>> import torch
        >>> model = RowClassifier(1, classes=10, size=(28, 28))
        >>> model(torch.rand(2, 1, 1, 28, 28))[0].shape
        torch.Size([2, 1, 10])
    """

    has_rivals = False

    def __init__(
        self, channels: int, classes: int, *, size: tuple[int, int], units: int = 128, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.channels, self.size, self.dropout = channels, (size[0], size[1]), dropout
        self.layer = ConvRNN(size[1] * channels, units, cell="gru")
        self.classifier = nn.Linear(units, classes)

    def forward(
        self, frames: Tensor, state: tuple[()] | None = None, *, rivals: bool = False
    ) -> tuple[Tensor, tuple[()]]:
        """Return the logits `[B, T, K]` of frames `[B, T, C, H, W]` in [0, 1], and a state that holds nothing.

        With `rivals` they are `[B, 1, T, K]`, for there are none.

        Raises:
            SeqimgError: The frames have another shape than the model needs.
        """
        check_frames(frames, self.channels)
        pictures = frames.flatten(0, 1)
        if pictures.shape[-2:] != self.size:
            pictures = interpolate(pictures, self.size, mode="bilinear", antialias=True)
        rows = pictures.permute(0, 2, 3, 1).flatten(2)  # [N, H, W · C]
        read = self.layer(rows)[0][:, -1]
        logits: Tensor = self.classifier(dropout(read, self.dropout, self.training))
        logits = logits.unflatten(0, frames.shape[:2])
        return (stacked(logits, {}) if rivals else logits), ()

    def with_rivals(self, frames: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the logits `[B, T, K]`, and no rivals."""
        return self(frames)[0], {}
