"""Recipes: every one is a configuration, says what it needs, and is written by `seqimg config init`."""

import tomllib
from pathlib import Path

import pytest

import seqimg_predict
from seqimg.cli.main import main
from seqimg.config import resolve_config
from seqimg_predict.config import PredictConfig

FOLDER = Path(seqimg_predict.__file__).parent / "recipes"
NAMES = {"moving-mnist", "kth", "taxibj", "radar", "video", "video-sharp"}


def test_the_recipes_are_there() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_recipe_is_a_configuration_and_says_what_to_expect(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.toml"
    assert main(["config", "init", "predict", "--recipe", name, "-o", str(file)]) == 0
    text = file.read_text()
    assert text == (FOLDER / f"{name}.toml").read_text()
    head = text.partition("[predict]")[0]
    assert "Expects" in head or "minutes" in head
    assert max(map(len, text.splitlines())) <= 120
    config = resolve_config(PredictConfig, "predict", file=(file,)).config
    values = tomllib.loads(text)["predict"]
    written = config.model_dump(mode="json")
    assert {key: written[key] for key in values} == values
    capfd.readouterr()
    assert main(["config", "init", "predict", "--recipe", name]) == 0
    assert capfd.readouterr().out.strip() == text.strip()


def test_a_recipe_that_is_not_there_is_refused_with_the_nearest(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "init", "predict", "--recipe", "vidoe"]) == 2
    said = capfd.readouterr().err
    assert "moving-mnist" in said
    assert "--recipe video" in said
    assert len(said.strip().splitlines()) <= 3
