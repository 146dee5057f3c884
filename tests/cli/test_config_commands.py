"""`seqimg config`: a file to fill in, and where values come from."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from seqimg.config import TaskConfig, resolve_config, to_template
from seqimg_predict.config import PredictConfig
from tests.support.cli import Result, assert_refused

Cli = Callable[..., Result]


def test_the_template_has_every_field_and_sets_none(cli: Cli) -> None:
    done = cli("config", "init", "predict", "-o", "mine.toml")
    assert done.returncode == 0, done.stderr
    assert tomllib.loads(Path("mine.toml").read_text()) == {"predict": {}}
    given = resolve_config(PredictConfig, "predict", file=Path("mine.toml"))
    assert set(given.sources.values()) == {"default"}
    assert cli(*done.stderr.splitlines()[-1].split()[2:]).returncode == 0
    assert_refused(cli("config", "init", "predict", "-o", "mine.toml", "--quiet"), 1, "--overwrite")


@pytest.mark.parametrize("config", [PredictConfig, TaskConfig])
def test_with_the_marks_taken_away_all_defaults_stay(config: type[TaskConfig]) -> None:
    lines = to_template(config, "predict").splitlines()
    keys = [line[1:] for line in lines if line.startswith("#") and line[1:2].isalpha()]
    assert [line.split(" = ")[0] for line in keys if line.endswith("= 0")] != []
    assert {line.split(" =")[0] for line in keys} == set(config.model_fields)
    Path("all.toml").write_text("\n".join(line for line in keys if "not set" not in line))
    assert resolve_config(config, "predict", file=Path("all.toml")).config == config()
    assert max(map(len, lines)) <= 100


def test_init_without_a_file_is_data(cli: Cli) -> None:
    done = cli("config", "init", "predict")
    assert "\n#steps = 2000\n" in done.stdout
    assert "# Optimiser steps.\n# Takes a whole number, at least 1.\n" in done.stdout
    fields = json.loads(cli("config", "init", "predict", "--json").stdout)["fields"]
    found = {field["name"]: field for field in fields}
    assert found["precision"]["accepts"] == 'one of "fp32", "bf16", "fp16"'
    assert found["fill_value"]["default"] is None
    assert found["cell"]["heading"] == "The task predict"


def test_show_names_sources_weakest_first(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("seqimg.toml").write_text("[predict]\nsteps = 1\nhorizon = 2\nseed = 3\nwidths = [4]\n")
    Path("a.toml").write_text("[predict]\nhorizon = 20\nseed = 30\n")
    Path("b.toml").write_text("seed = 31\n")
    monkeypatch.setenv("SEQIMG_PREDICT_BATCH_SIZE", "5")
    done = cli("config", "show", "predict", "--config", "a.toml", "--config", "b.toml")
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
    assert rows["steps"] == ["1", "seqimg.toml"]
    assert rows["horizon"] == ["20", "a.toml"]
    assert rows["seed"] == ["31", "b.toml"]
    assert rows["batch_size"] == ["5", "environment"]
    assert rows["widths"] == ["4", "seqimg.toml"]
    assert rows["crop"] == ["64", "default"]
    shown = json.loads(cli("config", "show", "predict", "--json").stdout)
    assert shown["widths"] == {"value": [4], "source": "seqimg.toml"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[predict]\nlearningrate = 1\n", ("learningrate", "given.toml", "learning_rate")),
        ("[predict]\nsteps = 'many'\n", ("steps", "given.toml", "many")),
        ("[predict]\nlearning_rate = inf\n", ("learning_rate", "given.toml", "finite")),
        ("[predcit]\nsteps = 1\n", ("given.toml", "predcit", "[predict]")),
        ("[style]\nsteps = 1\n", ("given.toml", "style", "[predict]")),
        ("a = " + "[" * 5000, ("given.toml", "nested")),
        ("#" * 1_000_001, ("given.toml", "too large")),
        ("steps = " + "9" * 5000, ("given.toml", "digits")),
        ("steps = 1\nsteps = 2\n", ("given.toml", "TOML")),
    ],
)
def test_wrong_files_are_named(cli: Cli, text: str, named: tuple[str, ...]) -> None:
    Path("given.toml").write_text(text)
    assert_refused(cli("config", "show", "predict", "--config", "given.toml"), 2, *named)


def test_a_misspelt_table_of_the_project_is_no_silence(cli: Cli) -> None:
    Path("seqimg.toml").write_text("[style]\nsteps = 1\n")
    assert cli("config", "show", "predict").returncode == 0
    Path("seqimg.toml").write_text("[pedict]\nsteps = 1\n")
    assert_refused(cli("config", "show", "predict"), 2, "seqimg.toml", "[predict] in place of [pedict]")


def test_an_unknown_task_names_the_nearest(cli: Cli) -> None:
    assert_refused(cli("config", "init", "pridict"), 3, "predict")
