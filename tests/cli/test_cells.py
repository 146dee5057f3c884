"""`seqimg cells`: what there is, why which kernel is taken, and a bench that leaves nothing out."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seqimg.plugins import CellSpec
from seqimg.plugins.manager import plugin_host, reset_plugin_host
from seqimg.plugins.registry import Owner
from tests.support.cli import Result, assert_refused, seqimg

Cli = Callable[..., Result]
TINY = ("--shapes", "1,2,3,8,8:4", "--repeats", "1", "--dtype", "fp32", "--json")
COLUMNS = {"naive", "naive channels-last", "reference", "fused", "limit"}


@pytest.fixture
def extended() -> Iterator[None]:
    """A plugin with a cell that does not load."""
    reset_plugin_host()
    owner = Owner(plugin="other", distribution="seqimg-other", version="2")
    plugin_host().cells.add(CellSpec(name="broken", summary="A cell.", cell="nowhere:Cell"), owner)
    yield
    reset_plugin_host()


def _explained(cli: Cli, *words: str) -> dict[tuple[str, str], dict[str, Any]]:
    result = cli("cells", "explain", *words, "--json")
    assert result.returncode == 0, result.stderr
    return {(k["op"], k["kernel"]): k for k in json.loads(result.stdout)["kernels"]}


def test_help_loads_no_torch() -> None:
    program = (
        "import sys; from seqimg.cli.main import main; main(['cells', '--help']); "
        "[main(['cells', verb, '--help']) for verb in ('list', 'show', 'explain', 'audit', 'bench')]; "
        "sys.exit(bool({'torch', 'numpy', 'triton', 'matplotlib'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "--shapes" in done.stdout


def test_list_names_kernels_and_owners(cli: Cli) -> None:
    cells = {cell["name"]: cell for cell in json.loads(cli("cells", "list", "--json").stdout)["cells"]}
    assert cells.keys() == set(plugin_host().cells.names())
    assert cells["conv_gru"]["kernels"]["sequence"][:2] == ["fused", "reference"]
    assert (cells["gru"]["rank"], cells["gru"]["kernels"]["sequence"]) == (0, ["reference"])
    assert cells["gru"]["owner"].startswith("seqimg (seqimg ")
    assert cli("cells", "list", "*lstm").stdout.count("lstm ") == 2


@pytest.mark.usefixtures("extended")
def test_a_cell_that_does_not_load_leaves_the_others_listed(cli: Cli) -> None:
    result = cli("cells", "list", "--device", "cpu")
    assert result.returncode == 0
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("broken")]
    assert "does not load" in line
    assert "seqimg-other 2" in line
    assert "conv_gru " in result.stdout


def test_show_tells_equations_options_and_shapes(cli: Cli) -> None:
    human = cli("cells", "show", "conv_gru").stdout
    for words in ("h' &= h + z ⊙ (n - h)", "reset = 'before'", "weight_h [24, 8, 3, 3]", "sequence: fused"):
        assert words in human
    shown = json.loads(cli("cells", "show", "lstm", "--json").stdout)
    assert shown["example"]["parameters"]["weight_x"] == [32, 8]
    assert shown["state_channels"] == 16


def test_explain_gives_a_verdict_on_every_kernel(cli: Cli) -> None:
    plain = _explained(cli, "conv_gru", "--shape", "2,5,8,16,16", "--device", "cpu")
    assert plain["sequence", "fused"]["verdict"] == "taken"
    assert plain["sequence", "reference"]["reasons"] == ["fused is preferred"]
    assert plain["step", "packed"]["verdict"] == "taken"
    wide = _explained(cli, "conv_gru", "--device", "cpu", "--option", "groups=2")
    assert wide["sequence", "fused"]["reasons"] == ["it knows no groups"]
    assert wide["sequence", "reference"]["verdict"] == "taken"
    learned = _explained(cli, "conv_gru", "--device", "cpu", "--features", "keep,restart")
    assert learned["sequence", "fused"]["verdict"] == "refused"


def test_what_explain_takes_is_what_select_takes(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQIMG_KERNEL", "reference")
    asked = _explained(cli, "conv_gru", "--device", "cpu")
    assert asked["sequence", "reference"]["verdict"] == "taken"
    assert asked["sequence", "fused"]["verdict"] == "usable"


def test_explain_is_about_rules_not_about_this_machine(cli: Cli) -> None:
    result = cli("cells", "explain", "conv_gru", "--device", "cuda")
    assert result.returncode == 0
    lines = [line for line in result.stdout.splitlines() if " triton" in line]
    assert len(lines) == 2
    assert all("experimental" in line and "interpreter only" in line for line in lines)
    here = _explained(cli, "conv_gru", "--device", "cpu")["sequence", "triton"]
    assert here["verdict"] == "refused"
    assert here["reasons"][0] == "it runs on cuda, not on cpu"


def test_explain_says_that_a_device_is_not_here(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "No CUDA device is here" in cli("cells", "explain", "gru", "--device", "cuda").stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("list", "conv_gr"), 2, "did you mean conv_gru"),
        (("show", "conv_gur"), 3, "did you mean conv_gru"),
        (("explain", "conv_gur"), 3, "did you mean conv_gru"),
        (("explain", "conv_gru", "--shape", "1,2,3"), 2, "B,T,C,H,W"),
        (("explain", "gru", "--shape", "1,2,3,8,8"), 2, "B,T,C"),
        (("explain", "conv_gru", "--option", "kernl_size=3"), 2, "did you mean kernel_size"),
        (("explain", "conv_gru", "--option", "kernel_size"), 2, "KEY=VALUE"),
        (("explain", "conv_gru", "--option", "kernel_size=4"), 2, "odd"),
        (("explain", "conv_gru", "--features", "keeep"), 2, "did you mean keep"),
        (("explain", "conv_gru", "--dtype", "bfloat61"), 2, "did you mean bfloat16"),
        (("bench", "--shapes", "1,2,3"), 2, "B,T,C,H,W:hidden"),
        (("bench", "--only", "traning"), 2, "did you mean training"),
        (("bench", "--only", "step", "--plot", "a.png"), 2, "nothing to draw"),
        (("bench", "--plot", "a.txt"), 2, "a.png"),
    ],
)
def test_mistakes_get_one_clear_answer(cli: Cli, words: tuple[str, ...], code: int, said: str) -> None:
    assert_refused(cli("cells", *words), code, said)


def test_bench_measures_every_column_and_answers_every_question(tmp_path: Path) -> None:
    # No compiler, whatever is installed: that column is empty, says why, and ends nothing.
    env = {"CXX": str(tmp_path / "no-compiler"), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    result = seqimg("cells", "bench", *TINY, "--only", "training,inference,min,step", env=env)
    assert result.returncode == 0, result.stderr
    bench = json.loads(result.stdout)
    assert {"processor", "threads", "torch", "load"} <= bench["machine"].keys()
    assert (bench["settings"]["repeats"], bench["settings"]["dtypes"]) == (1, ["float32"])
    rows = {row["kind"]: row for row in bench["rows"]}
    assert list(rows) == ["training", "inference", "min", "step"]
    for kind, more in (("training", set()), ("inference", set()), ("step", {"packed"})):
        columns = {column["name"]: column for column in rows[kind]["columns"]}
        assert COLUMNS | more <= columns.keys()
        for name in COLUMNS | more:
            assert columns[name]["figures"]["median_s"] >= columns[name]["figures"]["min_s"] > 0, name
        assert columns["limit"]["figures"]["of_limit"] == 1
        assert columns["naive compiled"]["figures"]["median_s"] is None
        assert columns["naive compiled"]["note"]
    asked = {kind: [check["asked"] for check in row["checks"]] for kind, row in rows.items()}
    assert asked == {
        "training": ["≥ 0.88", "≥ 1"],
        "inference": ["≥ 0.9"],
        "min": ["≥ 2.5"],
        "step": ["≥ 0.85", "≥ 1", "≤ 1.5"],
    }
    assert all(check["met"] is not None for row in bench["rows"] for check in row["checks"])


def test_audit_is_part_of_the_group(cli: Cli) -> None:
    result = cli("cells", "audit", "--roofline", "--shape", "4,10,64,32,32", "--json")
    assert result.returncode == 0, result.stderr
    assert {tuple(row["shape"]) for row in json.loads(result.stdout)["estimates"]} == {(4, 10, 64, 32, 32)}


@pytest.mark.slow
def test_bench_of_memory_and_growth(tmp_path: Path) -> None:
    plot = tmp_path / "growth.png"
    words = ("--only", "memory,scaling", "--plot", plot)
    result = seqimg("cells", "bench", *TINY, *words)
    assert result.returncode == 0, result.stderr
    rows = json.loads(result.stdout)["rows"]
    assert {row["kind"] for row in rows} == {"memory", "recompute", "scaling", "long"}
    assert {row["axis"] for row in rows} == {None, "T", "B", "H·W", "C"}
    (memory,) = [row for row in rows if row["kind"] == "memory"]
    assert [column["name"] for column in memory["columns"]] == ["naive", "fused", "fused recomputed"]
    assert [check["asked"] for check in memory["checks"]] == ["≤ 0.55", "≤ 0.55", "≤ 0.25", "≤ 0.25"]
    (long,) = [row for row in rows if row["kind"] == "long"]
    assert [column["name"] for column in long["columns"]] == ["200 frames", "1000 frames"]
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert_refused(seqimg("cells", "bench", "--plot", plot, "--quiet"), 1, "exists already")
