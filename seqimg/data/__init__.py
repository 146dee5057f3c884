"""From sequences to clips: working-size frames, windows, batches, generated data."""

from seqimg.data.boxes import Boxes
from seqimg.data.clips import Batch, Clip, ClipSource, collate
from seqimg.data.datasets import ClipDataset, Datasets, SequenceCount, window_datasets
from seqimg.data.generators.dataset import GeneratedDataset
from seqimg.data.items import Item
from seqimg.data.lazy import LazyFrames
from seqimg.data.picking import Picks
from seqimg.data.pixels import fill_missing, resize, to_frame, to_tensor, working_size
from seqimg.data.sampling import LengthBuckets, SequenceBatches, Shuffled
from seqimg.data.splits import Part, split_sequences
from seqimg.data.store import FrameSource, FrameStore
from seqimg.data.transformed import Transformed
from seqimg.data.windows import WindowDataset

__all__ = [
    "Batch",
    "Boxes",
    "Clip",
    "ClipDataset",
    "ClipSource",
    "Datasets",
    "FrameSource",
    "FrameStore",
    "GeneratedDataset",
    "Item",
    "LazyFrames",
    "LengthBuckets",
    "Part",
    "Picks",
    "SequenceBatches",
    "SequenceCount",
    "Shuffled",
    "Transformed",
    "WindowDataset",
    "collate",
    "fill_missing",
    "resize",
    "split_sequences",
    "to_frame",
    "to_tensor",
    "window_datasets",
    "working_size",
]
