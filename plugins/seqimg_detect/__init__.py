"""Detection: what is where in an image sequence."""

from seqimg.plugins import TaskSpec, hookimpl

SEQIMG_API = 1


@hookimpl
def seqimg_tasks() -> list[TaskSpec]:
    """Register the task `detect`."""
    return [
        TaskSpec(
            name="detect",
            summary="Find objects in every frame of a sequence.",
            task="seqimg_detect.task:DetectTask",
            config="seqimg_detect.config:DetectConfig",
            run_options="seqimg_detect.config:DetectRun",
        )
    ]
