"""After 20,000 frames a run takes no more memory than after 500, whatever the task."""

import json
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from seqimg import modelfolder, save_sequence
from seqimg.plugins.manager import plugin_host
from tests.streaming.models import learn

EARLY = 500
LARGEST_DIFFERENCE = 0.03
_MODELS: dict[str, dict[str, object]] = {
    "predict": {"channels": 3, "widths": (4, 6)},
    "classify": {"channels": 3, "widths": (4, 6), "classes": ("a", "b")},
    "style": {"channels": 3, "width": 4, "blocks": 1, "state": 4},
    "detect": {"channels": 3, "widths": (4, 6, 8), "memory": 6, "classes": ("a", "b")},
    "texture": {"channels": 3, "frames": 1, "widths": (4, 4)},
}
_FLAGS = {"predict": ["--rolling"]}

# Says what is resident after each of some frames that are written.
_RUN = """
import json, os, sys
from seqimg.sequences.publishing import PublishingWriter
places, found, count, write = json.loads(sys.argv[1]), {}, 0, PublishingWriter.write
def watched(self, *given):
    global count
    write(self, *given)
    count += 1
    if count in places:
        with open("/proc/self/statm") as file:
            found[count] = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
PublishingWriter.write = watched
from seqimg.cli.main import main
code = main(sys.argv[2:])
print(json.dumps(found))
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
@pytest.mark.parametrize("late", [3_000, 20_000])
@pytest.mark.parametrize("task", _MODELS)
def test_memory_is_flat(task: str, late: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tasks = plugin_host().tasks
    torch.manual_seed(0)
    made = tasks.load(task)(tasks.load(task, "config")(**_MODELS[task]))
    model = made.build_model()
    if task == "style":
        learn(model)
    modelfolder.save(tmp_path / "model", made, model.state_dict(), {})
    coarse = np.random.default_rng(0).integers(0, 256, (6, 40, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    moving = (coarse[:, at % 256 : at % 256 + 64] for at in range(10**9))
    save_sequence(islice(moving, late + 20), tmp_path / "clip.mp4", fps=25)
    words = [task, "run", str(tmp_path / "clip.mp4"), "--model", str(tmp_path / "model"), "-o", "out.mp4"]
    done = subprocess.run(
        [sys.executable, "-c", _RUN, json.dumps([EARLY, late]), *words, *_FLAGS.get(task, [])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    growth = found[str(late)] / found[str(EARLY)] - 1
    with capsys.disabled():
        print(f"\n{task}: {found[str(EARLY)] / 1e6:.0f} MB after {EARLY} frames, {growth:+.2%} after {late}")
    assert growth < LARGEST_DIFFERENCE
