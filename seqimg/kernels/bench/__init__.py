"""How fast and how lean the kernels are, against what people write by hand and against what is possible.

All figures are ratios within one run, from times taken in turns. What is compared: the naive formulation
([seqimg.kernels.bench.naive][]), eager in both layouts and compiled; every registered kernel, run by the
layer that users call; and the limit, the convolutions alone ([seqimg.kernels.bench.limit][]).
"""

from seqimg.kernels.bench.plan import PARTS, Plan, chosen_dtypes, chosen_parts
from seqimg.kernels.bench.plot import plot_scaling
from seqimg.kernels.bench.result import Check, Column, Result, Row
from seqimg.kernels.bench.run import Measurement, measurements, run
from seqimg.kernels.bench.shapes import Shape

__all__ = [
    "PARTS",
    "Check",
    "Column",
    "Measurement",
    "Plan",
    "Result",
    "Row",
    "Shape",
    "chosen_dtypes",
    "chosen_parts",
    "measurements",
    "plot_scaling",
    "run",
]
