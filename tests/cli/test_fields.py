"""Fields of a configuration as flags."""

import inspect
from typing import Any, Literal

import pytest
import typer
from pydantic import Field
from typer.testing import CliRunner

from seqimg.cli.fields import SectionedCommand, with_flags
from seqimg.config import Numbers, ReadingConfig, TaskConfig
from seqimg.sequences import open_sequence


class Sample(TaskConfig):
    widths: Numbers = Field((8, 16), description="Widths.")
    fast: bool = Field(True, description="Hurry.")
    loss: Literal["l1", "l2"] = Field("l2", description="Loss.")
    share: float = Field(0.5, description="Share.")


def _run(*arguments: str) -> tuple[dict[str, Any], str]:
    given: dict[str, Any] = {}

    def work(name: str = "nobody", *, flags: dict[str, object]) -> None:
        """Work."""
        given.update(name=name, flags=flags)

    app = typer.Typer(rich_markup_mode=None)
    app.command(cls=SectionedCommand)(with_flags(work, hidden=("data",), flags=Sample))
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return given, " ".join(done.output.split())


@pytest.mark.parametrize(
    ("arguments", "flags"),
    [
        ([], {}),
        (["--steps", "3", "--share", "0.25"], {"steps": 3, "share": 0.25}),
        (["--no-fast"], {"fast": False}),
        (["--fast", "--loss", "l1"], {"fast": True, "loss": "l1"}),
        (["--widths", "4,5", "--batch-size", "2"], {"widths": "4,5", "batch_size": 2}),
    ],
)
def test_only_what_was_given_is_handed_on(arguments: list[str], flags: dict[str, object]) -> None:
    given, _ = _run(*arguments, "--name", "me")
    assert given == {"name": "me", "flags": flags}


def test_help_has_a_section_for_each_class_and_every_default() -> None:
    _, shown = _run("--help")
    reading, training, own = (shown.index(f" {title}: ") for title in _TITLES)
    assert reading < shown.index("--on-error <error|skip|truncate>") < training
    assert training < shown.index("--steps <int> Optimiser steps. [2000]") < own
    for text in (
        "--widths A,B,… Widths. [8,16]",
        "--fast / --no-fast Hurry. [on]",
        "--loss <l1|l2> Loss. [l2]",
        "--share <float> Share. [0.5]",
    ):
        assert shown.index(text) > own
    assert "--data" not in shown


_TITLES = ("Reading sequences", "Training", "Options of this task")


def test_every_field_of_reading_is_one_that_sequences_understand() -> None:

    assert set(ReadingConfig.model_fields) <= set(inspect.signature(open_sequence).parameters)
