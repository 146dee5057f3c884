"""What is refused before the first step, and what the compiler's errors mean."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from seqimg.config import TaskConfig
from seqimg.data import Datasets
from seqimg.errors import SeqimgError, UnavailableError, UsageError
from seqimg.training import processes

__all__ = ["check_requirements", "explained_compiling"]


def check_requirements(config: TaskConfig, data: Datasets) -> None:
    """Refuse a training that cannot work.

    Raises:
        UnavailableError: CUDA or a number format was asked for and is not there.
        UsageError: Values of the configuration do not go together.
        SeqimgError: There is nothing to train on.
    """
    if config.device == "cuda" and not torch.cuda.is_available():
        raise UnavailableError(
            "--device cuda: no CUDA device is there", hint="--device cpu, or seqimg doctor"
        )
    if config.precision == "fp16" and processes.on_cpu(config.device):
        raise UnavailableError(
            "--precision fp16 needs a GPU",
            why="the CPU has no fast arithmetic in it",
            hint="--precision bf16, which trains on CPUs too, or fp32",
        )
    if not len(data.train):
        raise SeqimgError(
            "nothing is left to train on",
            why="the training part of every sequence is shorter than a clip",
            hint="a smaller --holdout or --validation, or shorter clips",
        )
    parts = config.accumulate * processes.world()
    if parts > config.batch_size:
        shown = f"{processes.world()} processes and " if processes.world() > 1 else ""
        raise UsageError(
            f"--batch-size {config.batch_size} is too small for {shown}--accumulate {config.accumulate}",
            why=f"a step's batch is dealt out in {parts} parts",
            hint=f"--batch-size {parts}",
        )
    if config.patience and not len(data.val):
        raise UsageError(
            f"--patience {config.patience} has nothing to wait for",
            why="no clip is left for validation",
            hint="a larger --validation",
        )


@contextmanager
def explained_compiling(config: TaskConfig) -> Iterator[None]:
    """Say of a model that torch cannot compile that it is the option which failed.

    Raises:
        UnavailableError: The model, or this machine, cannot be compiled for.
    """
    try:
        yield
    except Exception as error:
        if config.compile and type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            raise UnavailableError(
                "--compile: torch cannot compile this model here",
                why=next(iter(str(error).strip().splitlines()), type(error).__name__),
                hint="the same command without --compile",
            ) from error
        raise
