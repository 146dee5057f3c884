"""Memory does not grow with the length of a sequence."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from seqimg.sequences import save_sequence
from tests.sequences.numbered import numbered

SHORT, LONG = 200, 3000

_MEASURE = """
    import sys
    from seqimg.sequences import open_sequence, save_sequence

    def peak():
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

    source, target = sys.argv[1:]
    with open_sequence(source) as sequence:
        if target == "picks":
            last = sequence.info.frame_count
            # As many as of the short one: what grows is only what is passed over.
            count = last if sum(1 for _ in sequence.frames(range(0, last, last // 100))) == 100 else 0
        elif target:
            count = save_sequence(sequence, target, fps=25).frame_count
        else:
            count = sum(1 for _ in sequence)
    print(count, peak())
"""


def _peak(source: Path, target: str | Path | None = None) -> tuple[int, int]:
    """Read (and write) a whole sequence in a process of its own; return frames and peak memory in kB."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_MEASURE), str(source), str(target or "")],
        capture_output=True,
        text=True,
        check=True,
    )
    count, peak = map(int, done.stdout.split())
    return count, peak


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("memory")
    for count in (SHORT, LONG):
        for suffix in (".mp4", ".webm", ".npy"):
            looped = (frame for _ in range(count // 100) for frame in numbered(100))
            save_sequence(looped, folder / f"{count}{suffix}", fps=25)
    return folder


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    ("source", "target"),
    [
        (".mp4", None),
        (".webm", None),
        (".npy", None),
        (".mp4", ".mp4"),
        (".mp4", ".npy"),
        (".npy", ""),
        (".mp4", "picks"),
        (".npy", "picks"),
    ],
)
def test_memory_is_flat(sources: Path, tmp_path: Path, source: str, target: str | None) -> None:
    peaks = []
    for count in (SHORT, LONG):
        written = target if target in (None, "picks") else tmp_path / f"{count}{target}"
        found, peak = _peak(sources / f"{count}{source}", written)
        assert found == count
        peaks.append(peak)
    assert peaks[1] <= peaks[0] * 1.05 + 1024, peaks


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_memory_is_flat_up_to_20000_frames(sources: Path) -> None:
    long = sources / "20000.mp4"
    save_sequence((frame for _ in range(200) for frame in numbered(100)), long, fps=25)
    for target in (None, "picks"):
        peaks = []
        for path, count in ((sources / f"{SHORT}.mp4", SHORT), (long, 20_000)):
            found, peak = _peak(path, target)
            assert found == count
            peaks.append(peak)
        assert peaks[1] <= peaks[0] * 1.05, (target, peaks)
