"""Sequences made on the spot: nothing to download, exact to a fraction of a pixel, and the same for everyone.

| name | what | channels | beside frames |
|---|---|---|---|
| [pans][seqimg.data.generators.pans] | a camera that pans, zooms and turns over real photographs | 3 | |
| [pan][seqimg.data.generators.pan] | the same | 3 | exact optical flow |
| [motion][seqimg.data.generators.motion] | eight motions that only the order of frames tells apart | 3 | class |
| [tracks][seqimg.data.generators.tracks] | objects that pass among clutter, behind bars, through noise | 3 | boxes |
| [moving_digits][seqimg.data.generators.moving_digits] | digits that bounce about a black canvas | 1 | |

All are [Generator][seqimg.data.generators.generator.Generator] functions; a plugin names one as
`DatasetSpec(name="pans", summary=…, dataset="seqimg.data.generators:pans")`. The motion in a sequence is
written down in each function's documentation, so what comes next can be known exactly until
something new comes into view.
"""

from seqimg.data.generators.bouncing import moving_digits, moving_digits_batch
from seqimg.data.generators.generator import Generator, Split
from seqimg.data.generators.motions import motion
from seqimg.data.generators.panning import pan, pans
from seqimg.data.generators.samples import Flow, Sample, Tracks
from seqimg.data.generators.tracking import tracks

__all__ = [
    "Flow",
    "Generator",
    "Sample",
    "Split",
    "Tracks",
    "motion",
    "moving_digits",
    "moving_digits_batch",
    "pan",
    "pans",
    "tracks",
]
