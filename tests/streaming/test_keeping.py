"""What a stream remembers, as a file: the same afterwards, or refused."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from seqimg.errors import SeqimgError
from seqimg.nn import ConvGRU
from seqimg.streaming import Stream
from tests.streaming.models import MODELS, channels_of, frames_for, model_of


class Pair(NamedTuple):
    left: Any
    right: Any


@dataclass(frozen=True)
class Record:
    first: Any
    count: int


@dataclass(frozen=True)
class Picky:
    side: int

    def __post_init__(self) -> None:
        if self.side != 1:
            raise RuntimeError("one side is enough")


class Odd(nn.Module):
    """Carries whatever it was made with."""

    def __init__(self, carried: Any) -> None:
        super().__init__()
        self.carried = carried

    def forward(self, frames: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return frames, self.carried


_PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text(max_size=5)
)
_TREES = st.recursive(
    st.one_of(_PLAIN, st.integers(0, 3).map(lambda size: torch.arange(size, dtype=torch.float64))),
    lambda part: st.one_of(
        st.lists(part, max_size=3),
        st.lists(part, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=3), part, max_size=3),
        st.builds(Pair, part, part),
        st.builds(Record, part, st.integers()),
    ),
    max_leaves=8,
)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if type(one) is not type(other):
        return False
    if isinstance(one, Record):
        return same((one.first, one.count), (other.first, other.count))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@settings(max_examples=40, deadline=None)
@given(tree=_TREES)
def test_any_tree_comes_back(tree: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("tree") / "state.safetensors"
    stream = Stream(Odd(tree))
    stream.step(torch.rand(3, 4, 4), 0.5)
    stream.save(path)
    other = Stream(Odd(None))
    other.restore(path)
    assert same(other.state, tree)
    assert (other.age, other.frames_seen) == (1, 1)


@pytest.mark.parametrize("name", MODELS)
def test_fork_and_file_go_on_to_the_last_bit(name: str, tmp_path: Path) -> None:
    clip = frames_for(10, channels=channels_of(name))
    stream = Stream(model_of(name))
    for number, frame in enumerate(clip[:6]):
        stream.step(frame, number / 25)
    fork = stream.fork()
    stream.save(tmp_path / "state.safetensors")
    restored = Stream(model_of(name))
    restored.restore(tmp_path / "state.safetensors")
    for number, frame in enumerate(clip[6:], start=6):
        right = stream.step(frame, number / 25)
        for other in (fork, restored):
            assert torch.equal(other.step(frame, number / 25), right)
            assert (other.age, other.frames_seen, other.last_reset) == (number + 1, number + 1, None)
    with pytest.raises(SeqimgError, match="comes at"):
        restored.step(clip[0], 0.1)


def test_a_fork_does_not_feel_what_happens_to_the_other() -> None:
    stream, clip = Stream(ConvGRU(3, 4)), torch.rand(4, 3, 8, 8)
    stream.step(clip[0])
    fork, before = stream.fork(), stream.state[0].clone()
    with torch.inference_mode():
        stream.state[0].zero_()
    assert torch.equal(fork.state[0], before)
    stream.reset()
    assert fork.age == 1


def test_what_was_known_of_frames_and_resets_comes_back(tmp_path: Path) -> None:
    model = ConvGRU(3, 4)
    stream = Stream(model, gap=1.0, cuts=True)
    stream.step(torch.zeros(3, 16, 16), 0.0)
    stream.step(torch.zeros(3, 8, 8), 0.1)
    stream.save(tmp_path / "a.safetensors")
    other = Stream(model, gap=1.0, cuts=True)
    other.restore(tmp_path / "a.safetensors")
    assert other.last_reset == stream.last_reset
    assert (other.age, other.resets) == (1, 1)
    other.step(torch.zeros(3, 8, 8), 0.2)
    assert other.age == 2
    other.step(torch.zeros(3, 16, 8), 0.3)
    assert other.last_reset is not None
    assert other.last_reset.reason == "frames of 8×16 pixels after 8×8"


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    stream = Stream(ConvGRU(3, 4))
    stream.save(tmp_path / "a.safetensors")
    with pytest.raises(SeqimgError, match="exists already"):
        stream.save(tmp_path / "a.safetensors")
    stream.save(tmp_path / "a.safetensors", overwrite=True)


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Stream, Path]:
    torch.manual_seed(0)
    stream, path = Stream(ConvGRU(3, 4)), tmp_path / "a.safetensors"
    stream.step(torch.rand(3, 8, 8))
    stream.save(path)
    return stream, path


def _rewritten(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change what a file's header says of the stream."""
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    about = json.loads(header["__metadata__"]["seqimg_stream"])
    change(about)
    save_file(load_file(path), path, {"seqimg_stream": json.dumps(about)})


def test_a_file_of_another_model_is_refused(saved: tuple[Stream, Path]) -> None:
    stream, path = saved
    with torch.no_grad():
        next(stream.model.parameters()).add_(1)
    with pytest.raises(SeqimgError, match="of another model"):
        stream.restore(path)


def test_a_file_of_a_newer_seqimg_is_refused(saved: tuple[Stream, Path]) -> None:
    stream, path = saved
    _rewritten(path, lambda about: about.update(format=9, seqimg="7.0"))
    with pytest.raises(SeqimgError, match="is in format 9") as error:
        stream.restore(path)
    assert "7.0" in str(error.value.why)


@pytest.mark.parametrize(
    "change",
    [
        lambda about: about.update(tree=3),
        lambda about: about.update(tree={"value": None}),
        lambda about: about.update(tree={"class": "Popen", "fields": [["args", {"value": "true"}]]}),
        lambda about: about.update(tree={"dict": [["state", {"tensor": "77"}]]}),
        lambda about: about["tree"]["dict"].pop(),
        lambda about: about["tree"]["dict"].pop(1),
        lambda about: about["tree"]["dict"].__setitem__(1, ["age", {"value": -1}]),
        lambda about: about["tree"]["dict"].__setitem__(6, ["kind", {"list": [{"value": "load"}]}]),
        lambda about: about["tree"]["dict"].__setitem__(6, ["kind", {"list": [{"value": "gloat32"}]}]),
        lambda about: about["tree"]["dict"].__setitem__(6, ["kind", {"list": []}]),
        lambda about: about["tree"]["dict"].__setitem__(6, ["kind", {"value": True}]),
        lambda about: about["tree"]["dict"].__setitem__(4, ["last_reset", {"value": "x"}]),
        lambda about: about["tree"]["dict"].__setitem__(5, ["pts", {"list": []}]),
        lambda about: about["tree"]["dict"].__setitem__(0, ["state", {"tuple": []}]),
        lambda about: about["tree"]["dict"].__setitem__(0, ["state", {"tuple": [{"value": 3}]}]),
        lambda about: about["tree"]["dict"].__setitem__(0, ["state", {"tuple": [{"tensor": "0"}] * 2}]),
        lambda about: about["tree"]["dict"].__setitem__(0, ["state", {"value": None}]),
        lambda about: about["tree"]["dict"][6][1]["list"].__setitem__(2, {"value": 9}),
        lambda about: about["tree"]["dict"][6][1]["list"].__setitem__(2, {"value": -8}),
        lambda about: about["tree"]["dict"][6][1]["list"].__setitem__(2, {"value": 10**12}),
        lambda about: about.pop("model"),
        lambda about: about.update(format="1"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(
    saved: tuple[Stream, Path], change: Callable[[dict[str, Any]], object]
) -> None:
    stream, path = saved
    _rewritten(path, change)
    before = stream.state_dict()
    with pytest.raises(SeqimgError, match=r"damaged|no state"):
        stream.restore(path)
    assert stream.state_dict() == before  # the same objects


@pytest.mark.parametrize(
    ("carried", "words", "others"),
    [
        (torch.arange(3.0), '{"tensor": "0"}', '{"tensor": "0", "channels_last": true}'),
        (Picky(1), '["side", {"value": 1}]', '["side", {"value": 2}]'),
    ],
)
def test_a_tree_that_cannot_be_built_is_refused(
    carried: Any, words: str, others: str, tmp_path: Path
) -> None:
    stream, path = Stream(Odd(carried)), tmp_path / "a.safetensors"
    stream.step(torch.rand(3, 4, 4))
    stream.save(path)

    def change(about: dict[str, Any]) -> None:
        tree = json.dumps(about["tree"])
        assert words in tree
        about["tree"] = json.loads(tree.replace(words, others))

    _rewritten(path, change)
    with pytest.raises(SeqimgError, match="damaged"):
        stream.restore(path)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_damage_is_refused_or_harmless(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    torch.manual_seed(0)
    stream, path = Stream(ConvGRU(3, 4)), tmp_path_factory.mktemp("damage") / "a.safetensors"
    stream.step(torch.rand(3, 8, 8))
    stream.save(path)
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        place = data.draw(st.integers(0, min(len(content), 900) - 1))
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    try:
        stream.restore(path)
        stream.step(torch.rand(3, 8, 8))
    except SeqimgError:
        pass


def test_files_that_are_none(saved: tuple[Stream, Path], tmp_path: Path) -> None:
    stream, _ = saved
    save_file({"a": torch.zeros(2)}, tmp_path / "weights.safetensors")
    (tmp_path / "folder").mkdir()
    for name in ("weights.safetensors", "folder", "missing"):
        with pytest.raises(SeqimgError):
            stream.restore(tmp_path / name)


def test_what_a_file_cannot_hold_is_refused(tmp_path: Path) -> None:
    stream = Stream(Odd({1, 2}))
    stream.step(torch.rand(3, 4, 4))
    with pytest.raises(SeqimgError, match="cannot be saved"):
        stream.save(tmp_path / "kept" / "a.safetensors")
    assert not (tmp_path / "kept").exists()
