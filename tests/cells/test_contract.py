"""What every cell promises: shapes, plain pre-activations, gradients, initial values, equality."""

from dataclasses import replace

import pytest
import torch

from seqimg.cells import Cell
from seqimg.cells.conv_gru import ConvGRUCell, ConvGRULiteCell
from seqimg.cells.conv_lstm import ConvLSTMCell
from seqimg.cells.convolution import Convolution
from seqimg.cells.depthwise_conv_gru import DepthwiseConvGRUCell
from seqimg.cells.gru import GRUCell
from seqimg.cells.lstm import LSTMCell
from seqimg.cells.min_conv_gru import MinConvGRUCell
from seqimg.cells.sep_conv_gru import SepConvGRUCell
from seqimg.cells.traj_gru import TrajGRUCell
from seqimg.plugins.manager import plugin_host
from tests.tolerances import EQUATIONS, relative_error

CELLS: list[Cell] = [
    ConvGRUCell(2, 2),
    ConvGRUCell(2, 4, reset="after", groups=2, kernel_size=(1, 3), dilation=2, activation="leaky"),
    ConvGRUCell(0, 2, kernel_size=5, activation="relu"),
    ConvGRULiteCell(2, 3),
    SepConvGRUCell(2, 2, kernel_size=3),
    SepConvGRUCell(0, 2),
    DepthwiseConvGRUCell(2, 3),
    DepthwiseConvGRUCell(0, 3, reset="after"),
    MinConvGRUCell(2, 3),
    MinConvGRUCell(0, 3, activation="linear"),
    ConvLSTMCell(2, 3),
    ConvLSTMCell(0, 2, peepholes=True, input_kernel_size=1),
    TrajGRUCell(1, 2, links=2, flow_channels=2),
    TrajGRUCell(0, 2, links=1, flow_channels=2, activation="tanh"),
    GRUCell(2, 3),
    GRUCell(0, 3, reset="before"),
    LSTMCell(2, 3),
    LSTMCell(0, 3),
]
every_cell = pytest.mark.parametrize("cell", CELLS, ids=str)


def _draw(cell: Cell, size: tuple[int, int], batch: int = 2, *, grad: bool = False) -> list[torch.Tensor]:
    """A frame, a state and the parameters in their order, fp64."""
    generator = torch.Generator().manual_seed(0)
    spatial = size[: cell.rank]
    shapes = [
        (batch, cell.input_channels, *spatial),
        (batch, cell.state_channels, *spatial),
        *cell.shapes().values(),
    ]
    return [
        (0.4 * torch.randn(shape, generator=generator, dtype=torch.float64)).requires_grad_(grad)
        for shape in shapes
    ]


def _step(cell: Cell, frame: torch.Tensor, state: torch.Tensor, *tensors: torch.Tensor) -> torch.Tensor:
    weights = dict(zip(cell.shapes(), tensors, strict=True))
    return cell.step(cell.project(frame, weights), state, weights)


def test_every_registered_cell_is_tested_here_under_its_name() -> None:
    ours = {cell.name for cell in CELLS}
    registered = {
        name: plugin_host().cells.load(name) for name in [spec.name for spec in plugin_host().cells.values()]
    }
    assert {name for name in registered if registered[name].__module__.startswith("seqimg.")} == ours
    assert all(cell.name == name and cell.family in registered for name, cell in registered.items())


@every_cell
@pytest.mark.parametrize("size", [(1, 1), (1, 4), (5, 3)])
def test_shapes(cell: Cell, size: tuple[int, int]) -> None:
    frame, state, *tensors = _draw(cell, size)
    weights = dict(zip(cell.shapes(), tensors, strict=True))
    spatial = size[: cell.rank]
    projected = cell.project(frame, weights)
    after = cell.step(projected, state, weights)
    assert projected.shape == (2, cell.projected_channels, *spatial)
    assert after.shape == (2, cell.state_channels, *spatial)
    assert cell.output(after).shape == (2, cell.hidden_channels, *spatial)
    assert torch.isfinite(after).all()


@every_cell
def test_the_projection_is_affine_in_the_frame(cell: Cell) -> None:
    """So that what a kernel adds to it, per gate, is what the bias is."""
    frame, _, *tensors = _draw(cell, (3, 4))
    weights = dict(zip(cell.shapes(), tensors, strict=True))
    at_zero = cell.project(torch.zeros_like(frame), weights)
    once, twice = cell.project(frame, weights), cell.project(2 * frame, weights)
    assert relative_error(twice - once + at_zero, once) < EQUATIONS[torch.float64]
    assert (at_zero == at_zero[:1, :, :1, :1] if cell.rank else at_zero == at_zero[:1]).all()


@every_cell
def test_samples_of_a_batch_do_not_see_each_other(cell: Cell) -> None:
    frame, state, *tensors = _draw(cell, (3, 4), batch=3)
    together = _step(cell, frame, state, *tensors)
    for sample in range(3):
        one = slice(sample, sample + 1)
        alone = _step(cell, frame[one], state[one], *tensors)
        assert relative_error(alone, together[one]) < EQUATIONS[torch.float64]


@every_cell
def test_gradients(cell: Cell) -> None:
    inputs = _draw(cell, (3, 2), grad=True)
    assert torch.autograd.gradcheck(lambda *tensors: _step(cell, *tensors), inputs)


@every_cell
def test_single_precision_is_as_good_as_it_can_be(cell: Cell) -> None:
    inputs = _draw(cell, (5, 6))
    found = _step(cell, *(tensor.float() for tensor in inputs))
    assert found.dtype is torch.float32
    assert relative_error(found, _step(cell, *inputs)) < EQUATIONS[torch.float32]


@every_cell
def test_initial_values(cell: Cell) -> None:
    torch.manual_seed(0)
    for name, shape in cell.shapes().items():
        value = cell.initial(name)
        assert (tuple(value.shape), value.dtype) == (shape, torch.float32)
        if len(shape) == 1:
            assert set(value.tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize(
    ("cell", "name", "fan_in"),
    [
        (ConvGRUCell(40, 30), "weight_x", 360),
        (ConvGRUCell(40, 30, groups=10), "weight_x", 36),
        (DepthwiseConvGRUCell(300, 500), "depth_h", 9),
        (ConvLSTMCell(40, 30), "weight_h", 270),
        (TrajGRUCell(4, 50, links=3), "weight_h", 150),
        (GRUCell(64, 100), "weight_x", 64),
    ],
    ids=str,
)
def test_initial_weights_have_variance_one_over_fan_in(cell: Cell, name: str, fan_in: int) -> None:
    torch.manual_seed(0)
    assert cell.fan_in(name) == fan_in
    weight = cell.initial(name)
    assert weight.var().item() * fan_in == pytest.approx(1, rel=0.05)
    assert weight.abs().max().item() <= (3 / fan_in) ** 0.5


@every_cell
def test_equal_cells_are_equal_and_hash_alike(cell: Cell) -> None:
    assert replace(cell) == cell
    assert hash(replace(cell)) == hash(cell)
    assert replace(cell, hidden_channels=cell.hidden_channels * 2) != cell


def test_one_size_for_both_axes_is_the_pair_of_it() -> None:
    assert ConvGRUCell(1, 1, kernel_size=5) == ConvGRUCell(1, 1, kernel_size=(5, 5), input_kernel_size=5)
    assert hash(ConvLSTMCell(1, 1, dilation=[2, 2])) == hash(ConvLSTMCell(1, 1, dilation=2))  # type: ignore[arg-type]


def test_taps_fall_where_torch_puts_them() -> None:
    convolution = Convolution((3, 5), (2, 1))
    assert convolution.padding == (2, 2)
    picture = torch.zeros(1, 1, 7, 7)
    picture[0, 0, 3, 3] = 1
    seen = convolution(picture, torch.ones(1, 1, 3, 5))[0, 0]
    assert seen.nonzero().tolist() == [[y, x] for y in (1, 3, 5) for x in range(1, 6)]
