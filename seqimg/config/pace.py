"""How fast a source's frames are taken."""

from pydantic import Field

from seqimg.config.classes import Config

__all__ = ["PaceConfig", "PaceWithCutsConfig"]


class PaceConfig(Config):
    """How fast a source's frames are taken by `run`, and what is left out.

    Example:
        >>> PaceConfig(live=True, max_latency=0.5).max_latency
        0.5
    """

    live: bool | None = Field(
        None,
        description="Work on the newest frame and leave out those that the model is too slow for; a file is played at "
        "its own speed. [for cameras and live addresses]",
    )
    max_latency: float | None = Field(
        None,
        gt=0,
        le=3600,
        description="Live: let frames wait for their turn so long before they are left out. [only the newest waits]",
        json_schema_extra={"metavar": "SECONDS"},
    )
    fps: float | None = Field(
        None,
        gt=0,
        le=1000,
        description="Frames a second that the source is brought to, by the nearest in time. [as in training]",
        json_schema_extra={"metavar": "RATE"},
    )


class PaceWithCutsConfig(PaceConfig):
    """The same for tasks that have no option of their own about cuts.

    Example:
        >>> PaceWithCutsConfig(reset_on_cut=True).reset_on_cut
        True
    """

    reset_on_cut: bool = Field(False, description="Forget what was seen where another scene begins.")
