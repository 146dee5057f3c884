"""`seqimg TASK run` on many sequences."""

import hashlib
import os
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Literal

from seqimg import __version__, modelfolder
from seqimg.batch.engines import check_ray, cores, run_here
from seqimg.batch.naming import FOLDER, Names
from seqimg.batch.recipe import Job, Outcome, Recipe
from seqimg.batch.results import Results
from seqimg.batch.sources import Many
from seqimg.cli.machine import chosen_device, device_sentence, kernel_sentence
from seqimg.cli.many_talk import Meter, conclude, crew_sentence, found_sentence
from seqimg.cli.output import output
from seqimg.config import Config, ReadingConfig
from seqimg.errors import SeqimgError, UsageError, did_you_mean
from seqimg.masking import masked
from seqimg.plugins import TaskSpec
from seqimg.plugins.manager import plugin_host
from seqimg.rows import ROW_FORMATS
from seqimg.sequences.formats import by_suffix, suffixes
from seqimg.task import Task

__all__ = ["ManyOptions", "check_single", "run_many"]


@dataclass(frozen=True, kw_only=True)
class ManyOptions:
    """What only a run over many sequences understands.

    Attributes:
        each: Whether the source is many; None looks.
        format: Ending of the results, or `frames`; None is json for tasks that answer in rows, else mp4.
        engine: Who does the work.
        workers: How many do; None is one process.
        threads: Threads that each computes with; None divides the cores.
        ray_address: A cluster.
    """

    each: bool | None = None
    format: str | None = None
    engine: Literal["local", "ray"] | None = None
    workers: int | None = None
    threads: int | None = None
    ray_address: str | None = None


def check_single(source: str, options: ManyOptions) -> None:
    """Refuse for one sequence what means something for many only.

    Raises:
        UsageError: Such an option was given.
    """
    for name in ("format", "engine", "workers", "threads", "ray_address"):
        if getattr(options, name) is not None:
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(
                f"{flag} means nothing for {masked(source)}",
                why="it is for a folder, a pattern or a list of several sequences, and this is one",
            )


def run_many(
    spec: TaskSpec,
    many: Many,
    model: Path,
    options: Config,
    *,
    reading: ReadingConfig,
    overwrite: bool,
    device: Literal["auto", "cpu", "cuda"],
    chosen: ManyOptions,
) -> None:
    """Apply a model to many sequences, each result in its place in a tree that mirrors theirs.

    What failed is reported at the end and stops nothing else. Memory grows with the largest folder's
    listing only.

    Raises:
        SeqimgError: Nothing can be done at all, or some sequences failed.
    """
    ending = _ending(spec, options, chosen.format)
    _check_engine(chosen)
    total = sum(1 for _ in many)
    if not total:
        raise SeqimgError(f"{many.source} holds no sequences", hint="seqimg data info PATH, for one of them")
    output().say(found_sentence(many, total))
    workers = min(chosen.workers or (cores() if chosen.engine == "ray" else 1), total)
    recipe = _recipe(spec, model, options, reading, device, chosen, workers)
    same = {
        "task": spec.name,
        "model": _digest(model),
        "options": recipe.options,
        "reading": recipe.reading,
        "format": ending,
    }
    results = Results(many.results, overwrite=overwrite, recipe=same)
    about: dict[str, Any] = {
        "source": many.source,
        "model_folder": str(model),
        "engine": chosen.engine or "local",
        "workers": workers,
        "threads": recipe.threads,
        "seqimg": __version__,
    }
    began = monotonic()
    with results.opened(about):
        jobs = _jobs(many, results, Names(many.root, ending))
        _work(recipe, jobs, results, total, chosen, workers)
        about["seconds"] = round(monotonic() - began, 3)
    conclude(results, about)


def _work(
    recipe: Recipe, jobs: Iterator[Job], results: Results, total: int, chosen: ManyOptions, workers: int
) -> None:
    with output().progress("Sequences", total=total) as bar:
        meter = Meter(bar, output(), total)
        with closing(_outcomes(recipe, jobs, chosen, workers)) as outcomes:
            for outcome in outcomes:
                meter.show(results.take(outcome), results.counts)
        meter.show(None, results.counts)


def _outcomes(
    recipe: Recipe, jobs: Iterator[Job], chosen: ManyOptions, workers: int
) -> Generator[Outcome, None, None]:
    """Return the generator of the engine that was chosen."""
    if chosen.engine == "ray":
        from seqimg.batch.on_ray import run_on_ray

        return run_on_ray(recipe, jobs, workers, chosen.ray_address)
    if chosen.workers is None:
        return run_here(recipe, jobs)
    from seqimg.batch.processes import run_in_processes

    return run_in_processes(recipe, jobs, workers)


def _jobs(many: Many, results: Results, names: Names) -> Iterator[Job]:
    for source in many:
        if (job := results.job(source, names.of(source))) is not None:
            yield job


def _recipe(
    spec: TaskSpec,
    model: Path,
    options: Config,
    reading: ReadingConfig,
    device: Literal["auto", "cpu", "cuda"],
    chosen: ManyOptions,
    workers: int,
) -> Recipe:
    """Return what workers do, and say where they compute; a model that is none is refused here."""
    where = chosen_device(device)
    loaded = modelfolder.load(model, task=spec.name)
    apart = chosen.workers is not None or chosen.engine == "ray"
    threads = chosen.threads or (max(1, cores() // workers) if apart else 0)
    if chosen.ray_address is None:
        output().say(
            device_sentence(where, device) if not apart else crew_sentence(where.type, workers, threads)
        )
    if sentence := kernel_sentence(loaded.model, where, streaming=True):
        output().say(sentence)
    return Recipe(
        task=spec.name,
        model=str(model.absolute()),
        options=options.model_dump(mode="json"),
        reading=reading.model_dump(mode="json"),
        # The machines of a cluster see for themselves what they have.
        device=device if chosen.ray_address is not None else where.type,
        threads=threads,
        folder=os.getcwd(),
    )


def _check_engine(chosen: ManyOptions) -> None:
    if chosen.ray_address is not None and chosen.engine != "ray":
        raise UsageError("--ray-address means nothing without --engine ray")
    if chosen.ray_address is not None and chosen.workers is None:
        raise UsageError("--ray-address needs --workers", why="a cluster may grow as large as it is asked to")
    if chosen.engine == "ray":
        check_ray()
    if chosen.ray_address is not None:
        from seqimg.batch.on_ray import check_address

        check_address(chosen.ray_address)


def _ending(spec: TaskSpec, options: Config, name: str | None) -> str:
    """Return what stands behind a source's name; unasked, tasks that answer in rows write those."""
    if name == FOLDER:
        return f".{spec.name}"
    task: type[Task[Any, Any, Any]] = plugin_host().tasks.load(spec.name)
    rows = [*ROW_FORMATS, *task.row_formats()] if task.columns_for(options) else []
    name = name or ("json" if rows else "mp4")
    ending = "." + name.removeprefix(".").lower()
    if ending not in rows and by_suffix(f"x{ending}", "writer") is None:
        known = [suffix.removeprefix(".") for suffix in (*rows, *suffixes("writer"))]
        near = did_you_mean(ending[1:], known)
        raise UsageError(
            f"--format {name} cannot be written" + (f"; did you mean {near}?" if near else ""),
            why=f"writable are {', '.join(known)}, and {FOLDER} for folders of pictures",
        )
    return f".{spec.name}{ending}"


def _digest(model: Path) -> str:
    """Return what tells models apart: the digest of `config.json`, which holds that of the weights."""
    return hashlib.sha256((model / "config.json").read_bytes()).hexdigest()
