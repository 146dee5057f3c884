"""The work of `seqimg data index`."""

import time
from collections.abc import Sequence as Several
from pathlib import Path

from seqimg.cli.output import Table, as_word, command, on_one_line, output
from seqimg.errors import SeqimgError
from seqimg.plugins.manager import plugin_host
from seqimg.sequences.finding import format_of
from seqimg.sequences.isolated.looking import index_of
from seqimg.sequences.video.index import VideoIndex

__all__ = ["index"]


def index(paths: Several[str]) -> None:
    """Index videos and print what was found; one that cannot be read does not stop the others.

    Raises:
        SeqimgError: One cannot be read.
    """
    found: list[dict[str, object]] = []
    failed: list[SeqimgError] = []
    with output().progress("Indexing", total=len(paths)) as bar:
        for path in paths:
            began = time.perf_counter()
            try:
                made = index_of(Path(path)) if _is_video(path) else None
            except SeqimgError as error:
                if len(paths) == 1:
                    raise
                failed.append(error)
                found.append({"path": path, "indexed": False, "error": error.why or error.message})
            else:
                seconds = time.perf_counter() - began
                found.append(
                    {"path": path, "indexed": False} if made is None else _described(path, made, seconds)
                )
            bar.advance()
    output().data({"videos": found}, Table(_COLUMNS, [_row(video) for video in found]))
    if failed:
        raise SeqimgError(f"{len(failed)} of {len(paths)} files cannot be indexed", why=failed[0].message)
    output().hint(command("seqimg", "data", "info", as_word(paths[0])))


def _is_video(path: str) -> bool:
    """Tell whether an index serves a path; frames of other formats are found without."""
    spec = plugin_host().formats.get(format_of(path))
    return spec.reader == _VIDEO_READER and spec.name != "gif"


_VIDEO_READER = "seqimg.sequences.video.reader:VideoSequence"
_COLUMNS = ("video", "frames", "keyframes", "seconds", "from")


def _described(path: str, made: VideoIndex, seconds: float) -> dict[str, object]:
    return {
        "path": path,
        "frames": made.frame_count,
        "keyframes": len(made.keyframes) if made.frame_count is not None else None,
        "indexed": True,
        "seconds": round(seconds, 3),
        "cached": made.cached,
        "no_jumps_because": made.doubt,
    }


def _row(video: dict[str, object]) -> list[str]:
    if "error" in video:
        return [on_one_line(str(video["path"])), "", "", "", str(video["error"])]
    if not video["indexed"]:
        return [
            on_one_line(str(video["path"])),
            "",
            "",
            "",
            "no video: its frames are found without an index",
        ]
    source = "the cache" if video["cached"] else "its packets"
    if video["no_jumps_because"]:
        source += f"; frames cannot be jumped to: {video['no_jumps_because']}"
    counts = ["?" if video[name] is None else str(video[name]) for name in ("frames", "keyframes")]
    return [on_one_line(str(video["path"])), *counts, f"{video['seconds']:.3f}", source]
