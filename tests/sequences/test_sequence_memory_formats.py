"""Memory does not grow with the length of a sequence: formats other than video."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

_MEASURE = """
    import sys
    import numpy as np
    from seqimg.sequences import open_sequence, save_sequence

    def frames(count):
        noise = np.random.default_rng(0).integers(0, 255, (10, 64, 96, 3), np.uint8)
        for at in range(count):
            frame = noise[0].copy()
            frame[at % 50 : at % 50 + 10] = noise[at % 10, :10]
            yield frame

    what, path, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if what == "write":
        if path.endswith((".h5", ".zarr")):
            if path.endswith(".h5"):
                import h5py
                made = h5py.File(path, "w").create_dataset("x", (count, 64, 96, 3), "u1", chunks=(8, 64, 96, 3))
            else:
                import zarr
                made = zarr.create_array(path, shape=(count, 64, 96, 3), dtype="u1", chunks=(64, 64, 96, 3))
            for at in range(0, count, 64):
                made[at : at + 64] = np.stack(list(frames(min(64, count - at))))
        else:
            save_sequence(frames(count), path, fps=25)
    else:
        with open_sequence(path) as sequence:
            if what == "read":
                assert sum(1 for _ in sequence) == count
            else:
                assert len([frame.index for frame in sequence.frames(range(0, count, 7))]) == -(-count // 7)
    with open("/proc/self/status") as status:
        print(next(int(line.split()[1]) for line in status if line.startswith("VmHWM")))
"""


def _peak(*arguments: object) -> int:
    """Do something in a process of its own; return its peak memory in kB."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_MEASURE), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize("suffix", [".webp", ".apng", ".tif", ".h5", ".zarr"])
def test_memory_is_flat(tmp_path: Path, suffix: str) -> None:
    # HDF5's cache of its own tables fills up first.
    counts = (1500, 5000) if suffix == ".h5" else (200, 1500)
    peaks = {
        what: [_peak(what, tmp_path / f"{count}{suffix}", count) for count in counts]
        for what in ("write", "read", "pick")
    }
    for what in ("read", "pick") if suffix in (".h5", ".zarr") else peaks:
        short, long = peaks[what]
        assert long <= short * 1.05 + 1024, peaks
