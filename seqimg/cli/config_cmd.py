"""`seqimg config`: a configuration to fill in, and where each value comes from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqimg.cli.output import Table, command, on_one_line, output

if TYPE_CHECKING:
    from seqimg.config import TaskConfig

__all__ = ["app"]

app = typer.Typer(
    help="Write a configuration to fill in; see each value and where it comes from.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Task = Annotated[str, typer.Argument(metavar="TASK", help="The task, such as predict.", show_default=False)]


@app.callback()
def group() -> None:
    """Write a configuration to fill in; see each value and where it comes from."""


@app.command("init")
def init(
    task: Task,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write it there instead of to stdout."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            metavar="NAME",
            help="Write what is known to work for a purpose instead, such as video.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a TOML file of every field: what it is, what it takes, its default; or one of the task's recipes."""
    from seqimg.config import describe_fields, to_template
    from seqimg.publish import publish_file

    config = _config_class(task)
    text = to_template(config, task) if recipe is None else _recipe(config, task, recipe)
    if out is None and recipe is not None:
        output().data({"task": task, "recipe": recipe, "toml": text}, text.rstrip("\n"))
        return
    if out is None:
        output().data({"task": task, "fields": describe_fields(config, task)}, text.rstrip("\n"))
        return
    with publish_file(out, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")
    if output().json:
        output().data({"task": task, "output": str(out)}, "")
    output().say(f"Saved {out}")
    output().hint(command("seqimg", "config", "show", task, "--config", out))


@app.command("show")
def show(
    task: Task,
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="TOML file with values; of several the last is the strongest.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Print each value that training would take, and where it comes from."""
    from seqimg.config import resolve_config

    resolved = resolve_config(_config_class(task), task, file=files or ())
    values = resolved.config.model_dump(mode="json")
    rows = [[name, _shown(value), on_one_line(resolved.sources[name])] for name, value in values.items()]
    output().data(
        {name: {"value": value, "source": resolved.sources[name]} for name, value in values.items()},
        Table(("key", "value", "source"), rows),
    )


def _config_class(task: str) -> "type[TaskConfig]":
    from seqimg.plugins.manager import plugin_host

    config: type[TaskConfig] = plugin_host().tasks.load(task, "config")
    return config


def _recipe(config: "type[TaskConfig]", task: str, name: str) -> str:
    """Return a recipe: a file in the folder `recipes` of the package that the task's configuration is in."""
    from importlib.resources import files

    from seqimg.errors import UsageError, did_you_mean

    folder = files(config.__module__.partition(".")[0]) / "recipes"
    found = {file.name.removesuffix(".toml"): file for file in folder.iterdir()} if folder.is_dir() else {}
    if name not in found:
        near = did_you_mean(name, found)
        raise UsageError(
            f"{task} has no recipe {name!r}",
            why=f"recipes: {', '.join(sorted(found)) or 'none'}",
            hint=command("seqimg", "config", "init", task, "--recipe", near) if near else None,
        )
    return found[name].read_text(encoding="utf-8")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return on_one_line(",".join(map(str, value))) or "none"
    return "not set" if value is None else on_one_line(str(value)) or '""'
