"""The kernel computes what the reference does, and every gradient; it is the one that is taken."""

import pytest
from seqimg_example.cell import LeakyCell

from seqimg import ConvRNN
from seqimg.kernels import CallSignature, select
from seqimg.testing import KernelContract


class TestScan(KernelContract):
    kernel = "scan"
    cells = (LeakyCell(2, 3), LeakyCell(0, 2), LeakyCell(1, 3, kernel_size=5))


@pytest.mark.parametrize(("features", "module"), [((), "seqimg_example"), (("keep",), "seqimg")])
def test_it_is_taken_wherever_it_can_serve(features: tuple[str, ...], module: str) -> None:
    kernel = select(CallSignature("leaky.sequence", "cpu", "float32", (), features))
    assert kernel.__module__.partition(".")[0] == module


def test_layers_have_the_cell() -> None:
    assert ConvRNN(3, 8, cell="leaky").cells[0] == LeakyCell(3, 8)
