"""Whole clips at once: hoisted convolutions, gates computed in place, a backward pass written by hand.

`clip` walks through time in chunks and is the same for every family of cells; `conv_gru`, `conv_lstm`
and `min_conv_gru` are what it calls for one step, forward and backward. `op` makes an operator of torch
of the two walks; `kernel` is what is registered.
"""
