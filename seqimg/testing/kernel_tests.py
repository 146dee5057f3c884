"""What the contracts of all kernels have in common."""

from collections.abc import Sequence
from typing import ClassVar

import torch

from seqimg.cells import Cell
from seqimg.kernels import CallSignature, explain
from seqimg.kernels.signature import signature_of
from seqimg.plugins.manager import plugin_host
from seqimg.testing.checking import require

__all__ = ["KernelTests"]


class KernelTests:
    """Tests of any kernel: that it is registered, and refuses in words.

    Attributes:
        op: What it computes of a cell: `sequence` or `step`.
        kernel: Its name.
        cells: Cells that it serves, of small and odd sizes, each option once.
        dtypes: Names of the dtypes that it serves.
        device: Where it runs.
    """

    op: ClassVar[str] = "sequence"
    kernel: ClassVar[str]
    cells: ClassVar[Sequence[Cell]] = ()
    dtypes: ClassVar[Sequence[str]] = ("float64", "float32")
    device: ClassVar[str] = "cpu"

    def test_there_are_cells(self) -> None:
        """There is something to test, and a kernel of that name."""
        require(self.cells, "name cells that the kernel serves: cells = (MyCell(2, 3),)")
        for cell in self.cells:
            known = [found.spec.name for found in explain(self._signature(cell, self.dtypes[0]))]
            require(
                self.kernel in known,
                f"{cell.name} has no kernel {self.kernel!r}; registered: {', '.join(known)}",
            )

    def test_refusals_are_sentences(self) -> None:
        """What it cannot serve it refuses with reasons in words."""
        for spec in plugin_host().kernels.values():
            ours = spec.name == self.kernel and spec.op.endswith(f".{self.op}")
            if not ours or spec.refuse is None:
                continue
            refuse = plugin_host().kernels.load(f"{spec.op}/{spec.name}", "refuse")
            for cell in self.cells:
                for features in ((), ("keep", "restart", "update", "gate_bias", "recompute")):
                    reasons = refuse(self._signature(cell, "float32", features))
                    said = isinstance(reasons, list) and all(isinstance(r, str) and r for r in reasons)
                    require(said, f"refuse returned {reasons!r}, not a list of reasons in words")

    def _dtypes(self) -> list[torch.dtype]:
        return [getattr(torch, name) for name in self.dtypes]

    def _signature(self, cell: Cell, dtype: str, features: Sequence[str] = ()) -> CallSignature:
        return signature_of(cell, self.device, dtype, features, op=self.op)
