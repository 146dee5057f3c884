"""Sequences made on the spot: nothing to download, exact to a fraction of a pixel, and the same for everyone.

| name | what | channels |
|---|---|---|
| [pans][seqimg.data.synthetic.pans] | a camera that pans, zooms and turns over real photographs | 3 |
| [moving_digits][seqimg.data.synthetic.moving_digits] | two digits that bounce about a black canvas | 1 |

Both are [Generator][seqimg.data.generator.Generator] functions; a plugin names one as
`DatasetSpec(name="pans", summary=…, dataset="seqimg.data.synthetic:pans")`. The motion in a sequence is
steady and written down in each function's documentation, so what comes next can be known exactly until
something new comes into view.
"""

from seqimg.data.digits import moving_digits
from seqimg.data.generator import Generator, Split
from seqimg.data.pans import pans

__all__ = ["Generator", "Split", "moving_digits", "pans"]
