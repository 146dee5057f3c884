"""What a sequence says of itself."""

from fractions import Fraction

import pytest

from seqimg.sequences import SequenceInfo


def _info(**changes: object) -> SequenceInfo:
    plain: dict[str, object] = {
        "path": "a.mp4", "format": "video", "height": 48, "width": 64, "channels": 3, "dtype": "uint8",
        "value_range": (0.0, 255.0),
    }  # fmt: skip
    return SequenceInfo(**{**plain, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"fps": Fraction(30000, 1001), "frame_count": 120, "codec": "h264"},
            "Read a.mp4 as 120 frames, 64x48, 8-bit RGB, h264, 29.97 fps.",
        ),
        ({"fps": Fraction(25)}, "Read a.mp4 as frames, their number not stated, 64x48, 8-bit RGB, 25 fps."),
        (
            {"format": "frames", "path": "clip/", "channels": 1, "frame_count": 1, "dtype": "float32"},
            "Read clip/ as 1 frame, 64x48, 32-bit float grey; no times found, assuming 25 fps.",
        ),
        (
            {"channels": 40, "dtype": "uint16", "frame_count": 2, "notes": ("axes THWC", "b")},
            "Read a.mp4 as 2 frames, 64x48, 16-bit 40 channels, axes THWC, b; no times found, assuming 25 fps.",
        ),
    ],
)
def test_sentence(changes: dict[str, object], sentence: str) -> None:
    assert _info(**changes).sentence().replace("\N{MULTIPLICATION SIGN}", "x") == sentence


def test_channel_names() -> None:
    assert _info().channel_names == ("red", "green", "blue")
    assert _info(channels=5).channel_names == ("0", "1", "2", "3", "4")
    assert _info(channels=2, channel_names=("u", "v")).channel_names == ("u", "v")
