"""From sequences to clips: working-size frames, windows, batches, generated data."""

from seqimg.data.clips import Batch, Clip, ClipSource, collate
from seqimg.data.datasets import ClipDataset, Datasets, GeneratedDataset, window_datasets
from seqimg.data.pixels import resize, to_frame, to_tensor, working_size
from seqimg.data.sampling import SequenceBatches, Shuffled
from seqimg.data.store import FrameStore
from seqimg.data.windows import Part, WindowDataset

__all__ = [
    "Batch",
    "Clip",
    "ClipDataset",
    "ClipSource",
    "Datasets",
    "FrameStore",
    "GeneratedDataset",
    "Part",
    "SequenceBatches",
    "Shuffled",
    "WindowDataset",
    "collate",
    "resize",
    "to_frame",
    "to_tensor",
    "window_datasets",
    "working_size",
]
