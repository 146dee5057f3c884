"""Recipes of frame prediction at equal wall-clock: moving digits, 64×64, two digits, 10 frames in, 10 out.

First the pace of every recipe is measured: the seconds that a step takes on a machine that does nothing else. Then each
is trained with the same loop on the same stream of sequences for as many steps as the minutes hold at its pace, so that
what else the machine does in the meantime decides nothing, and measured on the same generated sequences as it goes. A
line a pace and a training goes to a JSON-lines file; what is in it is not done again, so the script may be stopped and
started at any time, and several may work side by side. With `--table` it prints what the file holds.

To measure the paces:     python tests/bench/recipes.py --pace
To choose the default:    python tests/bench/recipes.py --minutes 5 --seeds 0
To compare the best ones: python tests/bench/recipes.py --minutes 10 --seeds 0,1,2 --only NAME,NAME,conv_lstm_s_32
"""

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

PIXELS = 64 * 64
WARM, TIMED = 6, 30  # steps
FIT = {
    "context": 10, "horizon": 10, "crop": 64, "size": 0, "loss": "mse", "augment": (), "batch_size": 16,
}  # fmt: skip
# Rates of learning: of 2, 3, 4 and 8 thousandths the best of AdamW after two minutes, of 2, 3 and 4 of Muon.
_ADAMW = {"optimizer": "adamw", "learning_rate": 4e-3, "growing": 0.0}
_MUON = {"optimizer": "muon", "learning_rate": 2e-3, "growing": 0.0}
_BF16 = {"precision": "bf16"}
_FORECASTER = {"model": "encoder_forecaster", "widths": (32, 48), **_ADAMW}
_PLAIN = {**_FORECASTER, "widths": (48, 96), "patch": 2, "motion": False, "cuts": False}
# OpenSTL's ConvLSTM-S: 4 layers, 5×5, patches of 4; at several widths, since the full one sees few steps.
_STACK = {"model": "next_frame", **_ADAMW}
RECIPES: dict[str, dict[str, Any]] = {
    "default": {},
    "default_bf16": _BF16,
    "forecaster": _FORECASTER,
    "forecaster_bf16": {**_FORECASTER, **_BF16},
    "forecaster_wide_bf16": {**_FORECASTER, **_BF16, "widths": (48, 96)},
    "forecaster_patch2_bf16": {**_FORECASTER, **_BF16, "patch": 2},
    "forecaster_muon_bf16": {**_FORECASTER, **_BF16, **_MUON, "growing": 0.4},
    "conv_gru": _PLAIN,
    "conv_gru_patch4": {**_PLAIN, "widths": (64, 128), "patch": 4},
    "conv_gru_motion": {**_PLAIN, "motion": True},
    "conv_gru_motion_bf16": {**_PLAIN, **_BF16, "motion": True},
    "conv_gru_bf16": {**_PLAIN, **_BF16},
    "conv_gru_3_levels_bf16": {**_PLAIN, **_BF16, "widths": (32, 64, 96)},
    "conv_gru_wide_bf16": {**_PLAIN, **_BF16, "widths": (96, 192)},
    "conv_gru_lite_bf16": {**_PLAIN, **_BF16, "cell": "conv_gru_lite"},
    "sep_conv_gru_bf16": {**_PLAIN, **_BF16, "cell": "sep_conv_gru", "kernel_size": 5},
    "min_conv_gru_bf16": {**_PLAIN, **_BF16, "cell": "min_conv_gru"},
    "conv_lstm_bf16": {**_PLAIN, **_BF16, "cell": "conv_lstm"},
    "next_frame_plain_bf16": {**_PLAIN, **_BF16, "model": "next_frame"},
    "conv_lstm_s": {**_STACK, **_BF16, "widths": (128,) * 4},
    "conv_lstm_s_64": {**_STACK, **_BF16, "widths": (64,) * 4},
    "conv_lstm_s_32": {**_STACK, **_BF16, "widths": (32,) * 4},
    "conv_lstm_s_64_fp32": {**_STACK, "widths": (64,) * 4},
    "conv_lstm_s_32_muon": {**_STACK, **_BF16, **_MUON, "widths": (32,) * 4},
}


def stacked(widths: Sequence[int]) -> Any:
    """Return a stack of ConvLSTMs over 4×4 patches with a linear head, that reads what it says."""
    from torch import Tensor, cat, nn, where

    from seqimg.nn import ConvRNN

    class Stack(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = ConvRNN(16, list(widths), cell="conv_lstm", kernel_size=5)
            self.head = nn.Conv2d(widths[-1], 16, 1)

        def after(self, frames: Tensor, state: Any) -> tuple[Tensor, Any]:
            patches = nn.functional.pixel_unshuffle(frames.flatten(0, 1), 4).unflatten(0, frames.shape[:2])
            said, state = self.layers(patches, state)
            pictures = nn.functional.pixel_shuffle(self.head(said.flatten(0, 1)), 4)
            return pictures.unflatten(0, frames.shape[:2]).to(frames.dtype), state

        def forward(
            self,
            frames: Tensor,
            state: Any = None,
            *,
            horizon: int = 0,
            future: Tensor | None = None,
            given: Tensor | None = None,
        ) -> tuple[Tensor, Any]:
            said, state = self.after(frames, state)
            reached, found = state, [said[:, -1:]]
            for number in range(horizon - 1):
                read = found[-1]
                if future is not None and given is not None:
                    chosen = given[:, number, None, None, None, None]
                    read = where(chosen, future[:, number : number + 1], read)
                frame, state = self.after(read, state)
                found.append(frame)
            passed = [] if future is None else [said[:, :-1]]
            return cat([*passed, *found], dim=1)[:, : said.shape[1] - 1 + horizon], reached

    return Stack()


def task_of(name: str, seed: int, steps: int) -> Any:
    """Return the task of one recipe."""
    from seqimg_predict.config import PredictConfig
    from seqimg_predict.task import PredictTask

    class Stacked(PredictTask):
        def build_model(self) -> Any:
            return stacked(self.config.widths)

    config = PredictConfig(**{
        "data": ("demo:moving-digits",), "steps": steps, "seed": seed, "device": "cpu",
        "validate_every": steps, "validation_clips": 48, **FIT, **RECIPES[name],
    })  # fmt: skip
    return (Stacked if name.startswith("conv_lstm_s") else PredictTask)(config)


def pace(name: str) -> dict[str, Any]:
    """Return the median seconds of a step, what comes between two steps included.

    Where clips grow with the training, `shares` says how much of that a step takes at some points of it.
    """
    growing, whole = task_of(name, 0, 1).config.growing, step_seconds(name, 1.0)
    moments = [share * growing for share in (0.0, 0.25, 0.5, 0.75)] if growing else []
    shares = [[moment, step_seconds(name, moment) / whole] for moment in moments]
    return {"pace": name, "seconds_a_step": whole, "shares": [*shares, [growing, 1.0]]}


def step_seconds(name: str, progress: float) -> float:
    """Return the median seconds of a step of a recipe at one point of its training."""
    from seqimg.training.loop import StepReport, Trainer

    task, ends = task_of(name, 0, WARM + TIMED + 1), list[float]()
    with task.datasets() as data:
        task = task.settled(data)
        told = task.progressed
        task.progressed = lambda share: told(progress)

        def note(report: StepReport) -> None:
            ends.append(perf_counter())

        Trainer(task, data, note).train()
    return statistics.median(after - before for before, after in pairwise(ends[WARM : WARM + TIMED]))


def step_ends(minutes: float, line: dict[str, Any]) -> list[float]:
    """Return when each step of a training of so many minutes ends, in seconds, at a pace that was measured."""
    import numpy as np

    second, (moments, shares) = line["seconds_a_step"], zip(*line.get("shares", [[0.0, 1.0]]), strict=True)

    def ends(steps: int) -> Any:
        progress = (np.arange(steps) + 0.5) / steps
        return np.cumsum(second * np.interp(progress, moments, shares))

    steps = round(minutes * 60 / second)
    found: list[float] = ends(round(steps * minutes * 60 / ends(steps)[-1])).tolist()
    return found


def train(name: str, seed: int, minutes: float, line: dict[str, Any], every: float) -> dict[str, Any]:
    """Train one recipe, whose steps take as long as a line of its pace says, and return what there is to say of it."""
    import torch

    from seqimg.training.dryrun import summarise_model
    from seqimg.training.loop import StepReport, Trainer

    ends = step_ends(minutes, line)
    steps, task = len(ends), task_of(name, seed, len(ends))
    curve: list[dict[str, float]] = []
    with task.datasets() as data:
        task = task.settled(data)
        config = task.config
        model = summarise_model(task, task.build_model(), data, torch.device("cpu"))
        # Of a backward pass twice as much as of a forward pass.
        each, done = 3 * config.batch_size * model.multiply_adds * model.frames / 1e9, 0.0

        def note(report: StepReport) -> None:
            nonlocal done
            done += each * sum(task.curriculum().lengths()) / (config.context + config.horizon)
            if report.validation is not None:
                error, seconds = report.validation["mse"] * PIXELS, ends[report.step - 1]
                curve.append({"seconds": round(seconds, 1), "gmacs": done, "mse": error})
                print(f"{name} seed {seed}: {seconds:.0f} s, step {report.step}, {error:.2f}", flush=True)

        trainer, between = Trainer(task, data, note), max(1, round(every * steps / ends[-1]))
        trainer.validates = (  # type: ignore[method-assign]
            lambda: trainer.result.steps % between == 0 or trainer.result.steps == steps
        )
        trained = trainer.train()
    return {
        "name": name, "seed": seed, "minutes": minutes, "steps": trained.steps,
        "seconds_a_step": line["seconds_a_step"], "parameters": model.parameters, "gmacs_a_step": each,
        "mse_per_frame": curve[-1]["mse"], "curve": curve, "recipe": RECIPES[name],
    }  # fmt: skip


def simpler() -> dict[str, Any]:
    """Return the errors of the simpler answers on the sequences that trainings are measured on."""
    from seqimg.training.evaluation import evaluate

    task = task_of("default", 0, 1)
    with task.datasets() as data:
        task = task.settled(data)
        found = evaluate(task, task.build_model(), data.val).overall
    return {"simpler": {name: figures["mse"] * PIXELS for name, figures in found.items() if name != "model"}}


def done(path: Path) -> list[dict[str, Any]]:
    """Return the paces and trainings that the file holds; a line that was not finished counts for nothing."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def table(runs: Iterable[dict[str, Any]], minutes: float) -> str:
    """Lay out the trainings of so many minutes, best first, as Markdown; and the simpler answers."""
    groups: dict[str, list[dict[str, Any]]] = {}
    errors_of: dict[str, float] = {}
    for run in runs:
        errors_of |= run.get("simpler", {})
        if run.get("minutes") == minutes:
            groups.setdefault(run["name"], []).append(run)
    lines = ["| recipe | MSE per frame | seeds | steps | parameters | giga multiply-adds a step |"]
    lines += ["|---|---|---|---|---|---|"]
    for name, group in sorted(
        groups.items(), key=lambda pair: statistics.mean(r["mse_per_frame"] for r in pair[1])
    ):
        errors = [run["mse_per_frame"] for run in group]
        spread = f" ± {statistics.stdev(errors):.1f}" if len(errors) > 1 else ""
        steps = statistics.mean(run["steps"] for run in group)
        lines.append(
            f"| `{name}` | {statistics.mean(errors):.1f}{spread} | {len(errors)} | {steps:,.0f} "
            f"| {group[0]['parameters']:,} | {group[0]['gmacs_a_step']:.1f} |"
        )
    lines += [f"| {name} | {error:.1f} | | | | |" for name, error in errors_of.items()]
    return "\n".join(lines)


def passing(runs: Iterable[dict[str, Any]], minutes: float, other: str) -> Iterator[str]:
    """Say for each training when it was as good as another recipe of the same seed is at its end, and how it ended."""
    found = {(run["name"], run["seed"]): run for run in runs if run.get("minutes") == minutes}
    for (name, seed), run in sorted(found.items()):
        if name == other or (other, seed) not in found:
            continue
        goal = found[other, seed]["mse_per_frame"]
        ratio = run["mse_per_frame"] / goal
        reached = [point["seconds"] for point in run["curve"] if point["mse"] <= goal]
        when = (
            f"after {reached[0]:.0f} s, {reached[0] / minutes / 60:.0%} of the time" if reached else "never"
        )
        yield f"{name}, seed {seed}: as good as {other} at its end ({goal:.1f}) {when}; ends at {ratio:.2f} of it"


def plot(runs: Iterable[dict[str, Any]], minutes: float, path: Path) -> None:
    """Draw errors against seconds and against multiply-adds; all seeds of a recipe in one colour."""
    from matplotlib.figure import Figure

    wanted = sorted(
        (run for run in runs if run.get("minutes") == minutes), key=lambda run: run["mse_per_frame"]
    )
    figure = Figure(figsize=(14, 5), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for number, name in enumerate(dict.fromkeys(run["name"] for run in wanted)):
        curves = [run["curve"] for run in wanted if run["name"] == name]
        for axis, key in zip(axes, ("seconds", "gmacs"), strict=True):
            for which, curve in enumerate(curves):
                axis.plot(
                    [point[key] for point in curve], [point["mse"] for point in curve],
                    color=f"C{number}", linewidth=1.2, label=None if which else name,
                )  # fmt: skip
    axes[0].set(xlabel="seconds", ylabel="MSE per frame", yscale="log")
    axes[1].set(xlabel="giga multiply-adds", xscale="log")
    for axis in axes:
        axis.grid(which="both", alpha=0.3)
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter("{x:g}")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside center right")
    figure.savefig(path, dpi=80)


def work(names: Sequence[str], options: argparse.Namespace) -> None:
    """Measure or train what the file does not hold yet."""
    import torch

    from seqimg.kernels.allocator import keep_freed_memory

    keep_freed_memory()
    machine = {"torch": torch.__version__, "threads": torch.get_num_threads(), "cpu": platform.machine()}
    paces = {line["pace"]: line for line in done(options.file) if "pace" in line}
    if options.pace:
        for name in names:
            if name not in paces:
                keep(options.file, {**pace(name), **machine})
        return
    if lacking := [name for name in names if name not in paces]:
        sys.exit(f"--pace first, for {', '.join(lacking)}")
    if not any("simpler" in line for line in done(options.file)):
        keep(options.file, simpler())
    for seed in map(int, options.seeds.split(",")):
        for name in names:
            known = {
                (run["name"], run["seed"], run["minutes"]) for run in done(options.file) if "name" in run
            }
            if (name, seed, options.minutes) not in known:
                run = train(name, seed, options.minutes, paces[name], options.every)
                keep(options.file, {**run, **machine})


def keep(path: Path, line: dict[str, Any]) -> None:
    """Add a line to the file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    print({key: value for key, value in line.items() if key != "curve"}, flush=True)


def main() -> int:
    """Train what is not in the file yet, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=5, help="minutes of each training [5]")
    parser.add_argument("--seeds", default="0", help="seeds, separated by commas [0]")
    parser.add_argument("--only", default="", help="recipes, separated by commas [all]")
    parser.add_argument(
        "--every", type=float, default=15, help="seconds from one measurement to the next [15]"
    )
    parser.add_argument(
        "--file", type=Path, default=Path("recipes.jsonl"), help="what was done [recipes.jsonl]"
    )
    parser.add_argument(
        "--pace", action="store_true", help="train nothing; measure the pace of each recipe, alone"
    )
    parser.add_argument("--table", action="store_true", help="train nothing; print the table")
    parser.add_argument("--against", default="", help="say when others pass where this recipe ends")
    parser.add_argument("--plot", type=Path, help="draw the curves into this PNG")
    options = parser.parse_args()
    names = [name for name in options.only.split(",") if name] or list(RECIPES)
    if unknown := set(names) - set(RECIPES):
        parser.error(f"there is no recipe {', '.join(sorted(unknown))}; there are {', '.join(RECIPES)}")
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as the command does
    if not options.table:
        work(names, options)
    runs = done(options.file)
    print(table(runs, options.minutes))
    for line in passing(runs, options.minutes, options.against):
        print(line)
    if options.plot is not None:
        plot(runs, options.minutes, options.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
