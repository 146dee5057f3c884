"""`seqimg runs`: what was trained here, how it went, and how runs differ."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqimg.cli.output import Table, command, on_one_line, output

if TYPE_CHECKING:
    from seqimg.training.records import Record

__all__ = ["app"]

_RUNS = Path("runs")
_PLOTS = (".png", ".svg")

app = typer.Typer(
    help="List training runs, look at one, compare several.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def group() -> None:
    """List training runs, look at one, compare several."""


@app.command("list")
def list_(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="Folder of runs. [runs]", show_default=False),
    ] = _RUNS,
) -> None:
    """List all runs in a folder, oldest first."""
    from seqimg.training.run_search import find_runs

    with output().progress("Reading runs"):
        records, foreign = find_runs(folder)
    rows = [
        [
            on_one_line(str(record.folder)),
            record.task or "?",
            record.state,
            _steps(record),
            _best(record),
            _clock(record),
        ]
        for record in records
    ]
    output().data(
        {"runs": [_plain(record) for record in records], "no_runs": [str(path) for path in foreign]},
        Table(("run", "task", "state", "steps", "best validation", "started"), rows),
    )
    for record in records:
        for problem in record.problems:
            output().warn(f"{on_one_line(str(record.folder))}: {on_one_line(problem)}")
    for path in foreign:
        output().warn(f"{on_one_line(str(path))} is no run folder")
    if records:
        output().hint(command("seqimg", "runs", "show", records[-1].folder))
    else:
        output().hint("seqimg demo")


@app.command("show")
def show(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="Run folder, or its name. [runs/latest]", show_default=False)
    ] = str(_RUNS / "latest"),
) -> None:
    """Show one run: how it went, what was set, where it ran."""
    from seqimg.training.run_search import find_run

    record = find_run(run)
    output().data(_whole(record), "\n".join(on_one_line(line) for line in _lines(record)))
    for problem in record.problems:
        output().warn(on_one_line(problem))
    report = record.folder / "report.html"
    if report.is_file():
        output().say(f"Open {report}")
    model = record.folder / "model"
    if record.state == "finished":
        output().hint(
            command("seqimg", record.task, "eval", "--model", model, "--part", "test", *_data(record))
        )
    elif record.state == "unfinished":
        output().hint(command("seqimg", record.task, "train", "--resume", record.folder))


@app.command("compare")
def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Two or more run folders, or names.")],
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE", help="Draw loss and validation to a .png or .svg."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing picture.")] = False,
) -> None:
    """Compare runs: their figures, and what was set differently."""
    from seqimg.errors import UsageError
    from seqimg.publish import check_writable
    from seqimg.training.comparing import config_differences, draw_runs, names_of
    from seqimg.training.run_search import find_run

    if len(runs) < 2:
        raise UsageError("there is nothing to compare with", why="one run was named", hint="seqimg runs list")
    if plot is not None and plot.suffix.lower() not in _PLOTS:
        raise UsageError(f"cannot draw {plot}", why=f"plots are {' or '.join(_PLOTS)} files")
    if plot is not None:
        check_writable(plot, overwrite=overwrite)
    records = [find_run(run) for run in runs]
    differences = config_differences(records)
    rows = [*_figures(records), *([name, *map(_shown, values)] for name, values in differences.items())]
    output().data(
        {"runs": [_plain(record) for record in records], "differences": differences},
        Table(["", *map(on_one_line, names_of(records))], [list(map(on_one_line, row)) for row in rows]),
    )
    for record in records:
        for problem in record.problems:
            output().warn(f"{on_one_line(str(record.folder))}: {on_one_line(problem)}")
    if plot is not None:
        draw_runs(records, plot, overwrite=overwrite)
        output().say(f"Saved {plot}")
    else:
        output().hint(command("seqimg", "runs", "compare", *runs, "--plot", "compared.png"))


def _figures(records: "list[Record]") -> list[list[str]]:
    metrics = dict.fromkeys(name for record in records for name in record.best)
    rows = [
        ["task", *(record.task or "?" for record in records)],
        ["state", *(record.state for record in records)],
        ["steps", *map(_steps, records)],
        ["frames/s", *(f"{record.frames_per_second:.4g}" if record.steps else "-" for record in records)],
        ["waiting for data", *(_share(record) if record.steps else "-" for record in records)],
        ["best step", *(str(record.best_step or "-") for record in records)],
    ]
    for name in metrics:
        values = [record.best.get(name) for record in records]
        rows.append([f"validation {name}", *("-" if value is None else f"{value:.5g}" for value in values)])
    return rows


def _lines(record: "Record") -> list[str]:
    rows = {
        "task": record.task or "not known",
        "state": record.state,
        "started": _clock(record),
        "steps": _steps(record),
        "speed": f"{record.frames_per_second:.4g} frames/s, {_share(record)} of the time waiting for data",
        "best": _best(record) if record.best else "not validated",
        "command": _command(record),
        "machine": ", ".join(
            prefix + str(record.environment[key])
            for key, prefix in _MACHINE.items()
            if record.environment.get(key)
        ),
    }
    lines = [str(record.folder), *(f"  {name:<9} {text}" for name, text in rows.items() if text)]
    given = {name: pair for name, pair in record.config.items() if pair[1] != "default"}
    width = max(map(len, given), default=0)
    lines += [f"  {name:<{width}} = {_shown(value)}  ({source})" for name, (value, source) in given.items()]
    if record.config:
        lines.append(f"  {len(record.config) - len(given)} more values are defaults, see {_config(record)}")
    return lines


_MACHINE = {"seqimg": "seqimg ", "python": "Python ", "platform": "", "cuda": ""}


def _config(record: "Record") -> Path:
    return record.folder / "config.toml"


def _command(record: "Record") -> str:
    words = record.environment.get("command")
    return command(*map(str, words)) if isinstance(words, list) else ""


def _data(record: "Record") -> list[str]:
    paths = record.config.get("data", ((), ""))[0]
    listed = paths if isinstance(paths, list | tuple) else ()
    return [word for path in listed for word in ("--data", str(path))]


def _steps(record: "Record") -> str:
    return f"{record.steps}/{record.planned}" if record.steps else "-"


def _share(record: "Record") -> str:
    return f"{record.data_share:.0%}".replace("%", " %")


def _best(record: "Record") -> str:
    if not record.best:
        return "-"
    return f"{record.leading} {record.best[record.leading]:.4g} at step {record.best_step}"


def _clock(record: "Record") -> str:
    return f"{record.started.astimezone():%Y-%m-%d %H:%M}" if record.started is not None else "?"


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value)) or "none"
    return "-" if value is None else str(value)


def _plain(record: "Record") -> dict[str, Any]:
    return {
        "run": str(record.folder),
        "task": record.task,
        "state": record.state,
        "started": None if record.started is None else record.started.isoformat(timespec="seconds"),
        "steps": record.steps,
        "steps_planned": record.planned,
        "loss": None if record.loss.last is None else record.loss.last[1],
        "frames_per_second": record.frames_per_second,
        "data_share": record.data_share,
        "best_step": record.best_step,
        "best": record.best,
        "problems": record.problems,
    }


def _whole(record: "Record") -> dict[str, Any]:
    config = {name: {"value": value, "source": source} for name, (value, source) in record.config.items()}
    return {**_plain(record), "config": config, "environment": dict(record.environment)}
