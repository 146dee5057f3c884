"""Gate arithmetic as Triton programs over channels-last data: the pointwise half of a recurrent cell.

The convolutions are cuDNN's (or whoever the caller asks); each function here is exactly one launch on
the device and in the current stream of its operands, in place where its contract says so. States are
fp32, data fp16, bf16 or fp32, arithmetic fp32. Any C works; C % 8 == 0 makes every access 16 bytes wide.

| cell | launches a frame, forward + backward | |
|---|---|---|
| ConvGRU, reset before | 2 + 2 | [seqimg.kernels.triton_gates.gru_before][] |
| ConvGRU, reset after | 1 + 1 | [seqimg.kernels.triton_gates.gru_after][] |
| ConvLSTM | 1 + 1 | [seqimg.kernels.triton_gates.conv_lstm][] |
| minimal ConvGRU | 1 + 1 for all frames | [seqimg.kernels.triton_gates.scan][] |

Importing this package needs no Triton; the first launch does.
"""

from seqimg.kernels.triton_gates.conv_lstm import lstm, lstm_backward
from seqimg.kernels.triton_gates.gru_after import after, after_backward
from seqimg.kernels.triton_gates.gru_before import blend, blend_backward, reset, reset_backward
from seqimg.kernels.triton_gates.launch import Launch, Traffic, record
from seqimg.kernels.triton_gates.operands import as_rows
from seqimg.kernels.triton_gates.scan import linear_scan, linear_scan_backward

__all__ = [
    "Launch",
    "Traffic",
    "after",
    "after_backward",
    "as_rows",
    "blend",
    "blend_backward",
    "linear_scan",
    "linear_scan_backward",
    "lstm",
    "lstm_backward",
    "record",
    "reset",
    "reset_backward",
]
