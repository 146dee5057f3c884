"""Each contract finds the fault that it is there for, and says it in a sentence."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from seqimg.cells.min_conv_gru import MinConvGRUCell
from seqimg.plugins import CellSpec, DatasetSpec, FormatSpec, FrameOpSpec, KernelSpec, LayoutSpec, TaskSpec
from seqimg.plugins.manager import plugin_host, reset_plugin_host
from seqimg.plugins.registry import Owner
from seqimg.testing import (
    BrokenContractError,
    CellContract,
    DatasetContract,
    FrameOpContract,
    KernelContract,
    LayoutContract,
    ListenerContract,
    PluginContract,
    ReaderContract,
    StepContract,
    TaskContract,
    moving_square,
)
from tests.support.distributions import Site
from tests.testing import mutants

MINE = Owner("mutants", "seqimg-mutants", "0")


def broken(check: Callable[[], None]) -> str:
    with pytest.raises(BrokenContractError) as caught:
        check()
    said = str(caught.value)
    assert len(said.splitlines()) == 1
    return said


@pytest.fixture
def registered() -> Iterator[Callable[..., None]]:
    """Register specs for the time of a test."""
    reset_plugin_host()
    host = plugin_host()

    def add(spec: Any) -> None:
        kinds = (
            host.cells,
            host.kernels,
            host.tasks,
            host.datasets,
            host.formats,
            host.frame_ops,
            host.layouts,
        )
        next(kind for kind in kinds if kind.spec_type is type(spec)).add(spec, MINE)  # type: ignore[attr-defined]

    yield add
    reset_plugin_host()


@pytest.mark.parametrize(
    ("cell", "check", "words"),
    [
        (mutants.NotAffine, "projection_is_affine", "not affine"),
        (mutants.WritesIntoTheState, "inputs_stay_as_they_are", "writes into"),
        (mutants.SeesItsNeighbours, "samples_of_a_batch_are_independent", "a sample alone differs"),
        (mutants.HidesAGradient, "gradients", "a gradient is wrong"),
        (mutants.SaysAnotherShape, "shapes", "project gives"),
        (mutants.BeginsInDouble, "initial_values", "not fp32"),
        (mutants.EqualsNothing, "equal_cells_are_equal", "not equal"),
    ],
)
def test_cells(cell: type[MinConvGRUCell], check: str, words: str) -> None:
    contract = type("Test", (CellContract,), {"cells": (cell(2, 3),)})()
    assert words in broken(getattr(contract, f"test_{check}"))


def test_equations_that_are_others() -> None:
    class Test(CellContract):
        cells = (MinConvGRUCell(2, 3),)

        def equations(self, cell: Any, x: Any, state: Any, weights: Any) -> Any:
            return 0.9 * state

    assert "is not its equations" in broken(Test().test_equations)


def test_an_unregistered_cell(registered: Callable[..., None]) -> None:
    registered(CellSpec(name="mine", summary="x", cell="tests.testing.mutants:NotAffine"))
    contract = type("Test", (CellContract,), {"cells": (MinConvGRUCell(2, 3),), "name": "mine"})()
    assert "registered as 'mine'" in broken(contract.test_registered_under_its_name)


@pytest.mark.parametrize(
    ("kernel", "words"), [("careless", "outputs is off by"), ("careless_backwards", "d_state is off by")]
)
def test_kernels(registered: Callable[..., None], kernel: str, words: str) -> None:
    target = f"tests.testing.mutants:{kernel}"
    registered(KernelSpec(name="mine", summary="x", op="min_conv_gru.sequence", kernel=target))
    contract = type("Test", (KernelContract,), {"cells": (MinConvGRUCell(2, 3),), "kernel": "mine"})()
    assert words in broken(contract.test_results_and_gradients)


def test_a_kernel_of_another_name() -> None:
    contract = type("Test", (KernelContract,), {"cells": (MinConvGRUCell(2, 3),), "kernel": "mine"})()
    assert "has no kernel 'mine'; registered: " in broken(contract.test_there_are_cells)


def test_tasks(registered: Callable[..., None]) -> None:
    registered(
        TaskSpec(
            name="bad",
            summary="Bad.",
            task="tests.testing.mutants:BadTask",
            config="seqimg_predict.config:PredictConfig",
            run_options="seqimg_predict.config:PredictRun",
        )
    )

    class Test(TaskContract):
        task = "bad"
        values = {
            "widths": (4,),
            "context": 3,
            "horizon": 2,
            "motion": False,
            "baselines": ("copy_last",),
            "metrics": ("mse",),
        }

    contract = Test()
    contract.test_trains()
    assert "ends in another state" in broken(contract.test_pieces_of_a_clip_are_the_clip)
    assert "frames' worth of memory" in broken(contract.test_memory_is_constant)
    assert "conventions() does not say" in broken(contract.test_figures)


def test_readers(registered: Callable[..., None]) -> None:
    target = "tests.testing.mutants:SharesItsBuffer"
    registered(FormatSpec(name="shared", summary="x", suffixes=(".shared",), reader=target))

    class Test(ReaderContract):
        def make(self, folder: Path) -> tuple[Path, NDArray[Any]]:
            frames = moving_square(7)
            with (folder / "a.shared").open("wb") as file:
                np.save(file, frames)
            return folder / "a.shared", frames

    assert "kept while others were read" in broken(Test().test_again_from_the_start)
    assert "ends in " in broken(Test().test_damage_is_explained)


@pytest.mark.parametrize(
    ("generator", "check", "words"),
    [
        ("any_old", "the_same_again", "another when it is made again"),
        ("blind", "numbers_seeds_and_parts_differ", "makes no difference"),
        ("blind", "impossible_requests_are_refused", "call check_request first"),
    ],
)
def test_datasets(registered: Callable[..., None], generator: str, check: str, words: str) -> None:
    registered(DatasetSpec(name="mine", summary="x", dataset=f"tests.testing.mutants:{generator}"))
    contract = type("Test", (DatasetContract,), {"name": "mine"})()
    assert words in broken(getattr(contract, f"test_{check}"))


def test_a_plugin_that_is_not_there() -> None:
    contract = type("Test", (PluginContract,), {"plugin": "no-such"})()
    assert "is its distribution installed?" in broken(contract.test_loads)


@pytest.mark.parametrize(
    ("kernel", "check", "words"),
    [
        ("careless_step", "frame_after_frame_is_the_clip", "outputs is off by"),
        ("one_buffer", "nothing_of_the_callers_is_written_into", "a later step writes into a state"),
        ("one_buffer", "several_threads", "disturb each other"),
    ],
)
def test_steps(registered: Callable[..., None], kernel: str, check: str, words: str) -> None:
    target = f"tests.testing.mutants:{kernel}"
    registered(KernelSpec(name="mine", summary="x", op="min_conv_gru.step", kernel=target))
    contract = type("Test", (StepContract,), {"cells": (MinConvGRUCell(2, 3),), "kernel": "mine"})()
    assert words in broken(getattr(contract, f"test_{check}"))


@pytest.mark.parametrize(
    ("op", "check", "words"),
    [
        ("Careless", "the_same_answer_in_any_order", "when others go before it"),
        ("Careless", "frames_stay_as_they_are", "writes into the frame"),
        ("Careless", "wrong_words_are_refused", "are taken: check"),
        ("Grows", "frames_keep_their_size", "becomes (20, 16, 1), not (16, 20, 1)"),
    ],
)
def test_frame_ops(registered: Callable[..., None], op: str, check: str, words: str) -> None:
    registered(FrameOpSpec(name="mine", summary="x", op=f"tests.testing.mutants:{op}"))
    contract = type("Test", (FrameOpContract,), {"words": "mine"})()
    assert words in broken(getattr(contract, f"test_{check}"))


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("in_a_fixed_order", "names tell where the data set lies"),
        ("labels", "the label 7 is none of 1 classes"),
        ("what_is_missing_is_explained", "it ends in FileNotFoundError"),
    ],
)
def test_layouts(registered: Callable[..., None], check: str, words: str) -> None:
    registered(LayoutSpec(name="tiles", summary="x", layout="tests.testing.mutants:TILES"))

    class Test(LayoutContract):
        layout = "tiles"

        def make(self, folder: Path) -> Path:
            for name in "ab":
                np.save(folder / f"{name}.npy", moving_square(3, (8, 8)))
            (folder / "tiles.json").write_text('["a.npy", "b.npy"]')
            return folder

    assert words in broken(getattr(Test(), f"test_{check}"))


def test_listeners(site: Site) -> None:
    site.add(
        "loud",
        """
        from time import sleep
        from seqimg.plugins import hookimpl
        SEQIMG_API = 1

        @hookimpl
        def seqimg_run_step(run, figures):
            sleep(0.06)

        @hookimpl
        def seqimg_run_finished(run, outcome):
            print(outcome["model"])
        """,
    )
    contract = type("Test", (ListenerContract,), {"plugin": "loud"})()
    contract.test_it_listens()
    contract.test_a_run_that_finishes()
    assert "KeyError: 'model'" in broken(contract.test_a_run_that_fails)
    assert "each step waits" in broken(contract.test_steps_are_not_held_up)


def test_a_task_that_says_nothing_while_frames_come(registered: Callable[..., None]) -> None:
    registered(
        TaskSpec(
            name="quiet",
            summary="Quiet.",
            task="tests.testing.mutants:Quiet",
            config="seqimg_predict.config:PredictConfig",
            run_options="seqimg_predict.config:PredictRun",
        )
    )

    class Test(TaskContract):
        task = "quiet"
        values = {"widths": (4,), "context": 3, "horizon": 2, "motion": False, "baselines": ("copy_last",)}

    assert "nothing is said of the first 100 frames" in broken(Test().test_answers_while_frames_come)
    assert "controls() names speed, no fields" in broken(Test().test_controls_can_be_turned)
