"""seqimg: recurrent convolutional networks for image sequences.

Nothing heavy is imported until a name is used:

    >>> import seqimg
    >>> "Stream" in dir(seqimg)
    True
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqimg.cells.importing import import_cell
    from seqimg.config import TaskConfig
    from seqimg.data.clips import Clip
    from seqimg.errors import SeqimgError
    from seqimg.modelfolder import LoadedModel, load
    from seqimg.nn.conv_rnn import ConvRNN
    from seqimg.nn.layers import ConvGRU, ConvLSTM
    from seqimg.sequences.open import open_sequence
    from seqimg.sequences.save import save_sequence
    from seqimg.streaming import Stream, Streams
    from seqimg.task import Task

__version__ = "0.1.0"

__all__ = [
    "Clip",
    "ConvGRU",
    "ConvLSTM",
    "ConvRNN",
    "LoadedModel",
    "SeqimgError",
    "Stream",
    "Streams",
    "Task",
    "TaskConfig",
    "import_cell",
    "load",
    "open_sequence",
    "save_sequence",
]

_HOMES = {
    "Clip": "seqimg.data.clips",
    "ConvGRU": "seqimg.nn.layers",
    "ConvLSTM": "seqimg.nn.layers",
    "ConvRNN": "seqimg.nn.conv_rnn",
    "LoadedModel": "seqimg.modelfolder",
    "SeqimgError": "seqimg.errors",
    "Stream": "seqimg.streaming",
    "Streams": "seqimg.streaming",
    "Task": "seqimg.task",
    "TaskConfig": "seqimg.config",
    "import_cell": "seqimg.cells.importing",
    "load": "seqimg.modelfolder",
    "open_sequence": "seqimg.sequences.open",
    "save_sequence": "seqimg.sequences.save",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'seqimg' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
