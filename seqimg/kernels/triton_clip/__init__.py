r"""Whole clips on GPUs: convolutions by torch (cuDNN) or by Triton, gate arithmetic by Triton, states in fp32.

`walk` goes through time in chunks, forward and backward, and is the same for every family of cells. The
other modules are what one frame is made of; `kernel` holds what is registered as `triton` and `triton_conv`.

Launches of one frame, forward + backward, beside what is shared by a chunk of frames. "C" is a convolution
over channels-last pictures, "T" a launch of [seqimg.kernels.triton_gates][], "K" a convolution of
[seqimg.kernels.triton_conv][] that does the gate arithmetic itself, "M" a copy:

| kernel and cell | forward | backward |
|---|---|---|
| `triton`, ConvGRU, reset before | 2 C + 2 T | 2 C + 2 T + 2 M |
| `triton`, ConvGRU, reset after | 1 C + 1 T | 1 C + 1 T |
| `triton`, ConvLSTM | 1 C + 1 T | 1 C + 1 T |
| `triton`, minimal ConvGRU | none: 1 T a chunk | none: 1 T a chunk |
| `triton_conv`, ConvGRU, reset before | 2 K | 1 T + 3 K |

The copies make dense pictures of two parts of the gates' gradients, for the convolutions.

Bytes a state element and frame that T, K and M move, without C; of K also the pictures, once:

| kernel and cell | forward, fp32 | 16 bits | backward, fp32 | 16 bits |
|---|---|---|---|---|
| `triton`, ConvGRU, reset before | 56 | 36 | 60 + 24 | 38 + 12 |
| `triton`, ConvGRU, reset after | 48 | 30 | 60 | 34 |
| `triton`, ConvLSTM | 64 | 38 | 60 | 40 |
| `triton`, minimal ConvGRU | 12 | 6 | 24 | 12 |
| `triton_conv`, ConvGRU, reset before | 52 | 34 | 72 | 48 |

A state is carried in fp32. In fp32 it is the output; else the output is a copy in the data type, which is
what convolutions read, and where the backward pass starts from (ConvLSTM: from c in fp32, kept for every
frame). An `update` share for each element adds its own bytes, and one pass a chunk to lay it out.

Once a chunk: projecting the input (one convolution, with `gate_bias` added), and in the backward pass the
gradients of frames, weights and biases. With recompute, gates are computed a second time for a whole chunk
in the launches of a single frame, since every state is known.
"""
