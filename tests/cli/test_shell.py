"""The shell around the commands: global options, completion, near matches, exit codes."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seqimg import __version__
from tests.support.cli import Result, assert_refused, seqimg

Cli = Callable[..., Result]


def test_version_and_help_of_the_process() -> None:
    version = seqimg("--version")
    assert (version.returncode, version.stdout, version.stderr) == (0, f"seqimg {__version__}\n", "")
    bare = seqimg()
    assert (bare.returncode, bare.stderr) == (0, "")
    assert re.search(r"^  predict +Predict the next frames", bare.stdout, re.MULTILINE)
    assert "Try: seqimg demo" in bare.stdout


@pytest.mark.parametrize("arguments", [[], ["predict"], ["predict", "train"], ["predict", "run"], ["demo"]])
def test_help_is_plain_and_complete(cli: Cli, arguments: list[str]) -> None:
    for option in ("--help", "-h"):
        shown = cli(*arguments, option)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert shown.stdout.startswith(f"Usage: seqimg {' '.join(arguments)}".strip())
        assert max(map(len, shown.stdout.splitlines())) <= 80


@pytest.mark.parametrize("group", ["predict", "style", "data", "plugins", "model", "filter", "export"])
def test_help_of_a_group_cuts_no_summary_short(cli: Cli, group: str) -> None:
    listed = cli(group, "--help").stdout.partition("Commands:")[2]
    assert listed
    assert "..." not in listed


def test_help_names_every_default_and_keeps_the_kinds_apart(cli: Cli) -> None:
    shown = cli("predict", "train", "--help").stdout
    headings = ["Arguments:", "Options:", "Reading sequences:", "Training:", "Options of this task:"]
    assert [line for line in shown.splitlines() if line.endswith(":") and line[0] != " "] == headings
    words = " ".join(shown.split())
    for text in ("[runs/predict/DATE-N here]", "--steps <int> Optimiser steps. [2000]", "--widths A,B,…"):
        assert text in words


@pytest.mark.parametrize("place", [0, 1, 2])
def test_global_options_stand_anywhere(cli: Cli, place: int) -> None:
    words = ["plugins", "list"]
    words.insert(place, "--json")
    found = json.loads(cli(*words).stdout)
    assert {plugin["name"] for plugin in found["plugins"]} >= {"seqimg", "predict"}
    words[place] = "--version"
    assert cli(*words).stdout == f"seqimg {__version__}\n"
    words[place] = "--no-plugins"
    assert "not named in SEQIMG_PLUGINS" in cli(*words).stdout


def test_no_plugins_takes_their_commands_away(cli: Cli) -> None:
    assert_refused(cli("predict", "--no-plugins", "train"), 3, "Plugin predict", "Try: seqimg plugins list")
    assert cli("predict", "--help").returncode == 0


def test_quiet_leaves_data_and_errors(cli: Cli) -> None:
    quiet = cli("plugins", "list", "--quiet")
    assert (quiet.stdout, quiet.stderr) == (cli("plugins", "list").stdout, "")
    assert_refused(cli("--quiet", "pridict"), 2, "No such command 'pridict'")


def test_debug_shows_the_traceback(cli: Cli) -> None:
    assert "Traceback" in cli("pridict", "--debug").stderr
    assert "Traceback" not in cli("pridict").stderr


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (["pridict"], "predict"),
        (["predict", "trian"], "train"),
        (["plugins", "lst"], "list"),
        (["predict", "train", "--stpes", "3"], "--steps"),
        (["predict", "run", "--horizn", "3"], "--horizon"),
        (["predict", "train", "--jsn"], "--json"),
        (["predict", "train", "--schedule", "cosin"], "cosine"),
        (["predict", "eval", "--part", "tset"], "test"),
        (["predict", "train", "--on-error", "skipp"], "skip"),
    ],
)
def test_near_matches(cli: Cli, arguments: list[str], near: str) -> None:
    assert_refused(cli(*arguments), 2, f"Did you mean {near}?", "Try: seqimg ")


def test_an_argument_is_not_suggested_for_an_option(cli: Cli) -> None:
    refused = cli("live", "--sorce", "x")
    assert refused.returncode == 2
    assert "Did you mean source?" not in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["predict", "train", "--steps", "many"], ["--steps", "integer"]),
        (["predict", "train", "--steps"], ["--steps", "argument"]),
        (["predict", "run"], ["SOURCE"]),
        (["predict", "run", "a.mp4"], ["--model"]),
        (["predict", "train", "a.mp4", "--steps", "0"], ["--steps cannot be 0"]),
        (["predict", "train", "a.mp4", "--widths", "8,x"], ["--widths"]),
        (["predict", "train", "a.mp4", "--loss", "mze"], ["--loss", "did you mean 'mse'?"]),
        (["predict", "train", "a.mp4", "--kernel-size", "2"], ["--kernel-size", "odd"]),
        (["predict", "run", "a.mp4", "--model", "m", "--horizon", "0"], ["--horizon"]),
        (["predict", "run", "a.mp4", "--model", "m", "--value-range", "7"], ["--value-range", "two numbers"]),
        (["demo", "too much"], ["too much"]),
    ],
)
def test_wrong_usage(cli: Cli, arguments: list[str], words: list[str]) -> None:
    assert_refused(cli(*arguments), 2, *words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("horizn = 3\n", ["'horizn'", "'horizon'"]),
        ("[predict]\nsteps = 'many'\n", ["steps", "'many'"]),
        ("steps = \n", ["TOML"]),
        (None, ["cannot read", "No such file"]),
    ],
)
def test_wrong_configuration_names_the_file(cli: Cli, content: str | None, words: list[str]) -> None:
    if content is not None:
        Path("mine.toml").write_text(content)
    assert_refused(cli("predict", "train", "a.mp4", "--config", "mine.toml"), 2, "mine.toml", *words)


def test_errors_are_data_too(cli: Cli) -> None:
    refused = cli("pridict", "--json")
    error = json.loads(refused.stdout)["error"]
    assert (refused.returncode, error["exit_code"], error["why"]) == (2, 2, "Did you mean predict?")
    assert len(refused.stderr.splitlines()) <= 3


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("seqimg pre", "predict"),
        ("seqimg predict tr", "train"),
        ("seqimg predict train --on", "--on-error"),
        ("seqimg predict train --schedule one", "onecycle"),
    ],
)
def test_completion_answers_the_shell(words: str, found: str) -> None:
    ask = {
        "_SEQIMG_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    answer = seqimg(env=ask)
    assert (answer.returncode, answer.stdout.split(), answer.stderr) == (0, [found], "")


def test_completion_script() -> None:
    # The shell that asks is found among the parents: there has to be one.
    asked = f"'{sys.executable}' -m seqimg --show-completion; true"
    script = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, timeout=60, check=True)
    assert "_SEQIMG_COMPLETE=complete_bash" in script.stdout, script.stderr


def test_a_reader_that_went_away_is_no_error() -> None:

    line = f"'{sys.executable}' -m seqimg plugins list --json | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    assert done.stdout.strip() in ("0", "141")
