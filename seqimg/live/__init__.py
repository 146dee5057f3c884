"""`seqimg live`: a page on which a model works on a source while people watch.

Frames go one way: [source][seqimg.live.source] plays a sequence as if it happened now, the
[engine][seqimg.live.engine] shows each frame to the task, and hands what it says to the
[hub][seqimg.live.hub], from which every viewer takes the latest when it is free. The
[guard][seqimg.live.guard] stands before everything that can be asked for. The server's packages are the
extra `live`; nothing here is imported before the command runs.
"""
