"""Textures: grow pictures and endless videos that look like an example."""

from seqimg.plugins import TaskSpec, hookimpl

SEQIMG_API = 1


@hookimpl
def seqimg_tasks() -> list[TaskSpec]:
    """Register the task `texture`."""
    return [
        TaskSpec(
            name="texture",
            summary="Grow pictures and endless videos that look like an example.",
            task="seqimg_texture.task:TextureTask",
            config="seqimg_texture.config:TextureConfig",
            run_options="seqimg_texture.config:TextureRun",
            commands="seqimg_texture.cli:app",
        )
    ]
