"""What can be set. Each field is a flag, a TOML key and a line of a model's config.json."""

from pydantic import Field

from seqimg.config import Config, TaskConfig


class CleanConfig(TaskConfig):
    """What can be set for training, beside what every task's training understands."""

    steps: int = Field(500, ge=1, description="Optimiser steps.")
    noise: float = Field(0.1, ge=0, le=1, description="Strength of the noise that it learns to take away.")
    width: int = Field(16, ge=1, description="State channels of the memory.")
    cell: str = Field("leaky", description="Recurrent cell; `seqimg cells list` names them.")


class CleanRun(Config):
    """Options of `seqimg clean run`."""

    strength: float = Field(1.0, ge=0, le=1, description="Share of the change that is made to each frame.")
