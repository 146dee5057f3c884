"""No bytes kill the program: cuts, flipped bits and crafted headers of every format.

Every case is read to the end in a process of its own. What is asserted in `read`: no exception but a
`SeqimgError`, no hang, each frame accounted for. The name of a failing test holds its seed.
"""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import get_args

import pytest

from seqimg.sequences import open_sequence
from seqimg.sequences.base import OnError
from seqimg.sequences.isolated.decoder import end_decoders
from tests.fuzz.corpus import CORPUS, CRAFTED, CRAFTED_PICTURES, damaged, part_to_hurt
from tests.fuzz.reading import SECONDS, read

POLICIES = get_args(OnError)
CUTS_A_TEST = 10
FLIPS_A_TEST = 8


@pytest.fixture(autouse=True)
def _bounded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    end_decoders()
    monkeypatch.setenv("SEQIMG_DECODE_SECONDS", f"{SECONDS:g}")
    monkeypatch.setenv("SEQIMG_DECODE_MEMORY", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)
    yield
    end_decoders()


def _made(name: str, folder: Path) -> tuple[Path, Path, bytes]:
    """Make a sequence; return it, the file in it to hurt, and what that holds."""
    path = folder / name
    CORPUS[name](path)
    part = part_to_hurt(path)
    return path, part, part.read_bytes()


def _cuts(name: str, folder: Path, percents: range) -> None:
    path, part, whole = _made(name, folder)
    for number, percent in enumerate(percents):
        part.write_bytes(whole[: len(whole) * percent // 100])
        read(path, POLICIES[number % 3])


def _flips(name: str, folder: Path, seed: int, count: int) -> None:
    path, part, whole = _made(name, folder)
    for number, data in enumerate(islice(damaged(whole, seed), count)):
        part.write_bytes(data)
        read(path, POLICIES[number % 3])


@pytest.mark.parametrize("name", CORPUS)
def test_whole(name: str, tmp_path: Path) -> None:
    path, _, _ = _made(name, tmp_path)
    found = read(path, "error")
    assert found.error is None
    assert found.damage == ()
    assert len(found.places) == (found.stated or len(found.places)) > 3


@pytest.mark.parametrize("name", CORPUS)
def test_cuts(name: str, tmp_path: Path) -> None:
    _cuts(name, tmp_path, range(0, 100, CUTS_A_TEST))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", CORPUS)
def test_flips(name: str, seed: int, tmp_path: Path) -> None:
    _flips(name, tmp_path, seed, FLIPS_A_TEST)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", CORPUS)
def test_cuts_at_every_percent(name: str, tmp_path: Path) -> None:
    for shift in range(3):  # so that each cut meets each policy
        folder = tmp_path / str(shift)
        folder.mkdir()
        _cuts(name, folder, range(shift, 100))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(100, 104))
@pytest.mark.parametrize("name", CORPUS)
def test_many_flips(name: str, seed: int, tmp_path: Path) -> None:
    _flips(name, tmp_path, seed, 50)


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_files(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(CRAFTED[name])
    for policy in POLICIES:
        read(path, policy)


@pytest.mark.parametrize("name", CRAFTED_PICTURES)
def test_crafted_pictures(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / name).write_bytes(CRAFTED_PICTURES[name])
    for policy in POLICIES:
        read(folder, policy)


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_headers_cost_little(name: str, tmp_path: Path) -> None:
    """What is refused is refused before memory is taken, in this process as well."""
    path = tmp_path / name
    path.write_bytes(CRAFTED[name])
    assert path.stat().st_size < 3_000_000
    found = read(path, "error")
    assert found.error is None or "MemoryError" not in str(found.error)
    assert found.error is None or "decoder" not in str(found.error)


@pytest.mark.parametrize("seed", range(4))
def test_bytes_without_any_form(seed: int, tmp_path: Path) -> None:
    noise = bytes(next(damaged(bytes(4000), seed)))
    for name in CORPUS:
        suffix = Path(name).suffix
        if suffix:
            (tmp_path / f"noise{suffix}").write_bytes(noise)
            assert read(tmp_path / f"noise{suffix}", "skip").error is not None


def test_links_that_lead_out(tmp_path: Path) -> None:
    """A folder of pictures shows nothing of what lies outside it."""
    folder = tmp_path / "pictures"
    CORPUS["png"](folder)
    (tmp_path / "secret.png").write_bytes((folder / "001.png").read_bytes())
    (folder / "001.png").unlink()
    (folder / "001.png").symlink_to(tmp_path / "secret.png")
    assert read(folder, "error").error is not None


ODD_NAMES = ["-x", "a\nb", "a%d", "a%5c%s", "ü" * 100, "a" * 240, "'", '"', "$(false)", " ", "\udcff"]


@pytest.mark.parametrize("which", range(len(ODD_NAMES)))
def test_odd_names(which: int, tmp_path: Path) -> None:
    name = ODD_NAMES[which]
    path = tmp_path / f"{name}.npy"
    CORPUS["a.npy"](path)
    with open_sequence(path, isolate=True) as sequence:
        assert len(list(sequence)) > 3
    path = tmp_path / f"{name}.mkv"
    CORPUS["h264.mkv"](tmp_path / "plain.mkv")
    (tmp_path / "plain.mkv").rename(path)
    found = read(path, "error")
    # FFmpeg takes text only, and this is none.
    assert found.error is None or "\udcff" in name
