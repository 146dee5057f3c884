"""One picture as a sequence of one frame."""

from pathlib import Path

from seqimg.sequences.pictures.folder import _Frames
from seqimg.sequences.pictures.listing import Listing

__all__ = ["FramePicture"]


class FramePicture(_Frames):
    """One picture as a sequence of one frame, for what learns from pictures as well as from sequences.

    Args:
        path: The picture.
        value_range: The values that mean black and white, as for folders.
        fill_value: A value that stands for a missing one.

    Raises:
        SequenceError: It is damaged, too large, or no picture.

    Example:
        >>> import numpy as np
        >>> from seqimg.sequences.pictures.images import write_png
        >>> write_png(Path(tmp) / "one.png", np.zeros((4, 6, 1), np.uint8))
        >>> FramePicture(Path(tmp) / "one.png").info.frame_count
        1
    """

    def __init__(
        self,
        path: Path,
        *,
        value_range: tuple[float, float] | None = None,
        fill_value: float | None = None,
    ) -> None:
        super().__init__(
            Listing(path, path.parent, [path.name], None),
            format_name="picture",
            on_error="error",
            gaps="error",
            value_range=value_range,
            fill_value=fill_value,
            fit="error",
        )
