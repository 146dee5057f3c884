"""What every kernel promises, for the tests of a plugin that brings one."""

from collections.abc import Mapping
from typing import Any

import torch

from seqimg.cells import Cell
from seqimg.kernels import explain
from seqimg.testing.calls import UPDATES, draw
from seqimg.testing.kernel_tests import KernelTests
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


class KernelContract(KernelTests):
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
