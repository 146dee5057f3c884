"""How fast `seqimg TASK run` takes frames, and how it ends where a source has no end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from seqimg.batch.application import Application
from seqimg.batch.flow import Flow
from seqimg.cli.output import output
from seqimg.config import Config, PaceConfig
from seqimg.errors import SeqimgError, UsageError
from seqimg.masking import masked
from seqimg.plugins import TaskSpec, resolve
from seqimg.sequences.base import SequenceInfo
from seqimg.task import Task

__all__ = ["check_many", "flow_of", "flow_sentence", "kept_on_interrupt", "loaded_options"]


def check_many(pace: PaceConfig, source: str) -> None:
    """Refuse for many sequences what means something for one only.

    Raises:
        UsageError: Such an option was given.
    """
    for name, value in pace.model_dump().items():
        if value:
            raise UsageError(
                f"--{name.replace('_', '-')} means nothing for {masked(source)}",
                why="it is for one source, and these are several sequences",
            )


def flow_of(pace: PaceConfig, info: SequenceInfo) -> Flow:
    """Return how frames flow: cameras and live addresses wait for nobody, pipes and files do.

    Raises:
        UsageError: A latency is asked for where nothing is left out.
    """
    live = info.format == "live" if pace.live is None else pace.live
    if pace.max_latency is not None and not live:
        raise UsageError(
            "--max-latency means nothing here", why="every frame of the source is used", hint="add --live"
        )
    return Flow(
        live=live,
        max_latency=pace.max_latency,
        paced=live and not info.live,
        cuts=bool(getattr(pace, "reset_on_cut", False)),
        fps=pace.fps,
    )


def loaded_options(spec: TaskSpec, options: Config, flow: Flow) -> Config:
    """Return the options of a task as they have to be where frames have no end."""
    if not flow.live:
        return options
    task: type[Task[Any, Any, Any]] = resolve(spec.task)
    found: Config = task.while_live(options)
    return found


def flow_sentence(flow: Flow, info: SequenceInfo) -> str | None:
    """Say what becomes of frames that the model is too slow for, where there are any."""
    if not flow.live:
        return None
    wait = (
        "only the newest frame waits for its turn"
        if flow.max_latency is None
        else f"frames wait for their turn for up to {flow.max_latency:g} s"
    )
    played = " at its own speed" if flow.paced else ""
    return f"Live{played}: {wait}; Ctrl-C ends it and keeps what there is."


@contextmanager
def kept_on_interrupt(work: Application, flow: Flow) -> Iterator[list[bool]]:
    """In the block, let the first Ctrl-C end a live source as if it had no more frames; the second one interrupts.

    Yields:
        A list that is not empty once that has happened.
    """
    pressed: list[bool] = []
    if not flow.live or threading.current_thread() is not threading.main_thread():
        yield pressed
        return

    def finish(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, before)
        pressed.append(True)
        output().say("Stopping; once more to give up what was done.")
        work.finish()

    before = signal.signal(signal.SIGINT, finish)
    try:
        yield pressed
    except SeqimgError as error:
        if pressed:  # too early for anything to be kept
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)
