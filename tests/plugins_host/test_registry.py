import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqimg.errors import UnavailableError
from seqimg.plugins import CellSpec, FormatSpec, KernelSpec
from seqimg.plugins.registry import NameTakenError, Owner, Registry

MINE = Owner("mine", "seqimg-mine", "1.0")
OTHER = Owner("other", "seqimg-other", "2.0")


def cell(name: str, target: str = "collections:OrderedDict") -> CellSpec:
    return CellSpec(name=name, summary="A cell.", cell=target)


@pytest.fixture
def cells() -> Registry[CellSpec]:
    return Registry("cell", CellSpec, target="cell")


def test_names_are_in_natural_order_and_globbed(cells: Registry[CellSpec]) -> None:
    for name in ("gru10", "gru9", "lstm", "gru"):
        cells.add(cell(name), MINE)
    assert cells.names() == ["gru", "gru9", "gru10", "lstm"]
    assert cells.names("gru?*") == ["gru9", "gru10"]
    assert list(cells) == cells.names()
    assert [spec.name for spec in cells.values()] == ["gru10", "gru9", "lstm", "gru"]


@given(st.sets(st.from_regex(r"[a-z][a-z0-9_.-]{0,8}", fullmatch=True), max_size=8))
def test_any_names_sort_and_are_found(names: set[str]) -> None:
    registry = Registry("cell", CellSpec, target="cell")
    for name in names:
        registry.add(cell(name), MINE)
    assert set(registry.names()) == names
    assert all(registry.get(name).name == name for name in names)


def test_taken_name_names_both_owners(cells: Registry[CellSpec]) -> None:
    cells.add(cell("gru"), MINE)
    expected = "cell gru of other (seqimg-other 2.0) is registered already by mine (seqimg-mine 1.0)"
    with pytest.raises(NameTakenError, match=re.escape(expected)):
        cells.add(cell("gru"), OTHER)
    assert cells.owner("gru") == MINE


def test_unknown_name_lists_the_known_and_the_near(cells: Registry[CellSpec]) -> None:
    cells.add(cell("conv_gru"), MINE)
    with pytest.raises(UnavailableError) as caught:
        cells.get("conv_gur")
    assert str(caught.value).splitlines() == [
        "there is no cell 'conv_gur'; did you mean conv_gru?",
        "known: conv_gru",
        "Try: seqimg plugins list",
    ]
    assert caught.value.exit_code == 3


def test_an_owner_is_removed_whole(cells: Registry[CellSpec]) -> None:
    cells.add(cell("a"), MINE)
    cells.add(cell("b"), OTHER)
    cells.remove_owner(MINE)
    assert cells.names() == ["b"]


def test_kernels_are_known_by_op_and_name() -> None:
    kernels = Registry("kernel", KernelSpec, target="kernel")
    for op in ("conv_gru.sequence", "conv_lstm.sequence"):
        kernels.add(KernelSpec(name="fused", summary="x", op=op, kernel="math:sqrt"), MINE)
    assert kernels.names("conv_gru.*") == ["conv_gru.sequence/fused"]
    assert kernels.load("conv_gru.sequence/fused")(4) == 2


def test_formats_load_by_part() -> None:
    formats = Registry("format", FormatSpec, target="reader")
    formats.add(FormatSpec(name="ser", summary="x", suffixes=(".ser",), reader="math:sqrt"), MINE)
    assert formats.load("ser")(9) == 3
    with pytest.raises(UnavailableError, match="format ser has no writer"):
        formats.load("ser", "writer")


@pytest.fixture(params=["import no_such_module", "1 / 0", "import sys; sys.exit(1)", "x = 1"])
def broken_module(request: pytest.FixtureRequest, tmp_path, monkeypatch) -> Iterator[str]:  # type: ignore[no-untyped-def] # fixtures
    name = f"broken_target_{request.param_index}"
    (tmp_path / f"{name}.py").write_text(request.param)
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_code_that_does_not_load_names_its_owner(cells: Registry[CellSpec], broken_module: str) -> None:
    cells.add(cell("gru", f"{broken_module}:Cell"), MINE)
    with pytest.raises(
        UnavailableError, match=re.escape("cell gru of mine (seqimg-mine 1.0) does not load")
    ) as caught:
        cells.load("gru")
    assert caught.value.why
    assert len(str(caught.value).splitlines()) == 3
