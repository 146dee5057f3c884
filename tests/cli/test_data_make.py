"""`seqimg data make` on the command line."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seqimg.data.generators.made_layouts import Layout
from tests.support.cli import Result

CLI = Callable[..., Result]


def test_the_last_lines_name_the_file_to_open_and_what_to_try(cli: CLI, tmp_path: Path) -> None:
    out = tmp_path / "mein Ordner ä"
    done = cli("data", "make", "moving-digits", out, "--count", "4", "--length", "3", "--size", "40x32")
    assert done.returncode == 0
    assert done.stdout == f"Saved {out / 'sequences.npy'} (one array, 4 sequences)\n"
    assert done.stderr.splitlines() == [
        "Making 4 sequences of moving-digits, 3 frames each, 40×32, split train, seed 0.",
        f"Try: seqimg predict train --data '{out}'",
    ]
    assert np.load(out / "sequences.npy").shape == (4, 3, 32, 40)


def test_one_sequence_is_one(cli: CLI) -> None:
    done = cli(
        "data", "make", "pans", "one", "--count", "1", "--length", "3", "--size", "32", "--format", "npy"
    )
    assert done.stdout.endswith(", 1 sequence)\n")


def test_json_says_what_was_made(cli: CLI, tmp_path: Path) -> None:
    done = cli("data", "make", "tracks", tmp_path / "t", "--count", "2", "--length", "3", "--json")
    said = json.loads(done.stdout)
    assert (said["layout"], said["sequences"], said["frames"]) == ("COCO-VID", 2, 6)
    assert said["boxes"] > 0
    assert Path(said["open"]).exists()


def test_digits_of_a_file_and_options(cli: CLI, tmp_path: Path) -> None:
    idx = tmp_path / "train-images-idx3-ubyte"
    idx.write_bytes(bytes.fromhex("00000803 0000000a 0000001c 0000001c") + bytes([77]) * 7840)
    done = cli(
        *("data", "make", "moving-digits", tmp_path / "d", "--count", "1", "--length", "2"),
        *("--idx", idx, "--option", "digits=1", "--option", "placement=pixel", "--split", "test"),
    )
    assert done.returncode == 0
    frames = np.load(tmp_path / "d" / "sequences.npy")
    assert set(np.unique(frames)) == {0, 77}
    assert (frames == 77).sum(axis=(2, 3)).tolist() == [[784, 784]]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["motoin", "out"], 3, "motoin"),
        (["motion", "out", "--size", "6x"], 2, "--size '6x' is no size"),
        (["motion", "out", "--size", "big"], 2, "is no size"),
        (["motion", "out", "--option", "kind"], 2, "KEY=VALUE"),
        (["motion", "out", "--option", "knd=appear"], 2, "Try: kind=appear"),
        (["motion", "out", "--split", "all"], 2, "all"),
        (["motion", "out", "--count", "0"], 2, "--count"),
        (["motion", "out", "--format", "mp5"], 2, "cannot write sequences as mp5"),
        (["moving-digits", "out", "--idx", "missing"], 1, "cannot read missing"),
        (["motion", "taken"], 1, "exists already"),
    ],
)
def test_what_is_wrong_is_said_in_three_lines(
    cli: CLI, tmp_path: Path, words: list[str], code: int, said: str
) -> None:
    Path("taken").mkdir()
    done = cli("data", "make", *words)
    assert done.returncode == code
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3
    assert "Traceback" not in done.stderr
    assert not Path("out").exists()


def test_help_is_light(cli: CLI) -> None:
    done = cli("data", "make", "--help")
    assert done.returncode == 0
    assert "--idx" in done.stdout


def test_what_ends_a_command_early_leaves_nothing(
    cli: CLI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "room").mkdir()
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        monkeypatch.setattr(Layout, "_show", lambda *_, number=number: os.kill(os.getpid(), number))
        done = cli("data", "make", "motion", tmp_path / "room" / "out", "--count", "3", "--length", "3")
        assert done.returncode == code
        assert not list((tmp_path / "room").iterdir())
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
