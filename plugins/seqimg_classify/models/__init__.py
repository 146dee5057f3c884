"""The models of classification: `(frames [B, T, C, H, W], state | None) -> (logits [B, T, K], state)`.

The logits of a frame are the answer after it, so those of the last frame are the clip's.
"""

from seqimg.errors import UsageError
from seqimg_classify.config import ClassifyConfig
from seqimg_classify.models.backbone import BackboneClassifier
from seqimg_classify.models.convgru import ConvGRUClassifier
from seqimg_classify.models.rivals import Rivalled
from seqimg_classify.models.rows import RowClassifier

__all__ = ["BackboneClassifier", "ConvGRUClassifier", "Rivalled", "RowClassifier", "build_model"]


def build_model(config: ClassifyConfig) -> Rivalled:
    """Build the untrained model that a configuration describes.

    Raises:
        UsageError: The classes, the channels or what `rows` has to know of the pictures are not settled yet, or an
            option is impossible.
    """
    for name, value in (("classes", config.classes), ("channels", config.channels)):
        if not value:
            raise UsageError(f"no model without {name}", why="training takes them from the data")
    classes, channels = len(config.classes), config.channels
    if config.model == "rows":
        if len(config.picture) != 2:
            raise UsageError(
                "no model without the size of its pictures", why="training takes it from the data"
            )
        size = (config.picture[0], config.picture[1])
        return RowClassifier(channels, classes, size=size, units=config.units, dropout=config.dropout)
    if config.model == "backbone":
        return BackboneClassifier(
            channels,
            classes,
            config.widths,
            backbone=config.backbone,
            frozen=config.freeze,
            cell=config.cell,
            kernel_size=config.kernel_size,
            dropout=config.dropout,
            rivals=config.rivals,
        )
    return ConvGRUClassifier(
        channels,
        classes,
        config.widths,
        cell=config.cell,
        kernel_size=config.kernel_size,
        dropout=config.dropout,
        rivals=config.rivals,
    )
