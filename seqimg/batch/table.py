"""What a run says of its speed, in words."""

from collections.abc import Mapping
from typing import Any

__all__ = ["speed_lines"]

_COLUMNS = ("p50", "p95", "p99")
_WIDTH = 9


def speed_lines(record: Mapping[str, Any]) -> list[str]:
    """Return lines for people of what [seqimg.batch.flow.Timing][] records; none if nothing got beyond its warm-up.

    Example:
        >>> stage = {"frames": 90, "warm_up": 0.2, "p50": 0.0123, "p95": 0.02, "p99": 0.03}
        >>> record = {"stages": {"model": stage}, "frames_in": 93, "frames_answered": 93, "frames_dropped": 0,
        ...           "fps": 70.25, "source_fps": 25.0}
        >>> print(*speed_lines(record), sep=chr(10))
        Milliseconds a frame   p50      p95      p99  warm-up
          model               12.3     20.0     30.0    200.0
        93 frames came, 93 were answered at 70.2 a second (the source has 25).
    """
    stages = {name: figures for name, figures in record["stages"].items() if figures["frames"]}
    if not stages:
        return []
    titles = [*_COLUMNS, "warm-up"]
    lines = [
        "Milliseconds a frame" + titles[0].rjust(_WIDTH - 3) + "".join(t.rjust(_WIDTH) for t in titles[1:])
    ]
    for name, figures in stages.items():
        values = [*(figures[column] for column in _COLUMNS), figures["warm_up"]]
        shown = [f"{1000 * value:.1f}" for value in values]
        lines.append(f"  {name}".ljust(17) + "".join(value.rjust(_WIDTH) for value in shown))
    threads = record.get("threads")
    if threads and threads["chosen"] < threads["most"]:
        lines.append(f"Frames took less time with {threads['chosen']} of {threads['most']} threads.")
    return [*lines, _counts(record)]


def _counts(record: Mapping[str, Any]) -> str:
    parts = [f"{record['frames_in']:,} frames came, {record['frames_answered']:,} were answered"]
    if record["fps"] is not None:
        source = record["source_fps"]
        parts[0] += f" at {record['fps']:.3g} a second" + (
            f" (the source has {source:.4g})" if source else ""
        )
    if "lag_frames" in record:
        lag, delay = record["lag_frames"], record["delay"]
        parts.append(f"{record['frames_dropped']:,} were left out")
        parts.append(f"they waited for up to {lag['most']:.1f} frames for their turn")
        if delay["p95"]:
            parts.append(f"95 % were written within {1000 * delay['p95']:.0f} ms")
    return ", ".join(parts) + "."
