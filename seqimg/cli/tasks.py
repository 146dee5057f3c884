"""The commands every task gets: `seqimg TASK train | run | eval | export`, generated from its specs."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from seqimg.cli.export_options import export_command
from seqimg.cli.fields import SectionedCommand, exporting, measuring, pace_of, with_flags
from seqimg.cli.task_options import (
    Data,
    Device,
    Each,
    Engine,
    Format,
    Model,
    Overwrite,
    Paths,
    RayAddress,
    Threads,
    Workers,
)
from seqimg.config import Config, ReadingConfig, TaskConfig
from seqimg.plugins import TaskSpec, resolve

__all__ = ["task_app"]


def task_app(spec: TaskSpec) -> typer.Typer:
    """Build the command group of a task; imports its configuration, no torch."""
    config: type[TaskConfig] = resolve(spec.config)
    options: type[Config] = resolve(spec.run_options)
    app = typer.Typer(
        name=spec.name,
        help=spec.summary,
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name, function in {
        "train": with_flags(_train(spec, config), hidden=("data",), flags=config),
        "run": with_flags(_run(spec, options), reading=ReadingConfig, pace=pace_of(options), flags=options),
        "eval": with_flags(_eval(spec), reading=ReadingConfig, measures=measuring(config)),
        "export": with_flags(export_command(spec, config), settled=exporting(config)),
    }.items():
        app.command(name, cls=SectionedCommand)(function)
    if spec.commands is not None:
        _join(app, resolve(spec.commands))
    return app


def _join(app: typer.Typer, own: typer.Typer) -> None:
    """Add a task's own commands and groups to those it gets; of two of one name its own one counts."""
    names = {command.name for command in own.registered_commands}
    app.registered_commands = [command for command in app.registered_commands if command.name not in names]
    app.registered_commands += own.registered_commands
    app.registered_groups += own.registered_groups


def _train(spec: TaskSpec, config: type[TaskConfig]) -> Any:
    def train(
        paths: Paths = None,
        data: Data = None,
        file: Annotated[
            list[Path] | None,
            typer.Option(
                "--config",
                metavar="FILE",
                help="TOML file with values for the fields below; of several the last is the strongest.",
                show_default=False,
            ),
        ] = None,
        folder: Annotated[
            Path | None,
            typer.Option("-o", "--output", metavar="DIR", help=f"Run folder. [runs/{spec.name}/DATE-N here]"),
        ] = None,
        dry_run: Annotated[
            bool,
            typer.Option("--dry-run", help="Say what training would do and cost; train and write nothing."),
        ] = False,
        resume: Annotated[
            Path | None,
            typer.Option(
                "--resume",
                metavar="RUN",
                help="Go on with a run that was broken off, such as runs/latest, as if it never had been.",
                show_default=False,
            ),
        ] = None,
        *,
        flags: dict[str, object],
    ) -> None:
        """Train a model and write a run folder."""
        from seqimg.config import resolve_config

        named = [*(data or []), *(paths or [])]
        if named:
            flags["data"] = tuple(named)
        if resume is not None:
            from seqimg.cli.train import resumable
            from seqimg.errors import UsageError

            if file or folder is not None:
                raise UsageError(
                    f"--resume does not go with {'--config' if file else '--output'}",
                    why="a run goes on in its own folder, with its own configuration",
                    hint=f"--resume {resume} alone",
                )
            file = [resumable(resume)]
        resolved = resolve_config(config, spec.name, file=file or (), flags=flags)
        if dry_run:
            from seqimg.cli.dry_run import dry_run as tell

            tell(spec, resolved)
        else:
            from seqimg.cli.train import train as work

            work(spec, resolved, folder, resume)

    return train


def _run(spec: TaskSpec, options_class: type[Config]) -> Any:
    def run(
        source: Annotated[
            str,
            typer.Argument(
                metavar="SOURCE",
                help="Sequence: video file, frame folder, array, camera:0, an address, or - for raw pixels. Many: a "
                "folder, a pattern or a .txt list of such.",
                show_default=False,
            ),
        ],
        model: Model,
        out: Annotated[
            Path | None,
            typer.Option(
                "-o",
                "--output",
                metavar="OUT",
                help="Video, GIF, .npy or folder to write, .csv or .json for answers in words; - for raw pixels. "
                f"[SOURCE.{spec.name}.mp4 here]",
            ),
        ] = None,
        overwrite: Overwrite = False,
        device: Device = "auto",
        each: Each = None,
        result_format: Format = None,
        workers: Workers = None,
        threads: Threads = None,
        engine: Engine = None,
        ray_address: RayAddress = None,
        *,
        reading: dict[str, object],
        pace: dict[str, object],
        flags: dict[str, object],
    ) -> None:
        """Apply a trained model to a sequence, or to many, and write what comes of it."""
        from seqimg.cli.many import ManyOptions
        from seqimg.cli.run import run as work
        from seqimg.config import check_flags

        work(
            spec,
            source,
            model,
            check_flags(options_class, flags),
            reading=check_flags(ReadingConfig, reading),
            pace=check_flags(pace_of(options_class), pace),
            out=out,
            overwrite=overwrite,
            device=device,
            chosen=ManyOptions(
                each=each,
                format=result_format,
                engine=engine,
                workers=workers,
                threads=threads,
                ray_address=ray_address,
            ),
        )

    return run


def _eval(spec: TaskSpec) -> Any:
    def evaluate(
        model: Model,
        paths: Paths = None,
        data: Data = None,
        part: Annotated[
            Literal["all", "train", "val", "test"],
            typer.Option(
                "--part", help="Share of each sequence, split as in training. [all]", show_default=False
            ),
        ] = "all",
        layout: Annotated[
            str | None,
            typer.Option(
                "--layout",
                metavar="NAME",
                help="How data sets lie on the disk. [as in training for the same data, else auto]",
                show_default=False,
            ),
        ] = None,
        short: Annotated[
            Literal["error", "drop", "pad", "loop", "repeat"] | None,
            typer.Option(
                "--short",
                help="Sequences shorter than a clip: refuse, leave out, fill up with nothing, begin again, or "
                "hold the last frame. [as in training]",
                show_default=False,
            ),
        ] = None,
        out: Annotated[
            Path | None,
            typer.Option(
                "-o",
                "--output",
                metavar="FILE",
                help="Write the figures there too: as .json, or .html with the cases in pictures.",
            ),
        ] = None,
        overwrite: Overwrite = False,
        batch_size: Annotated[
            int,
            typer.Option(
                "--batch-size", metavar="N", min=1, help="Most clips at once. [8]", show_default=False
            ),
        ] = 8,
        device: Device = "auto",
        *,
        reading: dict[str, object],
        measures: dict[str, object],
    ) -> None:
        """Measure a trained model beside its baselines."""
        from seqimg.cli.evaluate import evaluate as work
        from seqimg.config import check_flags

        work(
            spec,
            model,
            [*(data or []), *(paths or [])],
            part=part,
            layout=layout,
            short=short,
            reading=check_flags(ReadingConfig, reading),
            measures=measures,
            out=out,
            overwrite=overwrite,
            batch_size=batch_size,
            device=device,
        )

    return evaluate
