"""Figures as a table for people."""

from seqimg.cli.output import Table
from seqimg.training.evaluation import Evaluation

__all__ = ["figures_table"]

_SHOWN = 12  # more sequences than these are one line; `--json` and the report have them all


def figures_table(evaluation: Evaluation) -> Table:
    """Lay out an evaluation: a row for the model and each baseline, of each sequence and of all together.

    Of very many sequences only the figures of all together are shown.

    The leading metric stands first.

    Example:
        >>> figures = {"model": {"mse": 0.5}, "copy_last": {"mse": 1.0}}
        >>> figures_table(Evaluation("mse", 2, figures, {"a.mp4": figures})).rows[0]
        ['a.mp4', 'model', '0.5']
    """
    groups = dict(evaluation.sequences)
    if len(groups) > _SHOWN:
        groups = {f"all {len(groups):,} sequences": evaluation.overall}
    elif len(groups) != 1:
        groups["all"] = evaluation.overall
    metrics = list(next(iter(evaluation.overall.values())))
    rows = [
        [path, name, *(f"{figures[metric]:.5g}" for metric in metrics)]
        for path, answers in groups.items()
        for name, figures in answers.items()
    ]
    return Table(["sequence", "answer", *metrics], rows)
