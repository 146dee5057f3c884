import dataclasses

import pytest
import typer

from seqimg.cli.tasks import task_app
from seqimg.config import controls_of
from seqimg.plugins import TaskSpec
from seqimg.plugins.manager import plugin_host
from seqimg_predict.config import PredictRun
from seqimg_predict.task import PredictTask

own = typer.Typer()


@own.command("run")
def _run() -> None: ...


@own.command("polish")
def _polish() -> None: ...


def spec() -> TaskSpec:
    found = plugin_host().tasks.get("predict")
    return dataclasses.replace(found, commands=f"{__name__}:own")


@pytest.mark.parametrize("name", ["train", "run", "eval", "polish"])
def test_a_task_has_each_command_once(name: str) -> None:
    names = [command.name for command in task_app(spec()).registered_commands]
    assert names.count(name) == 1


def test_its_own_command_takes_the_place_of_the_generated_one() -> None:
    callbacks = {command.name: command.callback for command in task_app(spec()).registered_commands}
    assert callbacks["run"] is _run


def test_a_name_that_is_no_target_is_refused() -> None:
    with pytest.raises(ValueError, match="commands of 'predict'"):
        dataclasses.replace(spec(), commands="nowhere")


def test_a_prediction_can_be_turned_while_it_runs() -> None:
    controls = {control.name: control for control in controls_of(PredictRun, PredictTask.controls())}
    assert (controls["horizon"].low, controls["horizon"].high, controls["horizon"].whole) == (1, 10_000, True)
    assert controls["rolling"].kind == "switch"
    assert PredictTask.while_live(PredictRun(lead_in=3)).rolling
