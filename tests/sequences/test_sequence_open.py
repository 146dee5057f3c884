"""Opening: formats found, and mistakes explained."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqimg.config import ReadingConfig
from seqimg.errors import SeqimgError, UsageError
from seqimg.plugins.manager import plugin_host
from seqimg.plugins.specs import resolve
from seqimg.sequences import SequenceError, open_configured, open_sequence, save_sequence
from tests.sequences.numbered import number_of, numbered


def _fails(source: object, **options: Any) -> SeqimgError:
    with pytest.raises(SeqimgError) as caught:
        open_sequence(source, **options)  # type: ignore[arg-type]
    assert 1 <= len(str(caught.value).splitlines()) <= 3
    return caught.value


def test_missing_path_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "bikes.mp4").touch()
    assert _fails(tmp_path / "bike.mp4").why == f"did you mean {tmp_path / 'bikes.mp4'}?"
    assert "does not exist" in _fails(tmp_path / "nowhere" / "a.mp4").message
    assert "does not exist" in _fails("a\0b.mp4").message


def test_unknown_suffix(tmp_path: Path) -> None:
    path = tmp_path / "clip.wbm"
    path.write_text("anything")
    error = _fails(path)
    assert ".mp4" in (error.why or "")
    assert error.hint == "rename it to clip.webm, if that is what it is"
    path.write_bytes(b"")
    assert _fails(path).why == "the file is empty"


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".gif", ".npy"])
def test_content_tells_what_a_suffix_does_not(tmp_path: Path, suffix: str) -> None:
    save_sequence(numbered(5), tmp_path / f"a{suffix}", fps=10)
    for name in ("nameless", "strange.xyz"):
        (tmp_path / f"a{suffix}").rename(tmp_path / name)
        with open_sequence(tmp_path / name) as sequence:
            assert [number_of(frame) for frame in sequence] == list(range(5))
        (tmp_path / name).rename(tmp_path / f"a{suffix}")


def test_one_picture_is_no_sequence(tmp_path: Path) -> None:
    save_sequence(numbered(2), tmp_path / "frames")
    error = _fails(tmp_path / "frames" / "frame_000001.png")
    assert "one picture, no sequence" in error.message
    assert str(tmp_path / "frames") in (error.hint or "")


def test_neither_file_nor_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    error = _fails(tmp_path / "pipe.mp4")
    assert error.why == "it is neither a file nor a folder"
    assert error.hint is None
    os.mkfifo(tmp_path / "pipe")
    assert "--raw" in (_fails(tmp_path / "pipe").hint or "")


def test_addresses_are_refused() -> None:
    error = _fails("gopher://me:secret@example.org/a.mp4")
    assert isinstance(error, UsageError)
    assert "secret" not in str(error)


def test_options(tmp_path: Path) -> None:
    save_sequence(numbered(2), tmp_path / "a.mp4", fps=10)
    np.save(tmp_path / "a.npy", np.zeros((2, 8, 8), np.uint8))
    error = _fails(tmp_path / "a.mp4", axes="THWC")
    assert isinstance(error, UsageError)
    assert error.why == "options for the format mp4: on_error"
    assert isinstance(_fails(tmp_path / "a.npy", gaps="skip"), UsageError)
    error = _fails(tmp_path / "a.mp4", on_error="skp")
    assert "did you mean 'skip'?" in error.message
    assert "choices: error, skip, hold" in (_fails(tmp_path, gaps="fill").why or "")


def test_names_ffmpeg_might_misread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (
        "http:a.mp4",
        "-x.mp4",
        "a%03d.mp4",
        "concat:b.mp4",
        "späte Bilder.mp4",
        "line\nbreak.mp4",
        "~.mp4",
    ):
        save_sequence(numbered(3), name, fps=10)
        with open_sequence(name) as sequence:
            assert [number_of(frame) for frame in sequence] == [0, 1, 2]


def test_every_registered_format_resolves() -> None:
    for spec in plugin_host().formats.values():
        for target in (spec.reader, spec.writer):
            assert target is None or callable(resolve(target))


def test_the_package_is_light() -> None:
    code = (
        "import sys, seqimg.sequences as s; from seqimg.plugins.builtin_formats import FORMATS;"
        "s.SequenceInfo, s.SequenceError, dir(s);"
        "heavy = {'numpy', 'av', 'PIL', 'torch', 'tifffile', 'skimage'} & sys.modules.keys();"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_names_are_attribute_errors() -> None:
    import seqimg.sequences

    with pytest.raises(AttributeError, match="opn_sequence"):
        _ = seqimg.sequences.opn_sequence
    assert issubclass(SequenceError, SeqimgError)


def test_systems_without_isolation_say_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqimg.sequences.open.can_isolate", lambda: False)
    monkeypatch.setattr("seqimg.sequences.open._is_said", False)
    np.save(tmp_path / "a.npy", np.zeros((3, 8, 8), np.uint8))
    said = []
    for _ in range(2):
        with open_configured(tmp_path / "a.npy", ReadingConfig()) as sequence:
            assert type(sequence).__name__ == "ArraySequence"
            said.append("without isolation" in sequence.info.sentence())
    assert said == [True, False]


def test_absurd_sizes_of_videos_are_refused_by_the_limit(tmp_path: Path) -> None:
    from tests.fuzz.corpus import CRAFTED

    (tmp_path / "a.gif").write_bytes(CRAFTED["huge.gif"])
    assert "over the limit" in (_fails(tmp_path / "a.gif").why or "")
