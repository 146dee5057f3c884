"""Tables of figures: names as short as they can be."""

import pytest

from seqimg.cli.tables import figures_table
from seqimg.training.evaluation import Evaluation

FIGURES = {"model": {"mse": 0.5}}


@pytest.mark.parametrize(
    ("paths", "shown"),
    [
        (["/data/clips/a.mp4"], ["a.mp4"]),
        (["/data/a.mp4", "/data/b.mp4"], ["a.mp4", "b.mp4"]),
        (["/data/one/a.mp4", "/data/two/a.mp4"], ["one/a.mp4", "two/a.mp4"]),
        (["/data/one/a.mp4", "a.mp4"], ["one/a.mp4", "a.mp4"]),
        (["/data/xa.mp4", "/data/a.mp4"], ["xa.mp4", "a.mp4"]),
        (["frames/", "others/frames/"], ["frames/", "others/frames/"]),
        (["demo:moving-digits"], ["demo:moving-digits"]),
    ],
)
def test_sequences_are_named_by_what_tells_them_apart(paths: list[str], shown: list[str]) -> None:
    table = figures_table(Evaluation("mse", 2, FIGURES, dict.fromkeys(paths, FIGURES)))
    found = [row[0] for row in table.rows if row[0] != "all"]
    assert found == shown
