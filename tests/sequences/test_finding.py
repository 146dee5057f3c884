"""What is said of a path that is no sequence: a link that leads nowhere, a folder of sequences."""

from pathlib import Path

import numpy as np
import pytest

from seqimg.sequences import SequenceError, open_sequence


def _refused(source: Path | str) -> SequenceError:
    with pytest.raises(SequenceError) as caught:
        open_sequence(source)
    assert len(str(caught.value).splitlines()) <= 3
    return caught.value


def test_links_that_lead_nowhere() -> None:
    Path("loop").symlink_to("loop")
    Path("there").symlink_to("back")
    Path("back").symlink_to("there")
    for name in ("loop", "there"):
        error = _refused(name)
        assert error.message == f"{name} is a link that leads nowhere"
        assert "circle" in (error.why or "")
    Path("dangling.mp4").symlink_to("gone.mp4")
    error = _refused("dangling.mp4")
    assert (error.message, error.why) == (
        "dangling.mp4 is a link that leads nowhere",
        "gone.mp4 does not exist",
    )


def test_a_folder_of_sequences_says_what_it_is() -> None:
    folder = Path("my films")
    folder.mkdir()
    for number in (10, 9):
        np.save(folder / f"{number}.npy", np.zeros((3, 8, 8), np.uint8))
    (folder / "notes.txt").touch()
    (folder / ".hidden.npy").touch()
    error = _refused(folder)
    assert error.message == "my films is a folder of 2 sequences, not one of pictures"
    assert error.why == "the first is 9.npy"
    assert "seqimg data check --recursive 'my films'" in (error.hint or "")
    (folder / "10.npy").unlink()
    assert _refused(folder).message == "my films is a folder of 1 sequence, not one of pictures"
