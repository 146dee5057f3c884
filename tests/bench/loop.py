"""What the training loop costs beside the work itself, at the size of `seqimg demo`.

Run by `make bench`. The work is: waiting for clips, forward and loss, backward, and the optimiser with clipping and
the running average. The rest (asking, adding up, reporting, writing `metrics.jsonl`) must stay below 5 % of a
step. Training with 0 and with 2 processes that prepare clips is measured too: it must not wait for data for more
than 10 % of the time in one of the two.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

LIMIT, WAITING = 0.05, 0.10


def measure(steps: int, workers: int) -> dict[str, float]:
    """Train so many steps as the demo does and return seconds a step, by what they went into."""
    import torch

    from seqimg.training.loop import StepReport, Trainer
    from seqimg.training.runs import Run
    from seqimg_predict.config import PredictConfig
    from seqimg_predict.task import PredictTask

    config = PredictConfig(
        data=("demo:pans", "demo:moving-digits"), crop=48, batch_size=16, steps=steps, workers=workers,
        validate_every=10 * steps, device="cpu",
    )  # fmt: skip
    spent = {"work": 0.0}
    reports: list[StepReport] = []
    ends: list[float] = []

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            began = perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                spent["work"] += perf_counter() - began

        return call

    task = PredictTask(config)
    with tempfile.TemporaryDirectory() as folder, task.datasets() as data, Run(Path(folder) / "run") as run:

        def observe(report: StepReport) -> None:
            run.log(report)
            reports.append(report)
            ends.append(perf_counter())
            works.append(spent["work"])

        works: list[float] = []
        ready = task.with_config(channels=data.channels)
        trainer = Trainer(ready, data, observe)
        trainer.validates = lambda: False  # type: ignore[method-assign]
        ready.forward, ready.loss = timed(ready.forward), timed(ready.loss)  # type: ignore[method-assign]
        accelerator = trainer.accelerator
        accelerator.backward = timed(accelerator.backward)
        accelerator.clip_grad_norm_ = timed(accelerator.clip_grad_norm_)
        trainer.optimizer.step = timed(trainer.optimizer.step)
        trainer.optimizer.zero_grad = timed(trainer.optimizer.zero_grad)
        trainer.averaged.update_parameters = timed(trainer.averaged.update_parameters)  # type: ignore[union-attr,method-assign]
        trainer.train()
    pairs = range(len(ends) // 4, len(ends))  # the first are not like the rest
    whole = [ends[n] - ends[n - 1] for n in pairs]
    work = [works[n] - works[n - 1] + reports[n].data_seconds for n in pairs]
    rest = [all_of_it - part for all_of_it, part in zip(whole, work, strict=True)]
    return {
        "workers": workers,
        "step": statistics.median(whole),
        "data": sum(reports[n].data_seconds for n in pairs) / len(pairs),
        "overhead": statistics.median(rest),
        "share": statistics.median(rest) / statistics.median(whole),
        "waiting": sum(reports[n].data_seconds for n in pairs) / sum(whole),
        "frames_per_second": 16 * 10 / statistics.median(whole),
        "threads": torch.get_num_threads(),
    }


def main() -> int:
    """Measure, print, and return 0 if all is within the limits, 4 if not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=40, help="steps of each training [40]")
    parser.add_argument("--json", action="store_true", help="print data instead of a table")
    options = parser.parse_args()
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as the command does
    found = [measure(options.steps, workers) for workers in (0, 2)]
    good = all(one["share"] < LIMIT for one in found) and min(one["waiting"] for one in found) <= WAITING
    if options.json:
        print(json.dumps({"limit": LIMIT, "waiting": WAITING, "measured": found}))
    else:
        print(f"{'workers':>8}{'ms a step':>11}{'ms loop':>9}{'loop':>7}{'waiting':>9}{'frames/s':>10}")
        for one in found:
            print(
                f"{one['workers']:>8}{one['step'] * 1e3:>11.1f}{one['overhead'] * 1e3:>9.2f}{one['share']:>7.1%}"
                f"{one['waiting']:>9.1%}{one['frames_per_second']:>10.0f}"
            )
        print(
            f"At most {LIMIT:.0%} may go into the loop, and {WAITING:.0%} into waiting in the better of the two."
        )
    return 0 if good else 4


if __name__ == "__main__":
    sys.exit(main())
