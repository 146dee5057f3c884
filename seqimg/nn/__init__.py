"""The bricks models are built of."""

from seqimg.nn.checks import picture_cell_options
from seqimg.nn.conv_rnn import ConvRNN, State, detached
from seqimg.nn.layers import ConvGRU, ConvLSTM
from seqimg.nn.padding import crop_to, pad_to_multiple

__all__ = [
    "ConvGRU",
    "ConvLSTM",
    "ConvRNN",
    "State",
    "crop_to",
    "detached",
    "pad_to_multiple",
    "picture_cell_options",
]
