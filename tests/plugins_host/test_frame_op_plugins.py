"""Operations on single frames that plugins bring."""

from pathlib import Path

import numpy as np
import pytest

from seqimg.errors import UnavailableError
from seqimg.plugins.manager import reset_plugin_host
from seqimg.sequences import open_sequence
from seqimg.sequences.prepared import prepared
from tests.support.distributions import Site

SOURCE = """
    from seqimg.plugins import FrameOpSpec, hookimpl
    SEQIMG_API = 1

    @hookimpl
    def seqimg_frame_ops():
        return [FrameOpSpec(name="divide", summary="Divide.", op=f"{__name__}:Divide")]

    class Divide:
        def __init__(self, arguments, info):
            self.info, self.by = info, float(arguments.get("by", "2"))

        def __call__(self, values):
            return values / self.by
"""


def test_it_works_on_every_frame_by_its_name(site: Site, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.full((3, 8, 8, 3), 200, np.uint8))
    with pytest.raises(UnavailableError):
        prepared(open_sequence(tmp_path / "a.npy"), ["divide"])
    site.add("divider", SOURCE)
    reset_plugin_host()
    for words, wanted in (("divide", 100), ("divide:by=4", 50)):
        with prepared(open_sequence(tmp_path / "a.npy"), [words]) as sequence:
            assert [int(frame.max()) for frame in sequence] == [wanted] * 3
