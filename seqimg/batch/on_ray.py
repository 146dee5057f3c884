"""The work on Ray: a local one that lives as long as the command, or a cluster that is there already."""

import json
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from seqimg.batch.recipe import MOST_ATTEMPTS, Job, Outcome, Recipe
from seqimg.errors import SeqimgError, UnavailableError

__all__ = ["RayWorker", "check_address", "run_on_ray"]

_ATTEMPT = ".seqimg-attempt-"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PATIENCE = 5.0  # seconds
_LONGEST_FOLDER = 40  # Ray keeps sockets there, whose paths may not be long


class RayWorker:
    """A worker as an actor: it is told and answers in JSON.

    Args:
        recipe: The recipe.
    """

    def __init__(self, recipe: str) -> None:
        words = json.loads(recipe)
        self._trouble: str | None = None
        try:
            from seqimg.batch.worker import Worker

            os.chdir(words["folder"])
            self._worker = Worker(Recipe(**words))
        except Exception as error:  # noqa: BLE001 -- told to the driver, by the first job
            self._trouble = json.dumps({"cannot_start": _words(error)})

    def do(self, source: str, target: str) -> str:
        """Do one sequence; return what came of it, and how often it was begun."""
        if self._trouble is not None:
            return self._trouble
        folder = Path(target).parent
        folder.mkdir(parents=True, exist_ok=True)
        # Ray begins anew by itself what a dead worker left; this is how it shows.
        (folder / f"{_ATTEMPT}{uuid4().hex}").touch()
        attempts = sum(1 for _ in folder.glob(f"{_ATTEMPT}*"))
        return json.dumps({**self._worker.do(source, target), "attempts": attempts})


def run_on_ray(
    recipe: Recipe, jobs: Iterable[Job], workers: int, address: str | None
) -> Generator[Outcome, None, None]:
    """Do jobs with so many actors, and yield what came of each, in the order they end.

    Ray starts dead workers again and repeats what they were at, at most twice.

    Args:
        recipe: What is done. On a cluster its paths mean the same on every machine.
        jobs: The jobs; no more are taken than are being worked at.
        workers: How many actors.
        address: Of a cluster; None starts Ray here, on the loopback interface, and ends it afterwards.

    Raises:
        UnavailableError: Ray is not installed.
        SeqimgError: It does not start, or no worker does.
    """
    ray = _ray(own=address is None, loopback=address is None or _host(address) in _LOOPBACK)
    with _connected(ray, workers, address):
        yield from _work(ray, recipe, iter(jobs), workers, _gpus(recipe, workers, address))


def _work(ray: Any, recipe: Recipe, jobs: Iterator[Job], workers: int, gpus: float) -> Iterator[Outcome]:
    options = {"max_restarts": -1, "max_task_retries": MOST_ATTEMPTS - 1, "num_cpus": 1, "num_gpus": gpus}
    actor_class = ray.remote(RayWorker).options(**options)
    first = list(islice(jobs, workers))
    words = json.dumps(asdict(recipe))
    actors = [actor_class.remote(words) for _ in first]
    busy = {
        actor.do.remote(job.source, job.staged): (actor, job)
        for actor, job in zip(actors, first, strict=True)
    }
    try:
        while busy:
            (done, *_), _ = ray.wait(list(busy), num_returns=1)
            actor, job = busy.pop(done)
            outcome = _outcome(ray, done, job)
            if (following := next(jobs, None)) is not None:
                busy[actor.do.remote(following.source, following.staged)] = (actor, following)
            yield outcome
    finally:
        for actor in actors:
            ray.kill(actor)  # at once, whatever it is doing


def _outcome(ray: Any, done: Any, job: Job) -> Outcome:
    try:
        answer = json.loads(ray.get(done))
    except ray.exceptions.RayError as error:
        message = f"the worker for {job.source} died {MOST_ATTEMPTS} times"
        why = next(iter(str(error).strip().splitlines()), type(error).__name__)
        return Outcome(job, MOST_ATTEMPTS, error={"message": message, "why": why, "hint": "fewer --workers"})
    if "cannot_start" in answer:
        raise SeqimgError(**answer["cannot_start"])
    return Outcome(job, **answer)


def check_address(address: str) -> None:
    """Refuse an address where nobody answers: Ray itself would try for minutes.

    Raises:
        SeqimgError: Nobody does.
    """
    host, port = _host(address), address.rpartition(":")[2]
    if not host or not port.isdigit():
        return  # such as auto, which Ray resolves
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise SeqimgError(f"no Ray cluster answers at {address}", why=why, hint="ray status") from error


def _host(address: str) -> str:
    """Return the host of `host:6379` or `ray://host:10001`."""
    return address.rpartition("://")[2].rpartition(":")[0].strip("[]")


def _ray(*, own: bool, loopback: bool) -> Any:
    # Ray reads these when it is imported. Nothing is reported to anybody.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if loopback:
        # Without this it takes 127.0.0.1 for an oversight, and listens on, or looks at, other interfaces.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    if own:  # what listens answers nobody but this command's processes
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    try:
        import ray
    except ImportError as error:
        raise UnavailableError(
            "--engine ray needs Ray", why=str(error), hint="pip install 'seqimg[ray]'"
        ) from error
    return ray


@contextmanager
def _connected(ray: Any, workers: int, address: str | None) -> Iterator[None]:
    folder = None if address else _folder()
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    local = {
        "num_cpus": workers,
        "include_dashboard": False,
        "_node_ip_address": "127.0.0.1",
        "object_store_memory": 100 * 2**20,  # frames do not go through it
        "_temp_dir": folder,
    }
    try:
        # What it prints of workers that die belongs among no command's data.
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
            try:
                ray.init(address=address or "local", **quiet, **({} if address else local))
            except (ConnectionError, RuntimeError, ValueError, OSError) as error:
                why = next(iter(str(error).strip().splitlines()), type(error).__name__)
                what = f"cannot reach Ray at {address}" if address else "Ray does not start"
                hint = (
                    "RAY_AUTH_MODE and RAY_AUTH_TOKEN as the cluster has them" if address else "seqimg doctor"
                )
                raise SeqimgError(what, why=why, hint=hint) from error
            yield
            ray.shutdown()
    finally:
        ray.shutdown()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _folder() -> str:
    base = tempfile.gettempdir()
    return tempfile.mkdtemp(prefix="seqimg-", dir=base if len(base) <= _LONGEST_FOLDER else "/tmp")


def _gpus(recipe: Recipe, workers: int, address: str | None) -> float:
    """Return the share of a GPU that each worker asks for."""
    if recipe.device != "cuda":
        return 0
    import torch

    return 1 if address else min(1.0, torch.cuda.device_count() / workers)


def _words(error: Exception) -> dict[str, str | None]:
    from seqimg.batch.recipe import error_words

    return error_words(error)
