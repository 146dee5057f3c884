"""The bricks models are built of."""

from seqimg.nn.conv_rnn import ConvGRU, ConvRNN, State
from seqimg.nn.padding import crop_to, pad_to_multiple

__all__ = ["ConvGRU", "ConvRNN", "State", "crop_to", "pad_to_multiple"]
