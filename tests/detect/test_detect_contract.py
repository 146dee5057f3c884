"""Detection keeps the contract that every plugin's task keeps."""

from collections.abc import Sequence
from pathlib import Path

from seqimg.testing import PluginContract, TaskContract, run_command


class TestPlugin(PluginContract):
    plugin = "detect"


class TestDetect(TaskContract):
    task = "detect"
    values = {"widths": (4, 4, 4), "memory": 4, "crop": 32}

    def data(self, folder: Path) -> Sequence[str]:
        made = run_command(
            "data", "make", "tracks", "data", "--count=6", "--length=12", "--size=48", folder=folder
        )
        assert made.code == 0, made.err
        return [str(folder / "data")]
