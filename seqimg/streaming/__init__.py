"""Models fed one frame at a time, in constant memory, and what is needed to do so in real time.

| module | what |
|---|---|
| `stream` | [Stream][seqimg.Stream]: a model plus its state |
| `streams` | [Streams][seqimg.Streams]: many of them over one model, stepped at once |
| `remembering` | when a stream begins anew |
| `keeping` | what a stream remembers, as a file |
| `overlapping` | [overlapped][seqimg.streaming.overlapped]: one stage of a pipeline in a thread of its own |
| `latency` | [Latencies][seqimg.streaming.Latencies]: how long each stage takes, in constant memory |
"""

from seqimg.streaming.latency import Latencies, Latency
from seqimg.streaming.overlapping import Mode, Overlapped, overlapped
from seqimg.streaming.remembering import Reset
from seqimg.streaming.stream import Stream, StreamOutput
from seqimg.streaming.streams import Streams

__all__ = [
    "Latencies",
    "Latency",
    "Mode",
    "Overlapped",
    "Reset",
    "Stream",
    "StreamOutput",
    "Streams",
    "overlapped",
]
