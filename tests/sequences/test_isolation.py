"""A file may kill the process that decodes it, never this one."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from seqimg.config import ReadingConfig
from seqimg.errors import SeqimgError, UnavailableError, UsageError
from seqimg.sequences import Damage, SequenceError, open_configured, open_sequence, save_sequence
from seqimg.sequences.isolated.decoder import _alive, end_decoders
from seqimg.sequences.isolated.reader import IsolatedSequence
from tests.sequences import isolated
from tests.sequences.bad_format import COUNT, OddError
from tests.sequences.isolated import bad
from tests.sequences.numbered import encode, number_of, numbered


@pytest.fixture(autouse=True)
def _bad_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from isolated.installed(tmp_path, monkeypatch)


DEATHS = [
    ("segv", "SIGSEGV"),
    ("abort", "SIGABRT"),
    ("kill", "SIGKILL"),
    ("exit", "exit code 3"),
    ("sysexit", "SystemExit: no"),
    ("value", "ValueError: no number"),
    ("eat", "MemoryError"),
    ("hang", "nothing came from its decoder for 1.5 s"),
]


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQIMG_DECODE_SECONDS", "1.5")
    monkeypatch.setenv("SEQIMG_DECODE_MEMORY", "1")


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(("action", "said"), DEATHS)
def test_deaths_cost_one_sequence(tmp_path: Path, action: str, said: str) -> None:
    path = bad(tmp_path, f"{action} 3")
    with open_sequence(path, isolate=True) as sequence:
        frames = iter(sequence)
        assert [next(frames)[0, 0, 0] for _ in range(3)] == [0, 1, 2]
        with pytest.raises(SequenceError) as caught:
            next(frames)
        assert caught.value.message == f"cannot read {path} from frame 3 on"
        assert said in (caught.value.why or "")
        assert "truncate" in (caught.value.hint or "")
    for policy in ("skip", "truncate"):
        with open_sequence(path, isolate=True, on_error=policy) as sequence:
            assert len(list(sequence)) == 3
            [damage] = sequence.damage
            assert (damage.index, damage.count) == (3, None)
            assert said in damage.reason
            assert said in (sequence.losses() or "")
    # The next sequence is none the worse for it.
    with open_sequence(bad(tmp_path, "fine", "b.bad"), isolate=True) as sequence:
        assert len(list(sequence)) == COUNT


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(("action", "said"), DEATHS)
def test_deaths_on_opening(tmp_path: Path, action: str, said: str) -> None:
    path = bad(tmp_path, f"{action} -1")
    with pytest.raises(SequenceError) as caught:
        open_sequence(path, isolate=True, on_error="skip")
    assert caught.value.message == f"cannot open {path}"
    assert said in (caught.value.why or "")
    assert _alive == set()


def test_chosen_frames_before_a_death(tmp_path: Path) -> None:
    path = bad(tmp_path, "segv 6")
    with open_sequence(path, isolate=True) as sequence:
        assert [frame.index for frame in sequence.frames([5, 1, 1])] == [5, 1, 1]
        with pytest.raises(SequenceError, match="from frame 8 on"):
            list(sequence.frames([2, 8, 9]))
    with open_sequence(path, isolate=True, on_error="skip") as sequence:
        assert [frame.index for frame in sequence.frames([2, 8, 9])] == [2]
        assert [(damage.index, damage.count) for damage in sequence.damage] == [(8, None)]


def test_errors_keep_their_class(tmp_path: Path) -> None:
    with open_sequence(bad(tmp_path, "sequence 2"), isolate=True) as sequence:
        with pytest.raises(SequenceError) as caught:
            list(sequence)
        assert (caught.value.message, caught.value.why, caught.value.hint) == (
            "cannot",
            "for no reason",
            "later",
        )
        with pytest.raises(SequenceError):  # the process is still well
            list(sequence)
    with open_sequence(bad(tmp_path, "odd 2"), isolate=True) as sequence, pytest.raises(OddError) as odd:
        list(sequence)
    assert str(odd.value) == "odd 3\nit is odd\nTry: an even one"
    assert len(_alive) == 1
    with pytest.raises(UsageError, match="gaps means nothing"):
        open_sequence(tmp_path / "a.bad", isolate=True, gaps="skip")


def test_damage_is_told_when_it_is_met(tmp_path: Path) -> None:
    with open_sequence(bad(tmp_path, "lose 4"), isolate=True, on_error="skip") as sequence:
        frames = sequence.timed()
        assert [next(frames).index for _ in range(4)] == [0, 1, 2, 3]
        assert sequence.damage == []
        assert next(frames).index == 5
        assert sequence.damage == [Damage(4, 1, "lost")]
        assert [frame.index for frame in sequence.frames([3, 4, 5])] == [3, 5]


def test_noise_of_readers_goes_nowhere(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with open_sequence(bad(tmp_path, "chatter 2"), isolate=True) as sequence:
        assert len(list(sequence)) == COUNT
    assert capfd.readouterr() == ("", "")


def test_frames_of_another_kind_than_said(tmp_path: Path) -> None:
    with (
        open_sequence(bad(tmp_path, "dtype"), isolate=True) as sequence,
        pytest.raises(SequenceError) as caught,
    ):
        list(sequence)
    assert "float64" in (caught.value.why or "")


def test_signs_of_work_keep_the_watchdog_quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQIMG_DECODE_SECONDS", "2.5")
    with open_sequence(bad(tmp_path, "work 2"), isolate=True) as sequence:  # for 3 s
        assert len(list(sequence)) == COUNT


@pytest.mark.usefixtures("_impatient")
def test_the_time_a_decoder_needs_to_start_is_not_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow").mkdir()
    # Python runs it as it starts.
    (tmp_path / "slow" / "sitecustomize.py").write_text("import time; time.sleep(2)")
    monkeypatch.syspath_prepend(str(tmp_path / "slow"))
    with open_sequence(bad(tmp_path, "fine"), isolate=True) as sequence:
        assert len(list(sequence)) == COUNT


@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan", "inf"])
def test_odd_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SEQIMG_DECODE_SECONDS", value)
    with pytest.raises(UsageError, match="SEQIMG_DECODE_SECONDS"):
        open_sequence(bad(tmp_path, "fine"), isolate=True)


def _same(path: Path, **options: object) -> None:
    """Check that isolation changes nothing that can be seen."""
    with (
        open_sequence(path, **options) as plain,  # type: ignore[arg-type]
        open_sequence(path, isolate=True, **options) as apart,  # type: ignore[arg-type]
    ):
        assert isinstance(apart, IsolatedSequence)
        assert repr(apart.info) == repr(plain.info)  # NaN is not itself
        for _ in range(2):
            pairs = zip(plain.timed(), apart.timed(), strict=True)
            for one, other in pairs:
                assert (one.index, one.time) == (other.index, other.time)
                assert one.pixels.dtype == other.pixels.dtype
                assert other.pixels.flags.writeable
                np.testing.assert_array_equal(one.pixels, other.pixels)
            assert plain.damage == apart.damage
            assert plain.losses() == apart.losses()
        if plain.info.frame_count and not plain.damage:
            last = sum(1 for _ in plain) - 1
            wanted = [last, 0, last // 2, last // 2, last]
            for start in (1, last):
                begun = [[frame.index for frame in sequence.timed(start)] for sequence in (plain, apart)]
                assert begun[0] == begun[1] == list(range(start, last + 1))
            for one, other in zip(plain.frames(wanted), apart.frames(wanted), strict=True):
                assert (one.index, one.time) == (other.index, other.time)
                np.testing.assert_array_equal(one.pixels, other.pixels)


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".gif", ".npy", ""])
def test_all_formats_come_out_the_same(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"größe {suffix}"
    save_sequence(numbered(30), path, fps=25)
    _same(path)


@pytest.mark.parametrize("dtype", ["uint16", "float16", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 2, 3, 40])
def test_all_dtypes_come_out_the_same(tmp_path: Path, dtype: str, channels: int) -> None:
    stack = np.random.default_rng(0).random((5, 7, 9, channels)) * 100
    stack[2, 3] = 0
    np.save(tmp_path / "a.npy", stack.astype(dtype))
    _same(tmp_path / "a.npy", axes="THWC", value_range=(0, 200))


def test_damaged_video_comes_out_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    encode(path, "libx264", 100, options={"g": "10"})
    data = bytearray(path.read_bytes())
    at = data.index(b"mdat") + len(data) // 3
    data[at : at + 200] = bytes(200)
    path.write_bytes(data)
    with (
        open_sequence(path, isolate=True) as sequence,
        pytest.raises(SequenceError, match="damaged at frame"),
    ):
        list(sequence)
    _same(path, on_error="skip")
    _same(path, on_error="truncate")


def test_relative_paths_after_a_change_of_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        count = 3 if folder == "one" else 5
        np.save(tmp_path / folder / "a.npy", np.zeros((count, 8, 8), np.uint8))
    for folder, count in (("one", 3), ("two", 5)):
        monkeypatch.chdir(tmp_path / folder)
        with open_sequence("a.npy", isolate=True) as sequence:
            assert sequence.info.path == "a.npy"
            assert len(list(sequence)) == count


def test_several_passes_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    save_sequence(numbered(40), path, fps=25)
    with open_sequence(path, isolate=True) as first, open_sequence(path, isolate=True) as second:
        for a, b, c in zip(first, second, first, strict=True):
            assert number_of(a) == number_of(b) == number_of(c)
        assert len(_alive) <= 3
    assert len(_alive) <= 2


def test_many_sequences_one_process(tmp_path: Path) -> None:
    pids = set()
    for number in range(12):
        path = tmp_path / f"{number}.npy"
        np.save(path, np.full((3, 8, 8), number, np.uint8))
        with open_sequence(path, isolate=True) as sequence:
            assert [int(frame[0, 0, 0]) for frame in sequence] == [number] * 3
        pids |= {decoder.pid for decoder in _alive}
    assert len(pids) == 1
    # Open side by side, more than a process keeps open at once.
    several = [open_sequence(tmp_path / f"{number}.npy", isolate=True) for number in range(12)]
    for _ in range(2):
        for number, sequence in enumerate(several):
            assert int(next(iter(sequence))[0, 0, 0]) == number
    assert len(_alive) <= 2
    for sequence in several:
        sequence.close()
    end_decoders()
    assert _alive == set()


def test_a_pass_outlives_no_close(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((500, 64, 64), np.uint8))
    sequence = open_sequence(path, isolate=True)
    frames = iter(sequence)
    next(frames)
    sequence.close()
    assert list(frames) == []
    with pytest.raises(SequenceError, match="was closed"):
        iter(sequence).__next__()
    # What is left over of the first pass does not reach the next sequence.
    with open_sequence(path, isolate=True) as again:
        assert [frame.index for frame in again.timed()] == list(range(500))
    assert len(_alive) == 1


def test_a_file_that_changes_between_passes(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((5, 8, 8), np.uint8))
    with open_sequence(path, isolate=True) as sequence:
        end_decoders()
        np.save(path, np.zeros((5, 9, 8), np.uint8))
        with pytest.raises(SequenceError, match="from frame 0 on") as caught:
            list(sequence)
        assert "changed" in (caught.value.why or "")


def test_configured_reading_is_isolated(tmp_path: Path) -> None:
    path = bad(tmp_path, "segv 3")
    with open_configured(path, ReadingConfig(on_error="truncate")) as sequence:
        assert isinstance(sequence, IsolatedSequence)
        assert len(list(sequence)) == 3


def test_more_places_than_a_message_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqimg.sequences.isolated.reader._MOST_PLACES", 3)
    with open_sequence(bad(tmp_path, "fine"), isolate=True) as sequence:
        assert [frame.index for frame in sequence.frames([0, 2, 4, 5, 7, 8, 11, 1])] == [
            0,
            2,
            4,
            5,
            7,
            8,
            11,
            1,
        ]


def test_a_decoder_of_other_surroundings_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bad(tmp_path, "fine")
    with open_sequence(path, isolate=True):
        [first] = _alive
    monkeypatch.setenv("SEQIMG_PLUGINS", "")
    with pytest.raises(SeqimgError), open_sequence(path, isolate=True) as sequence:
        list(sequence)
    assert first not in _alive


def test_a_pass_whose_decoder_is_ended(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((300, 64, 64), np.uint8))
    with open_sequence(tmp_path / "a.npy", isolate=True) as sequence:
        frames = iter(sequence)
        next(frames)
        end_decoders()
        with pytest.raises(SequenceError, match="from frame 1 on"):
            next(frames)
        assert len(list(sequence)) == 300


def test_where_it_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "")
    with pytest.raises(UnavailableError):
        open_sequence(bad(tmp_path, "fine"), isolate=True)


def test_no_room_for_the_ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with open_sequence(bad(tmp_path, "fine"), isolate=True) as sequence:
        with monkeypatch.context() as patch:
            patch.setattr("os.posix_fallocate", full)
            with pytest.raises(SeqimgError, match="no room for"):
                list(sequence)
        assert len(list(sequence)) == COUNT


def test_without_files_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.memfd_create")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with open_sequence(bad(tmp_path, "fine"), isolate=True) as sequence:
        assert len(list(sequence)) == COUNT
        assert not list(tmp_path.glob("seqimg-*"))
