"""Reader and writer keep their contracts."""

import json
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from seqimg.testing import ReaderContract, WriterContract, moving_square


class TestPlainReader(ReaderContract):
    def make(self, folder: Path) -> tuple[Path, NDArray[Any]]:
        frames = moving_square(9, (10, 14), 2, "uint16")
        header = {"plain": 1, "height": 10, "width": 14, "channels": 2, "dtype": "uint16", "fps": 25.0}
        content = json.dumps(header).encode().ljust(255) + b"\n" + frames.astype("<u2").tobytes()
        (folder / "a.plain").write_bytes(content)
        return folder / "a.plain", frames


class TestPlainWriter(WriterContract):
    suffix = ".plain"
    kinds = ((1, "uint8"), (3, "uint16"), (40, "float32"))
