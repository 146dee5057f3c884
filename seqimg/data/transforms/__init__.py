"""Changes to whole clips: one draw a clip, so that all its frames change alike.

Each is a small frozen class that maps `(clip, rng)` to a clip of its own. What moves pixels moves the
mask and the boxes with them; what makes up pixels out of nothing marks them as missing in the mask.
`keeps_labels` says whether a class that fits the clip still fits it afterwards.

| class | what it does | keeps labels |
|---|---|---|
| [Crop][seqimg.data.transforms.Crop] | cut out a part: random, the middle, or one of several fixed | yes |
| [Resize][seqimg.data.transforms.Resize] | resample to a size | yes |
| [Flip][seqimg.data.transforms.Flip] | mirror, sideways or upside down | no: sides change places |
| [Rotate][seqimg.data.transforms.Rotate] | turn about the middle | up to 45 degrees |
| [Colour][seqimg.data.transforms.Colour] | brightness, contrast, saturation, hue | yes |
| [Noise][seqimg.data.transforms.Noise] | add Gaussian noise | yes |
| [Reverse][seqimg.data.transforms.Reverse] | play backwards | no: opening becomes closing |
| [DropFrames][seqimg.data.transforms.DropFrames] | hold the frame before in place of some frames | yes |
| [Cutout][seqimg.data.transforms.Cutout] | blank a rectangle in all frames | yes |
| [Mixup][seqimg.data.transforms.Mixup] | blend each clip of a batch with another, labels too | makes shares |

Example:
    >>> import numpy as np, torch
    >>> from seqimg.data import Clip, ClipSource
    >>> change = Compose((Flip("sideways"), Crop((4, 4))))
    >>> clip = Clip(torch.rand(3, 1, 6, 8), ClipSource("a", 0))
    >>> change(clip, np.random.default_rng(0)).frames.shape, change.keeps_labels
    (torch.Size([3, 1, 4, 4]), False)
"""

from seqimg.data.transforms.base import Compose, Sometimes, Transform
from seqimg.data.transforms.colour import Colour, Noise
from seqimg.data.transforms.crops import Crop, Resize
from seqimg.data.transforms.geometry import Flip, Rotate, mirrored
from seqimg.data.transforms.holes import Cutout
from seqimg.data.transforms.mixing import Mixup
from seqimg.data.transforms.time import DropFrames, Reverse

__all__ = [
    "Colour",
    "Compose",
    "Crop",
    "Cutout",
    "DropFrames",
    "Flip",
    "Mixup",
    "Noise",
    "Resize",
    "Reverse",
    "Rotate",
    "Sometimes",
    "Transform",
    "mirrored",
]
