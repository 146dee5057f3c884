"""Model folders: what they hold, and what is made of hostile ones (rows 31 to 35 of the fault matrix)."""

import hashlib
import json
import os
import shutil
import struct
import sys
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import seqimg
from seqimg import modelfolder, tensorfiles
from seqimg.errors import SeqimgError, UnavailableError
from seqimg.modelfolder.record import FORMAT
from seqimg.modelfolder.weights import open_weights
from seqimg.tensorfiles import MAX_ENTRIES, parse_json
from seqimg_predict.config import PredictConfig
from seqimg_predict.task import PredictTask
from tests.support.killing import killed_at

CONFIG = PredictConfig(channels=1, size=0, crop=16, widths=(4,), context=2, horizon=2)
TRAINING = {"steps": 40, "validation": {"mse": 0.25, "mae": 0.5}}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "model"
    task = PredictTask(CONFIG)
    modelfolder.save(folder, task, task.build_model().state_dict(), TRAINING)
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "model"))


def _record(folder: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return record


def _change(folder: Path, **changes: object) -> None:
    record = {**_record(folder), **changes}
    (folder / "config.json").write_text(json.dumps({k: v for k, v in record.items() if v != "absent"}))


def _put(folder: Path, content: bytes) -> None:
    """Replace the weights and say so: whoever makes a hostile file gets the digest right."""
    (folder / "model.safetensors").write_bytes(content)
    about = {
        "file": "model.safetensors",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    _change(folder, weights=about)


def _refused(folder: Path, named: str = "", kind: type[SeqimgError] = SeqimgError) -> str:
    """Load, which has to fail in at most three lines and a second; return what was said."""
    begun = process_time()
    with pytest.raises(kind) as caught:
        seqimg.load(folder)
    assert process_time() - begun < 1
    assert named in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3
    return str(caught.value)


def _file(header: object, body: bytes = b"", *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def test_the_folder_says_all_there_is_to_know(folder: Path) -> None:
    loaded = seqimg.load(folder)
    assert isinstance(loaded, seqimg.LoadedModel)
    assert (loaded.task.name, loaded.config, loaded.labels) == ("predict", CONFIG, ())
    assert not loaded.model.training
    assert loaded.metrics["leading"] == "mse"
    assert loaded.metrics["validation"] == TRAINING["validation"]
    assert "predictions clipped" in loaded.metrics["conventions"]["mae"]
    record = _record(folder)
    assert (record["format"], record["seqimg"]) == (FORMAT, seqimg.__version__)
    assert record["plugin"] == {"name": "predict", "distribution": "seqimg", "version": seqimg.__version__}
    assert record["preprocessing"]["channels"] == 1
    stream = loaded.stream()
    stream.step(torch.rand(1, 16, 16))
    assert (stream.frames_seen, loaded.stream().frames_seen) == (1, 0)
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors", "README.md"}


@pytest.mark.slow
def test_saving_that_is_killed_anywhere_leaves_a_whole_folder_or_none(tmp_path: Path) -> None:
    task = PredictTask(CONFIG)
    weights = task.build_model().state_dict()
    for number in range(1000):
        made = tmp_path / str(number)
        killed = killed_at(number, partial(modelfolder.save, made, task, weights, {}))
        if made.exists():
            assert seqimg.load(made).config == CONFIG
        if not killed:
            break
    assert made.exists()
    assert number > 8


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("where", ["/etc/passwd", "../beside", "itself"])
def test_links_out_of_the_folder_are_refused(folder: Path, name: str, where: str) -> None:
    path = folder / name
    path.rename(folder.parent / "beside")
    path.symlink_to(name if where == "itself" else where)
    said = _refused(folder, str(path))
    assert "it is a link that leads out of the folder" in said
    assert "root:" not in said


def test_links_within_a_folder_and_to_a_folder_are_followed(folder: Path, tmp_path: Path) -> None:
    (folder / "model.safetensors").rename(folder / "weights")
    (folder / "model.safetensors").symlink_to("weights")
    (tmp_path / "latest").symlink_to(folder)
    assert seqimg.load(tmp_path / "latest").config == CONFIG


def test_a_cache_of_downloaded_models_is_followed(folder: Path, tmp_path: Path) -> None:
    snapshot, blobs = tmp_path / "hub" / "snapshots" / "0a1b", tmp_path / "hub" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for number, name in enumerate(("config.json", "model.safetensors")):
        (folder / name).rename(blobs / str(number))
        (snapshot / name).symlink_to(f"../../blobs/{number}")
    assert seqimg.load(snapshot).config == CONFIG


def test_the_card_is_short_and_its_example_runs(folder: Path) -> None:
    card = (folder / "README.md").read_text()
    assert len(card.splitlines()) < 40
    assert "| mse | 0.25 | Squared error per pixel" in card
    assert "mean over all predicted frames. |" in card
    assert "Trained for 40 steps" in card
    code = card.split("```python\n")[1].split("```")[0].replace("THIS_FOLDER", str(folder))
    # The page's own words, run here as a reader would.
    exec(compile(code, "card", "exec"), {"frames": torch.rand(3, 1, 16, 16)})


def test_a_card_has_no_marks_of_others(tmp_path: Path) -> None:
    class Labelled(PredictTask):
        def labels(self) -> tuple[str, ...]:
            return ("<script>alert(1)</script>", "[a](http://b)", "two\nlines")

    task = Labelled(CONFIG)
    modelfolder.save(tmp_path / "m", task, task.build_model().state_dict(), {})
    card = (tmp_path / "m" / "README.md").read_text()
    assert "<script>" not in card
    assert r"\[a\](http" in card
    assert "two lines" in card
    assert seqimg.load(tmp_path / "m").labels[2] == "two\nlines"


def test_older_formats_are_converted(folder: Path) -> None:
    before = seqimg.load(folder).model.state_dict()
    gone = dict.fromkeys(("needs", "plugin", "preprocessing", "labels", "metrics"), "absent")
    _change(folder, format=1, **gone)
    loaded = seqimg.load(folder)
    assert all(torch.equal(tensor, before[name]) for name, tensor in loaded.model.state_dict().items())
    assert (loaded.record["format"], loaded.labels) == (FORMAT, ())
    assert loaded.metrics["validation"] == TRAINING["validation"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": 3, "needs": "0.9", "seqimg": "1.2"}, "seqimg>=0.9"),
        ({"format": 3, "needs": "absent", "seqimg": "1.2"}, "seqimg>=1.2"),
        ({"format": 3, "needs": "1; rm -rf ~", "seqimg": ["x"]}, "Try: pip install -U seqimg"),
        ({"format": 10**30, "weights": "absent"}, "up to 2"),
        ({"format": 0}, "train the model again"),
        ({"format": -1}, "train the model again"),
        ({"format": True}, "no format number"),
        ({"format": 2.0}, "no format number"),
        ({"labels": [1]}, "labels"),
        ({"plugin": "x"}, "plugin"),
        ({"config": []}, "config"),
        ({"training": None}, "training"),
    ],
)
def test_other_formats_say_what_to_do(folder: Path, changes: dict[str, object], said: str) -> None:
    _change(folder, **changes)
    _refused(folder, said)


def test_where_there_is_no_model_another_folder_is_suggested(folder: Path) -> None:
    def suggested(name: str) -> str | None:
        with pytest.raises(SeqimgError, match="is not a model folder") as found:
            seqimg.load(name)
        return found.value.hint

    assert suggested("nothere") == "seqimg predict train --help"
    shutil.copytree(folder, "runs/predict/2026-11-26-1/model")
    Path("runs/latest").symlink_to("predict/2026-11-26-1")
    assert suggested("nothere") == "runs/latest/model"
    assert suggested("runs/predict/2026-11-26-1") == "runs/predict/2026-11-26-1/model"
    assert suggested("runs/predict/2026-11-26-11") == "runs/predict/2026-11-26-1/model"
    shutil.copytree(folder, "small")
    assert suggested("smal") == "small"


def test_a_missing_plugin_is_named(folder: Path) -> None:
    plugin = {"name": "radar", "distribution": "seqimg-radar", "version": "0.3\x1b[31m"}
    _change(folder, task="radar", plugin=plugin)
    said = _refused(folder, "plugin radar 0.3", UnavailableError)
    assert "seqimg-radar" in said
    assert "\x1b" not in said
    assert "pip install" not in said  # a file never makes anybody install anything


F32 = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
HOSTILE: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "short": lambda: b"\1\2\3",
    "header of 2^63": lambda: _file({"a": F32}, bytes(4), length=2**63),
    "header of 2^64-1": lambda: _file({"a": F32}, bytes(4), length=2**64 - 1),
    "header over the cap": lambda: _file(b"{" + b" " * 3_000_001 + b"}"),
    "100,000 entries": lambda: _file(
        b"{%b}" % b",".join(b'"%d":{"dtype":"F32"}' % n for n in range(100_000))
    ),
    "overlap": lambda: _file({"a": F32, "b": {**F32, "data_offsets": [2, 6]}}, bytes(6)),
    "same place": lambda: _file({"a": F32, "b": F32}, bytes(4)),
    "hole": lambda: _file({"a": F32, "b": {**F32, "data_offsets": [8, 12]}}, bytes(12)),
    "overflow": lambda: _file({"a": {**F32, "shape": [2**32, 2**32], "data_offsets": [0, 0]}}),
    "2^62 values": lambda: _file({"a": {**F32, "shape": [2**62], "data_offsets": [0, 2**64]}}),
    "backwards": lambda: _file({"a": {**F32, "data_offsets": [4, 0]}}, bytes(4)),
    "trailing bytes": lambda: _file({"a": F32}, bytes(5)),
    "missing bytes": lambda: _file({"a": F32}, bytes(3)),
    "duplicate keys": lambda: _file(b'{"a":%b,"a":%b}' % ((json.dumps(F32).encode(),) * 2), bytes(4)),
    "NaN in the header": lambda: _file(b'{"a": NaN}'),
    "depth": lambda: _file(b"[" * 100_000),
    "a list": lambda: _file([F32]),
    "negative": lambda: _file({"a": {**F32, "shape": [-1], "data_offsets": [0, 4]}}, bytes(4)),
    "true": lambda: _file({"a": {**F32, "shape": [True]}}, bytes(4)),
    "dtype": lambda: _file({"a": {**F32, "dtype": "PICKLE"}}, bytes(4)),
    "dtype of a list": lambda: _file({"a": {**F32, "dtype": ["F32"]}}, bytes(4)),
    "more keys": lambda: _file({"a": {**F32, "code": "os:system"}}, bytes(4)),
    "no UTF-8": lambda: _file(b'{"\xff": 1}'),
    "dimensions": lambda: _file({"a": {**F32, "shape": [1] * 10_000}}, bytes(4)),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_weights_are_refused_at_once(folder: Path, kind: str) -> None:
    _put(folder, HOSTILE[kind]())
    _refused(folder, "model.safetensors is damaged")


def test_entries_are_counted(folder: Path) -> None:
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    _put(folder, _file({str(n): empty for n in range(MAX_ENTRIES + 1)}))
    _refused(folder, f"{MAX_ENTRIES + 1:,} entries")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(folder: Path, value: float) -> None:
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-4:] = struct.pack("<f", value)
    _put(folder, bytes(content))
    _refused(folder, "not finite")


names = st.text(max_size=4)
numbers = st.one_of(st.integers(-2, 20), st.integers(0, 2**70), st.booleans(), st.floats(), st.none())
entries = st.one_of(
    st.fixed_dictionaries(
        {
            "dtype": st.sampled_from(["F32", "U8", "I64", "BF16", "F8_E4M3", "X", ""]),
            "shape": st.lists(numbers, max_size=3),
            "data_offsets": st.lists(numbers, max_size=3),
        }
    ),
    st.builds(
        lambda count, at: {"dtype": "U8", "shape": [count], "data_offsets": [at, at + count]},
        st.integers(0, 12),
        st.integers(0, 12),
    ),
    st.recursive(numbers, lambda inner: st.lists(inner, max_size=2), max_leaves=4),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    header=st.one_of(
        st.dictionaries(names, entries, max_size=4).map(lambda d: json.dumps(d).encode()), st.binary()
    ),
    body=st.binary(max_size=24),
    length=st.one_of(st.none(), st.none(), st.integers(0, 2**64 - 1)),
)
def test_any_header_is_read_or_refused(
    tmp_path: Path, header: bytes, body: bytes, length: int | None
) -> None:
    content = _file(header, body, length=length)
    (tmp_path / "model.safetensors").write_bytes(content)
    about = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    found, error = None, ""
    try:
        with open_weights(tmp_path, about) as found:
            tensors = found.read()
    except SeqimgError as refusal:
        error = str(refusal)
    if error or found is None:
        assert 1 < len(error.splitlines()) <= 3
        return
    assert sum(tensor.nbytes for tensor in tensors.values()) == len(body)
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == dict(found.shapes)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), honest=st.booleans())
def test_any_changed_bit_is_found_or_harmless(
    original: Path, tmp_path: Path, place: float, bit: int, honest: bool
) -> None:
    content = bytearray((original / "model.safetensors").read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    (tmp_path / "model.safetensors").write_bytes(content)
    about = _record(original)["weights"]
    if honest:
        about["sha256"] = hashlib.sha256(content).hexdigest()
    try:
        with open_weights(tmp_path, about) as found:
            found.read()
    except SeqimgError:
        return
    assert honest


def test_a_file_that_shrinks_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights, real = folder / "model.safetensors", tensorfiles._parsed

    def shrink(*given: Any) -> Any:
        os.truncate(weights, weights.stat().st_size // 2)
        return real(*given)

    monkeypatch.setattr(tensorfiles, "_parsed", shrink)
    _refused(folder, "it ends after")


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_what_is_no_plain_file_is_not_waited_for(folder: Path, file: str) -> None:
    (folder / file).unlink()
    os.mkfifo(folder / file)
    _refused(folder, "not a plain file")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"format": 2, "format": 1}', "'format' stands in it twice"),
        (b'{"format": NaN}', "NaN"),
        (b'{"format": -Infinity}', "Infinity"),
        (b'{"format": 1e999}', "1e999"),
        (b'{"format": %b}' % (b"9" * 5000), "config.json"),
        (b"\xff\xfe{}", "config.json"),
        (b"", "config.json"),
        (b"2", "no format number"),
    ],
)
def test_hostile_json_is_refused(folder: Path, content: bytes, said: str) -> None:
    (folder / "config.json").write_bytes(content)
    _refused(folder, said)


def test_a_record_of_100_mb_is_not_read(folder: Path) -> None:
    with (folder / "config.json").open("wb") as file:
        file.truncate(100_000_000)
    _refused(folder, "too large")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(value=json_values)
def test_all_json_that_is_meant_is_read(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    key=st.sampled_from(
        ["format", "seqimg", "needs", "task", "plugin", "config", "labels", "metrics", "weights", "training"]
    ),
    value=json_values | st.just("absent"),
)
def test_any_value_of_a_record_is_read_or_refused(
    original: Path, tmp_path: Path, key: str, value: object
) -> None:
    shutil.copytree(original, tmp_path / "m", dirs_exist_ok=True)
    _change(tmp_path / "m", **{key: value})
    said, config = "", None
    try:
        config = seqimg.load(tmp_path / "m").config
    except SeqimgError as refusal:
        said = str(refusal)
    assert config == CONFIG or 1 <= len(said.splitlines()) <= 3


AUDITED: list[tuple[str, tuple[object, ...]]] = []
_FORBIDDEN = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "subprocess.Popen",
    "pickle.find_class",
    "socket.connect",
)
_listening = False


def _audit(event: str, given: tuple[object, ...]) -> None:
    if _listening and (event in _FORBIDDEN or (event == "import" and given[0] in ("antigravity", "this"))):
        AUDITED.append((event, given))


@pytest.fixture
def audited() -> Any:
    """What code ran that no file may cause; a hook cannot be taken away again, only be made deaf."""
    global _listening
    if not any(hook is _audit for hook in _hooks):
        sys.addaudithook(_audit)
        _hooks.append(_audit)
    AUDITED.clear()
    _listening = True
    yield AUDITED
    _listening = False


_hooks: list[object] = []


@pytest.mark.parametrize(
    "target", ["os:system", "antigravity:fly", "seqimg_predict.task:PredictTask", "../predict", ""]
)
def test_names_in_a_file_are_registered_names_only(
    folder: Path, target: str, audited: list[tuple[str, tuple[object, ...]]]
) -> None:
    record = _record(folder)
    _change(folder, task=target)
    _refused(folder, kind=UnavailableError)
    _change(folder, task="predict", config={**record["config"], "cell": target})
    _refused(folder, kind=SeqimgError)
    outside = {**record["weights"], "file": "../../../../etc/passwd"}
    plugin = {"name": target, "distribution": target, "version": target}
    _change(folder, config=record["config"], plugin=plugin, weights=outside, training={"reader": target})
    assert seqimg.load(folder).config == CONFIG
    assert audited == []
    assert "antigravity" not in sys.modules


def test_the_hook_hears(audited: list[tuple[str, tuple[object, ...]]]) -> None:
    os.system("true")
    assert [event for event, _ in audited] == ["os.system"]


@pytest.mark.parametrize("swapped", ["config.json", "model.safetensors"])
def test_files_of_different_saves_do_not_go_together(folder: Path, tmp_path: Path, swapped: str) -> None:
    task = PredictTask(CONFIG)
    torch.manual_seed(1)
    modelfolder.save(tmp_path / "other", task, task.build_model().state_dict(), {})
    shutil.copy(tmp_path / "other" / swapped, folder / swapped)
    _refused(folder, "digest")


def _memory_of(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_nothing_large_is_read_before_it_fits(folder: Path) -> None:
    """A file of 40 GB, all of it holes, that says of itself what it is; and a model as large as that."""
    count = 10**10
    head = _file({"a": {"dtype": "F32", "shape": [count], "data_offsets": [0, 4 * count]}})
    with (folder / "model.safetensors").open("wb") as file:
        file.write(head)
        file.truncate(len(head) + 4 * count)
    _change(folder, weights={"bytes": len(head) + 4 * count, "sha256": "0" * 64})
    assert _memory_of(lambda: _refused(folder, "do not fit")) < 20_000_000


def test_no_large_model_is_built_for_small_weights(folder: Path) -> None:
    config = {**_record(folder)["config"], "widths": [400_000]}
    _change(folder, config=config)
    _refused(folder, "do not fit")
