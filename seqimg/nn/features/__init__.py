"""What pictures look like, in numbers: frozen networks whose features style and texture are measured by."""

from seqimg.nn.features.extractor import Extractor
from seqimg.nn.features.registry import EXTRACTORS, extractor
from seqimg.nn.features.textures import directions, gram, sliced_wasserstein

__all__ = ["EXTRACTORS", "Extractor", "directions", "extractor", "gram", "sliced_wasserstein"]
