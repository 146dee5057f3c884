"""What streaming costs: `python -m tests.bench.streaming` prints ratios, which say more than times on a shared machine.

| line | what |
|---|---|
| cold start | from the command to the first written frame, over `import torch, av` and one model step |
| pipeline | throughput of `run`, over that of its slowest stage alone |
| overlap | the same run with its stages one after the other, over it with them at the same time |
| live | a source twice as fast as the model: what was left out, and how long frames waited |

It wants a machine to itself.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as the command does

__all__ = ["FIRST_FRAME", "IMPORTS", "cold_start", "main", "model_folder", "pipeline", "video"]

IMPORTS = """
import sys, time
import torch, av
from torch import nn
begun = time.perf_counter()
with torch.inference_mode():
    nn.Sequential(*(nn.Conv2d(8, 8, 3, padding=1) for _ in range(8)))(torch.rand(1, 8, 60, 80))
"""
"""What everybody pays: torch, PyAV, and a first step of something small."""

FIRST_FRAME = """
import os, sys
from seqimg.sequences.publishing import PublishingWriter
write = PublishingWriter.write
def first(self, *given):
    write(self, *given)
    os._exit(0)
PublishingWriter.write = first
from seqimg.cli.main import main
main(sys.argv[1:])
"""
"""A command that ends with its first written frame."""

_TASKS = {
    "predict": ({"channels": 3}, ["--rolling"]),
    "classify": ({"channels": 3, "classes": ("a", "b")}, []),
    "detect": ({"channels": 3, "classes": ("a", "b")}, []),
}


def video(path: Path, frames: int = 600, height: int = 240, width: int = 320, fps: int = 25) -> Path:
    """Write a video of something that moves."""
    from seqimg import save_sequence

    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (height // 8 + 1, (width + frames) // 8 + 1, 3), dtype=np.uint8)
    ground = coarse.repeat(8, 0).repeat(8, 1)[:height]
    save_sequence((ground[:, at : at + width] for at in range(frames)), path, fps=fps)
    return path


def model_folder(path: Path, task: str) -> Path:
    """Save an untrained model of a task, of its usual size."""
    import torch

    from seqimg import modelfolder
    from seqimg.plugins.manager import plugin_host

    tasks = plugin_host().tasks
    torch.manual_seed(0)
    made = tasks.load(task)(tasks.load(task, "config")(**_TASKS[task][0]))
    modelfolder.save(path, made, made.build_model().state_dict(), {})
    return path


def cold_start(task: str, folder: Path, times: int = 5) -> tuple[float, float]:
    """Return seconds to the first written frame, and of the imports and one step, each the least of several."""
    clip, model = folder / "clip.mp4", folder / task
    words = [task, "run", str(clip), "--model", str(model), *_TASKS[task][1], "-o", str(folder / "o.mp4")]

    def seconds(program: str, *given: str) -> float:
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", program, *given], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return time.perf_counter() - begun

    found = [(seconds(FIRST_FRAME, *words, "--overwrite"), seconds(IMPORTS)) for _ in range(times)]
    return min(first for first, _ in found), min(least for _, least in found)


def pipeline(task: str, folder: Path, *, overlap: bool) -> tuple[float, dict[str, float]]:
    """Return frames a second of a run, and the median seconds a frame of each stage in it."""
    import torch

    from seqimg import modelfolder
    from seqimg.batch.application import Application
    from seqimg.batch.flow import Flow
    from seqimg.config import ReadingConfig
    from seqimg.sequences import open_configured, save_sequence

    loaded = modelfolder.load(folder / task)
    options = loaded.task.RunOptions(**({"rolling": True} if task == "predict" else {}))
    with open_configured(folder / "clip.mp4", ReadingConfig()) as sequence:
        flow = Flow(overlap=overlap)
        work = Application(loaded, folder / task, sequence, options, torch.device("cpu"), flow)
        with closing(work.frames()) as frames:
            save_sequence(frames, folder / "o.mp4", fps=25, overwrite=True)
    record = work.timing.record(live=False)
    return record["fps"], {name: stage["mean"] for name, stage in record["stages"].items()}


def _slowest_alone(stages: dict[str, float]) -> float:
    """Return frames a second of the slowest stage, the task's own two being one: they are in one thread."""
    work = stages["model"] + stages["postprocess"]
    return 1 / max(work, stages["decode"] + stages["preprocess"], stages["encode"])


def _live(task: str, folder: Path) -> Iterator[str]:
    import torch

    from seqimg import modelfolder
    from seqimg.batch.application import Application
    from seqimg.batch.flow import Flow
    from seqimg.sequences import open_sequence

    fps, _ = pipeline(task, folder, overlap=True)
    fast = video(folder / f"{task}-fast.mp4", frames=90, fps=max(2, round(2 * fps)))
    loaded = modelfolder.load(folder / task)
    options = loaded.task.while_live(loaded.task.RunOptions())
    with open_sequence(fast) as sequence:
        flow = Flow(live=True, paced=True)
        work = Application(loaded, folder / task, sequence, options, torch.device("cpu"), flow)
        with closing(work.frames()) as frames:
            for _ in frames:
                pass
    record = work.timing.record(live=True)
    lag = record["lag_frames"]
    yield f"{record['frames_in']} came, {record['frames_dropped']} left out"
    yield f"lag in frames: p50 {lag['p50']:.2f}, p99 {lag['p99']:.2f}, most {lag['most']:.2f}"


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("tasks", nargs="*", default=list(_TASKS))
    parser.add_argument("--times", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video(folder / "clip.mp4")
        for task in chosen.tasks:
            model_folder(folder / task, task)
            first, least = cold_start(task, folder, chosen.times)
            print(f"{task}: cold start {first:.2f} s over {least:.2f} s: {first / least:.2f}", flush=True)
            ratios, gains = [], []
            for _ in range(chosen.times):
                fps, _ = pipeline(task, folder, overlap=True)
                alone, apart = pipeline(task, folder, overlap=False)
                ratios.append(fps / _slowest_alone(apart))
                gains.append(fps / alone)
            print(f"{task}: pipeline {statistics.median(ratios):.2f} of its slowest stage alone", flush=True)
            print(
                f"{task}: {statistics.median(gains):.2f} times as fast as one stage after the other",
                flush=True,
            )
            print(f"{task}: live, {'; '.join(_live(task, folder))}", flush=True)


if __name__ == "__main__":
    main()
