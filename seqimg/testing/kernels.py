"""What every kernel promises, for the tests of a plugin that brings one."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, ClassVar

import torch

from seqimg.cells import Cell
from seqimg.kernels import CallSignature, explain
from seqimg.plugins.manager import plugin_host
from seqimg.testing.calls import UPDATES, draw
from seqimg.testing.checking import require
from seqimg.testing.layouts import LAYOUTS
from seqimg.testing.parity import check_kernels

__all__ = ["KernelContract"]

_SIZES: tuple[Mapping[str, Any], ...] = (
    {"size": (1, 1), "batch": 3},
    {"size": (1, 6), "frames": 3},
    {"size": (7, 9), "batch": 1, "frames": 3},
    {"size": (2, 2), "frames": 1},
)
_CONTROLS: tuple[Mapping[str, Any], ...] = (
    {"keep": True},
    {"keep": True, "restart": True},
    *({"update": kind} for kind in UPDATES),
    {"gate_bias": ""},
    {"gate_bias": "THW"},
    {"recompute": True},
    {"keep": True, "restart": True, "update": "share", "gate_bias": "T", "recompute": True},
)


class KernelContract:
    """Tests to inherit, for a kernel that computes cells over a clip.

    Every number is compared with that of the reference in fp64, and may be off by at most a small multiple of
    torch's own error: [seqimg.testing.tolerances][] is the one table. What the kernel refuses is not tried, but
    each cell has to be served without controls.

    Attributes:
        kernel: Its name.
        cells: Cells that it serves, of small and odd sizes, each option once.
        dtypes: Names of the dtypes that it serves.
        device: Where it runs.

    Example:
        >>> from seqimg.cells.min_conv_gru import MinConvGRUCell
        >>> class TestMine(KernelContract):
        ...     kernel = "fused"
        ...     cells = (MinConvGRUCell(2, 3),)
        >>> TestMine().test_results_and_gradients()
    """

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

    def test_results_and_gradients(self) -> None:
        """Outputs, last state and every gradient are those of the reference."""
        self._check({})

    def test_gradients_of_each_result(self) -> None:
        """Gradients are right too where only the outputs, or only the last state, are used."""
        self._check({"flow": "outputs"})
        self._check({"flow": "last"})

    def test_sizes(self) -> None:
        """It serves frames of one pixel, one row, one frame, and odd sizes."""
        for size in _SIZES:
            self._check(size)

    def test_controls(self) -> None:
        """What may happen to a state beside the equations is computed right, or refused with a reason."""
        for control in _CONTROLS:
            self._check(control, may_refuse=True)

    def test_layouts(self) -> None:
        """It reads tensors in any layout in memory, with anything between their values."""
        for cell in self.cells:
            if cell.rank == 2:
                for layout in LAYOUTS.values():
                    check_kernels(
                        cell,
                        torch.float32 if "float32" in self.dtypes else self._dtypes()[0],
                        expected={self.kernel},
                        only=self.kernel,
                        layout=layout,
                        device=self.device,
                    )

    def test_refusals_are_sentences(self) -> None:
        """What it cannot serve it refuses with reasons in words."""
        for spec in plugin_host().kernels.values():
            if spec.name != self.kernel or spec.refuse is None:
                continue
            refuse = plugin_host().kernels.load(f"{spec.op}/{spec.name}", "refuse")
            for cell in self.cells:
                for features in ((), ("keep", "restart", "update", "gate_bias", "recompute")):
                    reasons = refuse(self._signature(cell, "float32", features))
                    said = isinstance(reasons, list) and all(isinstance(r, str) and r for r in reasons)
                    require(said, f"refuse returned {reasons!r}, not a list of reasons in words")

    def _check(self, options: Mapping[str, Any], *, may_refuse: bool = False) -> None:
        for cell in self.cells:
            if may_refuse and not self._serves(cell, options):
                continue
            for dtype in self._dtypes():
                check_kernels(
                    cell,
                    dtype,
                    expected={self.kernel},
                    only=self.kernel,
                    device=self.device,
                    **options,
                )

    def _serves(self, cell: Cell, options: Mapping[str, Any]) -> bool:
        signature = draw(cell, **options).to(self._dtypes()[0]).signature
        return any(not c.reasons for c in explain(signature) if c.spec.name == self.kernel)

    def _dtypes(self) -> list[torch.dtype]:
        return [getattr(torch, name) for name in self.dtypes]

    def _signature(self, cell: Cell, dtype: str, features: tuple[str, ...] = ()) -> CallSignature:
        options = tuple((field.name, getattr(cell, field.name)) for field in fields(cell))
        return CallSignature(f"{cell.family}.sequence", self.device, dtype, options, features)
