"""Every frame accounted for: what came out and what was lost is what there was."""

from pathlib import Path

import numpy as np
import pytest

from tests.fuzz.corpus import CORPUS, COUNT
from tests.fuzz.reading import read
from tests.sequences.numbered import number_of

# Here the container counts its frames and the damage spares it: only pictures are hurt.
COUNTED = ["h264.mp4", "mpeg4.mp4", "vp9.webm", "vp8.webm", "h264.mkv"]


def _hurt_pictures(path: Path, seed: int) -> None:
    """Overwrite a stretch in the middle of a frame's data, none of it the container's own."""
    import av

    random = np.random.default_rng(seed)
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size > 60]
    data = bytearray(path.read_bytes())
    for _ in range(int(random.integers(1, 4))):
        start, size = packets[int(random.integers(len(packets)))]
        at = start + 30 + int(random.integers(size - 50))
        data[at : at + 16] = random.bytes(16)
    path.write_bytes(data)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("name", COUNTED)
def test_out_and_lost_is_all(name: str, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = tmp_path / name
    CORPUS[name](path)
    _hurt_pictures(path, seed)
    found = read(path, "skip")
    # The first frame may be what is hurt, and all that build on it.
    assert found.error is None or "its first frame is damaged" in (found.error.why or "")
    if found.error is None:
        lost = sum(damage.count or 0 for damage in found.damage)
        open_end = any(damage.count is None for damage in found.damage)
        total = len(found.places) + lost
        assert total < COUNT if open_end else total == COUNT


def test_places_are_those_of_the_whole(tmp_path: Path) -> None:
    """A frame that is found after damage carries its own number, not that of one that was lost."""
    from seqimg.sequences import open_sequence

    right = wrong = 0
    for seed in range(12):
        path = tmp_path / f"{seed}.mp4"
        CORPUS["h264.mp4"](path)
        _hurt_pictures(path, seed)
        with open_sequence(path, on_error="skip", isolate=True) as sequence:
            for frame in sequence.timed():
                same = number_of(frame.pixels) == frame.index
                right, wrong = right + same, wrong + (not same)
    # A picture that is damaged without the decoder's notice may show anything.
    assert wrong <= 0.05 * right
    assert right > 100
