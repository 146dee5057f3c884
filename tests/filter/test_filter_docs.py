"""The reference page says what the code does, and commands in the how-to are good ones."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest

from seqimg_filter.chain import Chain
from seqimg_filter.reference import page

DOCS = Path(__file__).parents[2] / "docs"
HOW_TO = (DOCS / "how-to" / "filter.md").read_text("utf-8")


def test_the_reference_is_that_of_the_code() -> None:
    """Else: python -m seqimg_filter.reference > docs/reference/filters.md."""
    assert (DOCS / "reference" / "filters.md").read_text("utf-8") == page()


def test_operations_of_the_how_to_exist() -> None:
    words = [word for line in re.findall(r"^seqimg .*$", HOW_TO, re.M) for word in shlex.split(line)]
    named = [after for option, after in pairwise(words) if option in ("--op", "--pre")]
    assert len(named) > 15
    for word in named:
        assert Chain.parse(word.split(",")).calls


@pytest.mark.parametrize("text", re.findall(r"^```toml\n(.*?)^```", HOW_TO, re.M | re.S))
def test_chains_of_the_how_to_are_read(text: str) -> None:
    if "[[op]]" in text:
        Path("chain.toml").write_text(text)
        assert Chain.read(Path("chain.toml")).calls
