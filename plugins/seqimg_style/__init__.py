"""Restyling: image sequences painted in the style of a picture, without flicker."""

from seqimg.plugins import TaskSpec, hookimpl

SEQIMG_API = 1


@hookimpl
def seqimg_tasks() -> list[TaskSpec]:
    """Register the task `style`."""
    return [
        TaskSpec(
            name="style",
            summary="Paint a sequence in the style of a picture.",
            task="seqimg_style.task:StyleTask",
            config="seqimg_style.config:StyleConfig",
            run_options="seqimg_style.config:StyleRun",
            commands="seqimg_style.cli:app",
        )
    ]
