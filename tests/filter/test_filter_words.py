"""Operations in words and in TOML: what is read is what was written, and what is wrong is named."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqimg.errors import SeqimgError, UsageError
from seqimg_filter.chain import Chain
from seqimg_filter.table import operations, parse
from seqimg_filter.words import Call, Parameter, joined


def _values(parameter: Parameter) -> st.SearchStrategy[bool | int | float | str]:
    if parameter.kind == "bool":
        return st.booleans()
    if parameter.kind == "choice":
        return st.sampled_from(parameter.choices)
    low = -1000 if parameter.low is None else parameter.low
    high = 1e6 if parameter.high is None else parameter.high
    if parameter.kind == "int":
        return st.integers(int(low), int(high))
    return st.floats(low, high, allow_nan=False)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    entry = draw(st.sampled_from(list(operations().values())))
    given = {p.name: draw(_values(p)) for p in entry.parameters if draw(st.booleans())}
    return Call(entry.name, {k: v for k, v in given.items() if v != entry.by_name[k].default})


@settings(deadline=None)
@given(st.lists(calls(), min_size=1, max_size=5))
def test_words_and_toml_there_and_back(tmp_path_factory: pytest.TempPathFactory, made: list[Call]) -> None:
    chain = Chain(tuple(made))
    assert Chain.parse(map(str, made)) == chain
    path = tmp_path_factory.mktemp("chain") / "chain.toml"
    path.write_text(chain.to_toml(), "utf-8")
    assert Chain.read(path) == chain


@settings(deadline=None)
@given(st.lists(calls(), min_size=1, max_size=5))
def test_what_was_cut_at_commas_is_put_together(made: list[Call]) -> None:
    words = [str(call) for call in made]
    assert list(joined(",".join(words).split(","))) == words


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(UsageError):
        call = parse(text)
        assert parse(str(call)) == call


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("gausian", "did you mean gaussian"),
        ("gaussian:sgima=2", "did you mean sigma"),
        ("gaussian:mode=reflekt", "did you mean reflect"),
        ("gaussian:sigma=wide", "it is a number"),
        ("gaussian:sigma=nan", "it is a number"),
        ("gaussian:sigma=-1", "from 0 to 500"),
        ("gaussian:sigma=1,sigma=2", "twice"),
        ("gaussian:", "is written NAME"),
        ("gaussian:sigma", "is written NAME"),
        ("median:radius=1.5", "a whole number"),
        ("rotate:resize=perhaps", "true or false"),
        ("sobel:x=1", "it has none"),
    ],
)
def test_what_is_wrong_is_named(word: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(word)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[ops]]\nname='sobel'", "unknown key 'ops'; did you mean op"),
        ("[[op]]\nsigma=1", "operation 1 has no name"),
        ("[[op]]\nname='gaussian'\nsgima=1", "did you mean sigma"),
        ("[[op]]\nname='gaussian'\nsigma=[1]", "is no value"),
        ("[[op]]\nname='gaussian'\nsigma=true", "it is a number"),
        ("op = 3", "has no tables"),
        ("op = [", "is no TOML"),
        ("", "has no tables"),
    ],
)
def test_a_file_that_is_no_chain(text: str, said: str) -> None:
    path = Path("chain.toml")
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        Chain.read(path)
    assert said in str(caught.value)
    assert "chain.toml" in str(caught.value)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(SeqimgError, match=r"cannot read none\.toml"):
        Chain.read(Path("none.toml"))


def test_every_code_and_parameter_exists() -> None:
    """The table names code that is there, with parameters of those names; defaults of scikit-image's are kept."""
    from inspect import Parameter as Slot
    from inspect import signature

    from seqimg.plugins import resolve

    ours = {
        ("butterworth", "cutoff_frequency_ratio"),
        ("butterworth", "high_pass"),
        ("difference_of_gaussians", "high_sigma"),
    }
    for name, entry in operations().items():
        slots = signature(resolve(entry.target)).parameters
        if any(slot.kind is Slot.VAR_KEYWORD for slot in slots.values()):
            continue
        for parameter in entry.parameters:
            assert parameter.name in slots, (name, parameter.name)
            default = slots[parameter.name].default
            if default is not Slot.empty and (name, parameter.name) not in ours:
                assert default == parameter.default, (name, parameter.name)
