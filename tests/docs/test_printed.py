"""What pages show of a command's answer is what it says."""

import re
from pathlib import Path

import pytest

from seqimg.sequences import save_sequence
from seqimg.testing import moving_square, run_command

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ["configuration", "memory"])
def test_what_a_dry_run_says_of_the_default_model(page: str) -> None:
    text = (DOCS / "how-to" / f"{page}.md").read_text(encoding="utf-8")
    shown = re.findall(r"^  (?:parameters|weights|multiply-adds|training|streaming) +.*\d.*$", text, re.M)
    save_sequence(moving_square(40, (96, 128)), "my_video.mp4", fps=10)
    said = run_command("predict", "train", "--data", "my_video.mp4", "--dry-run")
    assert said.code == 0, said.err
    assert len(shown) >= 3
    assert [line for line in shown if line not in said.out.splitlines()] == []
