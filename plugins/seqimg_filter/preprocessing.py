"""Operations as what a task does first (`--pre`): one callable for each, by its name.

Only those on single frames that keep their size are offered; see [seqimg.sequences.prepared][].
"""

from collections.abc import Callable, Mapping
from functools import partial

from seqimg.sequences import SequenceInfo
from seqimg_filter.framewise import FrameStep
from seqimg_filter.table import operation
from seqimg_filter.words import Call, check_values

__all__ = ["make"]


def make(name: str, arguments: Mapping[str, str], info: SequenceInfo) -> FrameStep:
    """Return an operation made ready for frames.

    Raises:
        UsageError: A parameter or a value is none, or it cannot work on such frames.
    """
    return FrameStep(Call(name, check_values(name, operation(name).by_name, arguments)), info)


def __getattr__(name: str) -> Callable[[Mapping[str, str], SequenceInfo], FrameStep]:
    if name.startswith("__"):
        raise AttributeError(name)
    return partial(make, name)
