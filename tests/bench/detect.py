"""What a detector's memory is worth where things are hidden: `python tests/bench/detect.py [STEPS [SEED …]]`.

It trains on generated tracks with screens that hide things for 3 to 6 frames and frames of nothing but noise, over
photographs that the test sequences do not share, and prints each seed's figures and the processor time it took.
"""

import sys
import time

from seqimg.training.evaluation import evaluate
from seqimg.training.loop import StepReport, Trainer
from seqimg_detect.config import DetectConfig
from seqimg_detect.task import DetectTask

DATA = "demo:tracks?objects=5&clutter=4&bars=0&screens=2&noise=0.08&pace=2&scale=1.4"
STEPS = 5200
SAID = 250  # steps from one line to the next


def measured(seed: int, steps: int) -> tuple[float, dict[str, dict[str, float]]]:
    """Return the seconds of processor time that training took, and the figures on the test sequences."""
    task = DetectTask(
        DetectConfig(
            data=(DATA,),
            crop=64,
            stills=0.3,
            steps=steps,
            learning_rate=4e-3,
            seed=seed,
            validate_every=steps,
            device="cpu",
        )
    )

    def say(report: StepReport) -> None:
        if report.step % SAID == 0:
            print(report.step, {name: round(part, 3) for name, part in report.parts.items()}, flush=True)

    with task.datasets() as data:
        task, started = task.settled(data), time.process_time()
        trainer = Trainer(task, data, say)
        trainer.train()
        seconds = time.process_time() - started
        model = task.build_model()
        model.load_state_dict(trainer.weights())
        return seconds, dict(evaluate(task, model, data.test).overall)


if __name__ == "__main__":
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else STEPS
    for seed in map(int, sys.argv[2:] or ("0", "1", "2")):
        seconds, figures = measured(seed, steps)
        print(f"seed {seed}: {seconds:.0f} s of processor time")
        for name, values in figures.items():
            print(f"  {name}: " + ", ".join(f"{metric} {value:.3f}" for metric, value in values.items()))
