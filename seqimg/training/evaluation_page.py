"""The page of an evaluation: what a run's report shows of figures and cases, for any model on any data."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from seqimg.data import Datasets
from seqimg.fingerprint import fingerprint
from seqimg.task import Task
from seqimg.training.cases import look, save_samples
from seqimg.training.evaluation import Evaluation
from seqimg.training.findings import SAMPLES, Findings
from seqimg.training.pages import evaluation_report
from seqimg.training.records import Record
from seqimg.training.report import write_report
from seqimg.training.summary import STRIP, counts_of, data_card, measurements, peak_memory

__all__ = ["write_evaluation_page"]


def write_evaluation_page(
    path: Path,
    task: Task[Any, Any, Any],
    model: nn.Module,
    data: Datasets,
    evaluation: Evaluation,
    *,
    title: str,
    part: str,
    training: Mapping[str, Any],
    config: Mapping[str, tuple[object, str]],
    environment: Mapping[str, Any],
    batch_size: int = 8,
    overwrite: bool = False,
) -> None:
    """Write one self-contained HTML file: verdict, player, figures beside baselines, cases, data, how to do it again.

    Args:
        path: Where to.
        task: The task, as the model was measured.
        model: The model.
        data: The data; their test part was measured.
        evaluation: The figures.
        title: The page's name.
        part: Which part of the sequences that was.
        training: What the model folder says of the training: `steps`, `best_step`, `seconds`.
        config: The values it was measured with, each with where it came from.
        environment: Versions, machine, command.
        batch_size: Most clips at once.
        overwrite: Whether to replace a file that is there.

    Raises:
        SeqimgError: The file exists and `overwrite` is off, or cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="seqimg-") as scratch:
        samples = Path(scratch, SAMPLES)
        samples.mkdir()
        looked = look(task, model, data.test, samples, batch_size=batch_size)
        save_samples(data.test, samples / STRIP)
        findings = Findings(
            title=title,
            what="clips",
            chosen_on_these=False,
            steps=int(training.get("steps") or 0),
            best_step=int(training.get("best_step") or 0),
            seconds=float(training.get("seconds") or 0),
            fingerprint=fingerprint(model.state_dict()),
            memory=peak_memory(),
            parts=counts_of({part: data.test}),
            samples=STRIP,
            warnings=evaluation.warnings,
            **measurements(task, evaluation, looked),
            **data_card(data),
        )
        record = Record(Path(scratch), task=task.name, config=config, environment=environment)
        write_report(path, evaluation_report(record, findings), overwrite=overwrite)
