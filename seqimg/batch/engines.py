"""Who does the work: this process, several, or Ray."""

import os
from collections.abc import Generator, Iterable
from importlib.util import find_spec

from seqimg.batch.recipe import Job, Outcome, Recipe
from seqimg.errors import UnavailableError

__all__ = ["check_ray", "cores", "run_here"]


def run_here(recipe: Recipe, jobs: Iterable[Job]) -> Generator[Outcome, None, None]:
    """Do jobs one after the other in this process.

    Raises:
        SeqimgError: The model cannot be loaded.
    """
    from seqimg.batch.worker import Worker

    worker = Worker(recipe)
    for job in jobs:
        yield Outcome(job, **worker.do(job.source, job.staged))


def check_ray() -> None:
    """Refuse where Ray is not installed, before any work.

    Raises:
        UnavailableError: It is not.
    """
    if find_spec("ray") is None:
        raise UnavailableError(
            "--engine ray needs the package ray", why="it is not installed", hint="pip install 'seqimg[ray]'"
        )


def cores() -> int:
    """Return how many cores this process may use.

    Example:
        >>> cores() >= 1
        True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
