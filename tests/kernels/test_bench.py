"""The bench measures what it says: the same numbers in every column, and in the limit all the convolutions."""

import platform
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from seqimg.errors import SeqimgError, UsageError
from seqimg.kernels.bench import Plan, Shape, chosen_dtypes, chosen_parts, plot_scaling
from seqimg.kernels.bench.child import saved_bytes
from seqimg.kernels.bench.clips import clip_row
from seqimg.kernels.bench.limit import Job, Limit, limit_arrangements
from seqimg.kernels.bench.memory import memory_row
from seqimg.kernels.bench.programs import Case, Program, automatic, layer_program, naive_program, programs
from seqimg.kernels.bench.scaling import AXES, scaling_points
from seqimg.kernels.bench.timing import fastest, interleaved, ratio
from seqimg.kernels.bench.works import training_work
from tests.tolerances import relative_error

CPU = torch.device("cpu")
LAYER = "seqimg.nn:ConvRNN"
SHAPE = Shape(2, 3, 5, 6, 7, 4)


def _case(shape: Shape = SHAPE, dtype: torch.dtype = torch.float64) -> Case:
    return Case(shape, dtype, CPU, LAYER)


def _results(case: Case, program: Program) -> list[Tensor]:
    """Outputs and the gradients of frames and state."""
    channels_last = program.channels_last[0]
    x = case.frames(channels_last=channels_last).requires_grad_()
    h = case.state(channels_last=channels_last).requires_grad_()
    y = program.clip(x, h)
    return [y, *torch.autograd.grad(y, [x, h], case.gradient(channels_last=channels_last))]


@pytest.mark.parametrize("channels_last", [False, True])
def test_the_naive_columns_compute_what_the_layer_computes(channels_last: bool) -> None:
    case = _case()
    naive = _results(case, naive_program(case, channels_last=channels_last))
    layer = _results(case, layer_program(case, "reference"))
    assert naive[0].shape == (2, 3, 4, 6, 7)
    for found, wanted in zip(naive, layer, strict=True):
        assert relative_error(found, wanted) < 1e-12


def test_a_step_of_each_column_is_the_first_frame_of_its_clip() -> None:
    case = _case(dtype=torch.float32)
    made = {n: make() for n, make in programs(case, ("sequence", "step"), compiled=False).items()}
    assert {"naive", "naive channels-last", "reference", "fused", "packed"} <= made.keys()
    x, h = case.frames(channels_last=True), case.state(channels_last=True)
    wanted = made["naive"].clip(x, h)[:, 0]
    with torch.no_grad():
        for program in made.values():
            assert relative_error(program.step(x[:, 0], h), wanted) < 1e-5


def _convolution_in_place(out: Any, x: Any, weight: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
    return int(conv_flop_count(x, weight, out))


def _convolution(x: Any, weight: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
    return int(conv_flop_count(x, weight, out_shape))


def _flops(work: Callable[[], object]) -> int:
    """Operations of all convolutions, those of oneDNN among them."""
    counted = {
        torch.ops.mkldnn._convolution_pointwise: _convolution,
        torch.ops.mkldnn._convolution_pointwise_: _convolution_in_place,
    }
    with FlopCounterMode(display=False, custom_mapping=counted) as counter:
        work()
    return counter.get_total_flops()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("training", [False, True])
def test_every_way_of_the_limit_does_all_convolutions(training: bool, dtype: torch.dtype) -> None:
    case = _case(dtype=dtype)
    naive = naive_program(case, channels_last=False)
    x, h = case.frames(channels_last=False), case.state(channels_last=False)
    wanted = _flops(lambda: naive.clip(x, h))
    parts = limit_arrangements(SHAPE, dtype, CPU, training=training)
    for part in parts:
        assert set(part) == {"apart", "joined"}
        for cut, jobs in part.items():
            for way in range(min(len(job.ways) for job in jobs)):
                assert sum(_flops(list(job.ways.values())[way]) for job in jobs) == wanted, (cut, way)
    if training:  # forward, data and weight gradients take the same number of operations
        assert _flops(training_work(case, naive, channels_last=False)) == len(parts) * wanted


def test_the_limit_takes_the_fastest_way_of_the_fastest_arrangement() -> None:
    seconds = {"slow": 3.0, "fast": 1.0, "joined": 1.5}
    done: list[str] = []

    def way(name: str) -> Callable[[], None]:
        return lambda: done.append(name)

    def clock(work: Callable[[], object]) -> float:
        start = len(done)
        work()
        return sum(seconds[name] for name in done[start:])

    apart = [Job("a", {"slow": way("slow"), "fast": way("fast")}), Job("b", {"fast": way("fast")})]
    limit = Limit([{"apart": apart, "joined": [Job("both", {"joined": way("joined")})]}], clock)
    done.clear()
    limit()
    assert done == ["joined"]
    assert limit.how == {"both": "joined"}
    seconds["joined"] = 2.5
    limit = Limit([{"apart": apart, "joined": [Job("both", {"joined": way("joined")})]}], clock)
    assert limit.how == {"a": "fast", "b": "fast"}


def test_columns_take_turns() -> None:
    done: list[str] = []
    works = {name: (lambda name=name: done.append(name)) for name in "abc"}

    def clock(work: Callable[[], object]) -> float:
        work()
        return float(len(done))

    seconds = interleaved(works, 20, clock, burst=3, drop=1)
    rounds = [done[first : first + 9] for first in range(0, len(done), 9)]
    assert len(rounds) == 20
    assert all(sorted(each) == sorted("abc" * 3) for each in rounds)
    assert len({tuple(each) for each in rounds}) == 6  # every order of three
    assert {len(taken) for taken in seconds.values()} == {40}


def test_what_slows_a_whole_round_cancels_out() -> None:
    assert ratio([1.0, 10.0, 3.0], [2.0, 20.0, 6.0]) == 0.5


def test_the_fastest_is_found_among_close_ones() -> None:
    seconds = {"a": 1.1, "b": 1.0, "c": 9.0}
    found = fastest({name: (lambda name=name: name) for name in seconds}, lambda work: seconds[str(work())])
    assert found == "b"


def test_saved_memory_counts_each_storage_once_and_no_input() -> None:
    case = _case(Shape(1, 2, 4, 8, 8, 4), torch.float32)
    weight = torch.ones(4, 1, 1, requires_grad=True)

    def clip(x: Tensor, h: Tensor) -> Tensor:
        squeezed = (x * weight).exp()  # keeps its result; x and weight are given
        return squeezed * squeezed.transpose(1, 2).transpose(1, 2) + h  # keeps views of the same

    program = Program(clip, clip, (weight,), (False,))
    assert saved_bytes(case, program) == 2 * 4 * 8 * 8 * 4


def test_the_process_grows_by_what_is_saved() -> None:
    row = memory_row(Plan(LAYER, CPU), Shape(2, 8, 16, 32, 32, 16), "float32")
    naive, fused, recomputed = (column.figures for column in row.columns)
    for figures in (naive, fused, recomputed):
        assert figures["peak_bytes"] is not None
        assert figures["saved_bytes"] is not None
        assert figures["peak_bytes"] > 0.9 * figures["saved_bytes"]
    states = 2 * 8 * 32 * 32 * 16 * 4  # bytes
    assert naive["saved_bytes"] > 5 * states
    assert recomputed["saved_bytes"] < fused["saved_bytes"] < 0.6 * naive["saved_bytes"]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators are left alone")
def test_freed_memory_is_kept_until_it_is_released() -> None:
    program = (
        "import resource, torch\n"
        "from seqimg.kernels.allocator import keep_freed_memory, release_freed_memory\n"
        "def faults(rounds):\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    for _ in range(rounds): torch.zeros(2**24)\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
        "fresh = faults(4); keep_freed_memory(); faults(8); kept = faults(4)\n"
        "release_freed_memory(); print(fresh, kept, faults(1))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    fresh, kept, released = map(int, done.stdout.split())
    assert kept < 0.1 * fresh
    assert released > kept


def test_a_column_that_fails_leaves_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no compiler here")

    monkeypatch.setattr(torch, "compile", broken)
    row = clip_row(Plan(LAYER, CPU, repeats=2), SHAPE, "float32", "training")
    columns = {column.name: column for column in row.columns}
    assert columns["naive compiled"].figures["median_s"] is None
    assert columns["naive compiled"].note == "RuntimeError: no compiler here"
    assert all(c.figures["median_s"] for name, c in columns.items() if name != "naive compiled")
    assert [check.met is None for check in row.checks] == [False, False]


def test_every_size_varies_alone() -> None:
    points = scaling_points(Shape(4, 8, 32, 16, 16, 32))
    assert {axis for axis, _, _ in points} == set(AXES)
    assert [value for axis, value, _ in points if axis == "H·W"] == [16, 64, 256, 1024]
    assert [shape for axis, value, shape in points if (axis, value) == ("C", 128)] == [
        Shape(4, 8, 128, 16, 16, 128)
    ]


def test_a_plot_of_nothing_is_refused(tmp_path: Any) -> None:
    with pytest.raises(SeqimgError, match="nothing to plot"):
        plot_scaling({"rows": []}, tmp_path / "a.png")


def test_the_kernel_taken_is_the_one_that_checks_are_about() -> None:
    assert automatic(_case(dtype=torch.float32), "sequence") == "fused"
    assert automatic(_case(dtype=torch.float32), "step") == "packed"


@pytest.mark.parametrize(
    ("read", "text", "words"),
    [
        (Shape.parse, "1,2,3,8,8", "no shape"),
        (Shape.parse, "1,2,3,8,0:4", "no shape"),
        (chosen_dtypes, "fp32,bf61", "did you mean bf16"),
        (chosen_parts, "traning", "did you mean training"),
    ],
)
def test_what_is_asked_for_is_checked(read: Callable[[str], object], text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read(text)
