"""A task's own panels, made of all answers while they are measured."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from seqimg.panels import Panel
from seqimg.task import Answers, Task

__all__ = ["of_some", "own_panels"]


def own_panels(
    task: Task[Any, Any, Any], answers: Iterator[Answers]
) -> tuple[tuple[Panel, ...], tuple[str, ...]]:
    """Have a task make its panels of answers, and use up those it leaves; also return what failed.

    A panel that fails costs nothing but itself; an answer that fails is no fault of a panel, and is raised.

    Args:
        task: The task.
        answers: One batch after the other.
    """
    failed: list[Exception] = []

    def passed() -> Iterator[Answers]:
        try:
            for found in answers:  # noqa: UP028 -- a panel that stops early must not close them
                yield found
        except Exception as error:
            failed.append(error)
            raise

    panels: tuple[Panel, ...] = ()
    warnings: tuple[str, ...] = ()
    try:
        panels = tuple(task.panels(passed()))
    except Exception as error:  # noqa: BLE001 -- a plugin's panel may fail in any way; what is measured is measured
        warnings = (f"the panels of the task {task.name} are missing: {type(error).__name__}: {error}",)
    if failed:
        raise failed[0]
    for _ in answers:
        pass  # a task without panels asks for none
    return panels, warnings


def of_some(panels: Iterable[Panel], seen: int, clips: int, processes: int) -> tuple[tuple[Panel, ...], str]:
    """Say of panels that they are of the clips of one of several processes; also return that as a warning.

    Args:
        panels: The panels.
        seen: The clips they are made of.
        clips: All clips.
        processes: How many there are.

    Example:
        >>> of_some([Panel(title="Boxes", note="All.")], 50, 100, 2)[0][0].note
        'Of 50 of 100 clips, those of one of 2 processes. All.'
    """
    words = f"{seen:,} of {clips:,} clips, those of one of {processes} processes"
    some = tuple(replace(panel, note=f"Of {words}. {panel.note}".rstrip()) for panel in panels)
    return some, f"the task's panels are of {words}"
