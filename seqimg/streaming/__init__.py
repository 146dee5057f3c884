"""Models fed one frame at a time, in constant memory, and what is needed to do so in real time.

| module | what |
|---|---|
| `stream` | [Stream][seqimg.Stream]: a model plus its state |
| `overlapping` | [overlapped][seqimg.streaming.overlapped]: one stage of a pipeline in a thread of its own |
| `latency` | [Latencies][seqimg.streaming.Latencies]: how long each stage takes, in constant memory |
"""

from seqimg.streaming.latency import Latencies, Latency
from seqimg.streaming.overlapping import Mode, Overlapped, overlapped
from seqimg.streaming.stream import Reset, Stream

__all__ = ["Latencies", "Latency", "Mode", "Overlapped", "Reset", "Stream", "overlapped"]
