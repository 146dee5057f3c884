"""Classification keeps the contract that every plugin's task keeps."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seqimg.testing import PluginContract, TaskContract, moving_square


class TestPlugin(PluginContract):
    plugin = "classify"


class TestClassify(TaskContract):
    task = "classify"
    values = {"widths": (4, 4), "frames": 4}

    def data(self, folder: Path) -> Sequence[str]:
        for number in range(12):
            clip = moving_square(8, seed=number)
            place = folder / "data" / ("dark", "light")[number % 2]
            place.mkdir(parents=True, exist_ok=True)
            np.save(place / f"{number}.npy", clip if number % 2 else clip // 2)
        return [str(folder / "data")]
