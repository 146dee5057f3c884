"""Classification: what an image sequence shows, said after every frame."""

from seqimg.plugins import TaskSpec, hookimpl

SEQIMG_API = 1


@hookimpl
def seqimg_tasks() -> list[TaskSpec]:
    """Register the task `classify`."""
    return [
        TaskSpec(
            name="classify",
            summary="Say what a sequence shows, frame by frame.",
            task="seqimg_classify.task:ClassifyTask",
            config="seqimg_classify.config:ClassifyConfig",
            run_options="seqimg_classify.config:ClassifyRun",
        )
    ]
