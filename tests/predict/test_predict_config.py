"""What can be set, and what is refused."""

import pytest
from pydantic import ValidationError

from seqimg.config import resolve_config
from seqimg.errors import UsageError
from seqimg_predict.config import PredictConfig, PredictRun


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("horizon", 0),
        ("context", 1),
        ("patch", 0),
        ("widths", ()),
        ("widths", (8, 0)),
        ("kernel_size", 4),
        ("loss", "psnr"),
        ("augment", ("turn", "invert")),
        ("horizont", 5),
    ],
)
def test_impossible_values_are_refused_and_named(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        PredictConfig(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "value"), [("horizon", 0), ("horizon", 10_001), ("lead_in", -1)])
def test_run_options_are_bounded(name: str, value: int) -> None:
    with pytest.raises(ValidationError, match=name):
        PredictRun(**{name: value})


def test_flags_are_words_and_numbers_with_commas() -> None:
    flags = {"widths": "16, 24,32", "augment": "reverse"}
    config = resolve_config(PredictConfig, "predict", flags=flags).config
    assert (config.widths, config.augment) == ((16, 24, 32), ("reverse",))
    assert resolve_config(PredictConfig, "predict", flags={"augment": ""}).config.augment == ()


def test_a_wrong_flag_is_an_error_in_plain_words() -> None:
    with pytest.raises(UsageError, match="horizon"):
        resolve_config(PredictConfig, "predict", flags={"horizon": 0})
