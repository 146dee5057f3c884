"""Frame prediction: what comes next in an image sequence."""

from seqimg.plugins import TaskSpec, hookimpl

SEQIMG_API = 1


@hookimpl
def seqimg_tasks() -> list[TaskSpec]:
    """Register the task `predict`."""
    return [
        TaskSpec(
            name="predict",
            summary="Predict the next frames of a sequence.",
            task="seqimg_predict.task:PredictTask",
            config="seqimg_predict.config:PredictConfig",
            run_options="seqimg_predict.config:PredictRun",
        )
    ]
