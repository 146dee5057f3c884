"""Figures as a table for people."""

from collections.abc import Collection

from seqimg.cli.output import Table
from seqimg.training.evaluation import Evaluation

__all__ = ["figures_table"]

_SHOWN = 12  # more sequences than these are one line; `--json` and the report have them all


def figures_table(evaluation: Evaluation) -> Table:
    """Lay out an evaluation: a row for the model and each baseline, of each sequence and of all together.

    Of very many sequences only the figures of all together are shown. Of paths there is as much as tells them apart.

    The leading metric stands first.

    Example:
        >>> figures = {"model": {"mse": 0.5}, "copy_last": {"mse": 1.0}}
        >>> figures_table(Evaluation("mse", 2, figures, {"there/a.mp4": figures})).rows[0]
        ['a.mp4', 'model', '0.5']
    """
    groups = dict(evaluation.sequences)
    if len(groups) > _SHOWN:
        groups = {f"all {len(groups):,} sequences": evaluation.overall}
    elif len(groups) != 1:
        groups["all"] = evaluation.overall
    metrics = list(next(iter(evaluation.overall.values())))
    names = _names(groups)
    rows = [
        [names[path], name, *(f"{figures[metric]:.5g}" for metric in metrics)]
        for path, answers in groups.items()
        for name, figures in answers.items()
    ]
    return Table(["sequence", "answer", *metrics], rows)


def _names(paths: Collection[str]) -> dict[str, str]:
    """Return for each path the shortest end that no other has."""
    names = {}
    for path in paths:
        parts = path.rstrip("/").split("/")
        ends = ("/".join(parts[-count:]) for count in range(1, len(parts)))
        names[path] = next((end for end in ends if _alone(end, paths)), path)
    return names


def _alone(end: str, paths: Collection[str]) -> bool:
    return sum(f"/{path.rstrip('/')}".endswith(f"/{end}") for path in paths) == 1
