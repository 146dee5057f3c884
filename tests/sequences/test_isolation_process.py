"""Processes that decode end with the one they serve, however that ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
from torch.utils.data import DataLoader, Dataset

from seqimg.sequences import Sequence, SequenceError, open_sequence
from seqimg.sequences.isolated.decoder import _alive, end_decoders
from tests.sequences import isolated
from tests.sequences.isolated import ROOT, bad


@pytest.fixture
def site(tmp_path: Path) -> Path:
    isolated.install(tmp_path / "site")
    return tmp_path / "site"


@contextmanager
def _script(site: Path, source: str, *arguments: object) -> "Iterator[subprocess.Popen[str]]":
    """Run Python with the bad format installed; whatever happens, it does not outlive the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", dedent(source), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{site}:{ROOT}"},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def _wait_until_gone(pid: int, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not _is_gone(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return _is_gone(pid)


WAITING = """
    import sys, time
    from seqimg.sequences import open_sequence
    from seqimg.sequences.isolated.decoder import _alive
    sequence = open_sequence(sys.argv[1], isolate=True)
    frames = iter(sequence)
    next(frames)
    print(next(iter(_alive)).pid, flush=True)
    for frame in frames:
        pass
    print("done", flush=True)
    time.sleep(1000)
"""


@pytest.mark.parametrize("action", ["hang 3", "spin 3", "fine"])
def test_it_ends_when_its_parent_is_killed(tmp_path: Path, site: Path, action: str) -> None:
    # Even while a decoder is busy and holds Python's lock.
    with _script(site, WAITING, bad(tmp_path, action)) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        time.sleep(0.3)
        assert not _is_gone(child)
        parent.kill()
        assert _wait_until_gone(child)


@pytest.mark.parametrize("action", ["hang 3", "spin 3"])
def test_ctrl_c_is_the_parents(tmp_path: Path, site: Path, action: str) -> None:
    with _script(site, WAITING, bad(tmp_path, action)) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        time.sleep(0.3)
        os.killpg(parent.pid, signal.SIGINT)
        _, said = parent.communicate(timeout=20)
        assert "KeyboardInterrupt" in said
        assert parent.returncode == -signal.SIGINT
        assert _is_gone(child)


def test_it_ignores_interrupts(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((50, 64, 64), np.uint8))
    with open_sequence(tmp_path / "a.npy", isolate=True) as sequence:
        frames = iter(sequence)
        next(frames)
        for decoder in _alive:
            os.kill(decoder.pid, signal.SIGINT)
        assert sum(1 for _ in frames) == 49


def test_nothing_is_left_at_the_end(tmp_path: Path, site: Path) -> None:
    script = """
        import sys
        from seqimg.sequences import open_sequence
        from seqimg.sequences.isolated.decoder import _alive
        sequence = open_sequence(sys.argv[1], isolate=True)
        frames = iter(sequence)
        next(frames)
        print(next(iter(_alive)).pid, flush=True)
    """
    with _script(site, script, bad(tmp_path, "fine")) as process:
        said, complaints = process.communicate(timeout=20)
        assert (process.returncode, complaints) == (0, "")
        assert _wait_until_gone(int(said))


def test_no_descriptor_and_no_child_is_lost(tmp_path: Path) -> None:
    end_decoders()
    np.save(tmp_path / "a.npy", np.zeros((9, 8, 8), np.uint8))

    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    counts = []
    for _ in range(4):
        with open_sequence(tmp_path / "a.npy", isolate=True) as sequence:
            next(iter(sequence))
            os.kill(next(iter(_alive)).pid, signal.SIGSEGV)
        end_decoders()
        counts.append(descriptors())
    assert len(set(counts)) == 1
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


class _Frames(Dataset[int]):
    def __init__(self, sequence: Sequence) -> None:
        self.sequence = sequence

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> int:
        [frame] = self.sequence.frames([index])
        return int(frame.pixels[0, 0, 0])


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
@pytest.mark.parametrize("workers", [0, 1, 3])
def test_in_workers_of_a_loader(tmp_path: Path, workers: int) -> None:
    stack = np.arange(12, dtype=np.uint8)[:, None, None] + np.zeros((12, 8, 8), np.uint8)
    np.save(tmp_path / "a.npy", stack)
    with open_sequence(tmp_path / "a.npy", isolate=True) as sequence:
        frames = iter(sequence)  # a pass that is under way in this process
        next(frames)
        loaded = [int(value) for value in DataLoader(_Frames(sequence), num_workers=workers)]
        assert loaded == list(range(12))
        assert [int(frame[0, 0, 0]) for frame in frames] == list(range(1, 12))


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_after_a_fork(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((200, 64, 64), np.uint8))
    with open_sequence(tmp_path / "a.npy", isolate=True) as sequence:
        frames = iter(sequence)
        next(frames)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                fresh = sum(1 for _ in sequence)
                try:
                    list(frames)
                except SequenceError as error:
                    code = 0 if fresh == 200 and "another process" in str(error) else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert sum(1 for _ in frames) == 199


def _resident(pid: int) -> int:
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmRSS" in line]
    return int(line.split()[1]) * 1024


def test_memory_is_flat(tmp_path: Path) -> None:
    """Neither process grows with the length, nor with the number of passes and sequences."""
    count = 6000
    np.save(tmp_path / "a.npy", np.zeros((count, 96, 96, 1), np.uint8))
    end_decoders()
    seen: dict[int, list[int]] = {}
    for _ in range(3):
        with open_sequence(tmp_path / "a.npy", isolate=True) as sequence:
            for place, _ in enumerate(sequence):
                if place in (200, count - 1):
                    [decoder] = _alive
                    for pid in (os.getpid(), decoder.pid):
                        seen.setdefault(pid, []).append(_resident(pid))
    assert len(seen) == 2
    for sizes in seen.values():
        assert max(sizes) < sizes[0] * 1.05 + 2**20, sizes
