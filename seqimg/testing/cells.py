"""What every cell promises, for the tests of a plugin that brings one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqimg.cells import Cell
from seqimg.nn import ConvRNN
from seqimg.plugins.manager import plugin_host
from seqimg.testing.checking import SkipTest, require, require_close
from seqimg.testing.tolerances import EQUATIONS, STREAMING

__all__ = ["CellContract"]

Array = NDArray[np.float64]
_SIZES = ((1, 1), (1, 4), (5, 3))
_FRAMES = 5
_MANY = 1000  # values of the parameters


class CellContract:
    """Tests to inherit, for a [Cell][seqimg.cells.Cell].

    Attributes:
        cells: Cells to test, of small sizes: each option once, and no input (`input_channels=0`) if the cell can.
        name: Name the cell is registered under; empty if it is not.

    Example:
        >>> from seqimg.cells.min_conv_gru import MinConvGRUCell
        >>> class TestMine(CellContract):
        ...     name = "min_conv_gru"
        ...     cells = (MinConvGRUCell(2, 3),)
        >>> TestMine().test_pieces_of_a_clip_are_the_clip()
    """

    cells: ClassVar[Sequence[Cell]] = ()
    name: ClassVar[str] = ""

    def equations(self, cell: Cell, x: Array, state: Array, weights: Mapping[str, Array]) -> Array:
        """State the cell's equations once more, by definition and in numpy, for one sample.

        Args:
            cell: The cell.
            x: A frame `[X, H, W]`, fp64.
            state: The state before it `[S, H, W]`.
            weights: The parameters by name.

        Returns:
            The state after it `[S, H, W]`.
        """
        raise SkipTest("the test class states no equations of its own")

    def test_there_are_cells(self) -> None:
        """There is something to test."""
        require(self.cells, "name cells to test: cells = (MyCell(2, 3), MyCell(0, 2))")

    def test_registered_under_its_name(self) -> None:
        """The cell is registered under its own name, and its family is a cell."""
        if not self.name:
            raise SkipTest("the test class gives no name")
        cells = plugin_host().cells
        found = cells.load(self.name)
        require(found.name == self.name, f"the class's name is {found.name!r}, registered as {self.name!r}")
        require(found.family in cells, f"its family {found.family!r} is no registered cell")

    def test_shapes(self) -> None:
        """Projection, state and output have the shapes that the cell says, at any size of the frame."""
        for cell in self.cells:
            for size in _SIZES:
                frame, state, weights = _drawn(cell, size)
                spatial = size[: cell.rank]
                projected = cell.project(frame, weights)
                after = cell.step(projected, state, weights)
                for what, tensor, channels in (
                    ("project", projected, cell.projected_channels),
                    ("step", after, cell.state_channels),
                    ("output", cell.output(after), cell.hidden_channels),
                ):
                    wanted = (2, channels, *spatial)
                    require(
                        tensor.shape == wanted, f"{cell}: {what} gives {tuple(tensor.shape)}, not {wanted}"
                    )
                require(torch.isfinite(after).all(), f"{cell}: the state is not finite")

    def test_equations(self) -> None:
        """The cell computes what its equations say, to the last digits of fp64."""
        for cell in self.cells:
            for size in ((1, 1), (4, 6)):
                frame, state, weights = _drawn(cell, size, batch=1)
                arrays = {name: weight.numpy() for name, weight in weights.items()}
                wanted = self.equations(cell, frame[0].numpy(), state[0].numpy(), arrays)
                found = cell.step(cell.project(frame, weights), state, weights)[0]
                require_close(
                    found,
                    torch.from_numpy(np.asarray(wanted)),
                    EQUATIONS[torch.float64],
                    f"{cell} is not its equations",
                )

    def test_projection_is_affine(self) -> None:
        """The projection is affine in the frame and the same at every pixel: a bias added to it is a bias."""
        for cell in self.cells:
            frame, _, weights = _drawn(cell, (3, 4))
            zero = cell.project(torch.zeros_like(frame), weights)
            once, twice = cell.project(frame, weights), cell.project(2 * frame, weights)
            require_close(
                twice - once + zero, once, EQUATIONS[torch.float64], f"{cell}: project is not affine"
            )
            first = zero[:1, :, :1, :1] if cell.rank else zero[:1]
            require((zero == first).all(), f"{cell}: project of zeros is not one number a channel")

    def test_samples_of_a_batch_are_independent(self) -> None:
        """What a sample gives does not depend on the others in its batch."""
        for cell in self.cells:
            frame, state, weights = _drawn(cell, (3, 4), batch=3)
            together = cell.step(cell.project(frame, weights), state, weights)
            for number in range(3):
                one = slice(number, number + 1)
                alone = cell.step(cell.project(frame[one], weights), state[one], weights)
                require_close(
                    alone, together[one], EQUATIONS[torch.float64], f"{cell}: a sample alone differs"
                )

    def test_gradients(self) -> None:
        """Gradients of frame, state and every parameter are those of finite differences."""
        for cell in self.cells:
            frame, state, weights = _drawn(cell, (3, 2), grad=True)

            def step(frame: Tensor, state: Tensor, *tensors: Tensor, cell: Cell = cell) -> Tensor:
                named = dict(zip(cell.shapes(), tensors, strict=True))
                return cell.step(cell.project(frame, named), state, named)

            # Of a large cell, one finite difference a number would take minutes: its gradients are projected.
            many = sum(weight.numel() for weight in weights.values()) > _MANY
            try:
                torch.autograd.gradcheck(step, (frame, state, *weights.values()), fast_mode=many)
            except RuntimeError as error:
                require(False, f"{cell}: a gradient is wrong: {str(error).splitlines()[0]}")

    def test_single_precision(self) -> None:
        """In fp32 the cell is as exact as fp32 can be, and stays in fp32."""
        for cell in self.cells:
            frame, state, weights = _drawn(cell, (5, 6))
            wanted = cell.step(cell.project(frame, weights), state, weights)
            single = {name: weight.float() for name, weight in weights.items()}
            found = cell.step(cell.project(frame.float(), single), state.float(), single)
            require(found.dtype == torch.float32, f"{cell}: fp32 becomes {found.dtype}")
            require_close(
                found, wanted.float(), EQUATIONS[torch.float32], f"{cell}: fp32 is less exact than it can be"
            )

    def test_inputs_stay_as_they_are(self) -> None:
        """Frame, projection and state are not written into: a kernel may share them."""
        for cell in self.cells:
            frame, state, weights = _drawn(cell, (3, 4))
            projected = cell.project(frame, weights)
            kept = [tensor.clone() for tensor in (frame, projected, state)]
            cell.step(projected, state, weights)
            for before, tensor in zip(kept, (frame, projected, state), strict=True):
                require(torch.equal(before, tensor), f"{cell}: step writes into what it is given")

    def test_initial_values(self) -> None:
        """Fresh parameters have their shapes, are fp32 and finite."""
        for cell in self.cells:
            for name, shape in cell.shapes().items():
                value = cell.initial(name)
                require(tuple(value.shape) == shape, f"{cell}: initial({name!r}) has another shape")
                require(value.dtype == torch.float32, f"{cell}: initial({name!r}) is not fp32")
                require(torch.isfinite(value).all(), f"{cell}: initial({name!r}) is not finite")

    def test_equal_cells_are_equal(self) -> None:
        """Cells with the same options are equal and hash alike: the choice of kernels depends on it."""
        for cell in self.cells:
            require(replace(cell) == cell, f"{cell} is not equal to itself made again")
            require(hash(replace(cell)) == hash(cell), f"{cell} hashes in another way when made again")
            wider = replace(cell, hidden_channels=2 * cell.hidden_channels)
            require(wider != cell, f"{cell} equals one of twice the width")

    def test_pieces_of_a_clip_are_the_clip(self) -> None:
        """A clip at once, in pieces and frame by frame gives the same numbers."""
        for cell in self.cells:
            layer, clip = _layer(cell)
            whole, last = layer(clip)
            for cuts in ((2,), (1, 4), tuple(range(1, _FRAMES))):
                state: Any = None
                found = []
                for piece in torch.tensor_split(clip, list(cuts), dim=1):
                    outputs, state = layer(piece, state)
                    found.append(outputs)
                tolerance = STREAMING[torch.float64]
                require_close(
                    torch.cat(found, 1), whole, tolerance, f"{cell}: a clip cut at {cuts} gives other outputs"
                )
                for one, other in zip(state, last, strict=True):
                    require_close(
                        one, other, tolerance, f"{cell}: a clip cut at {cuts} ends in another state"
                    )

    def test_lengths(self) -> None:
        """A clip padded to the length of another ends as it does alone."""
        for cell in self.cells:
            layer, clip = _layer(cell)
            _, last = layer(clip, lengths=torch.tensor([_FRAMES, 2]))
            _, short = layer(clip[1:, :2])
            require_close(
                last[0][1:], short[0], STREAMING[torch.float64], f"{cell}: padding changes the last state"
            )

    def test_fresh_starts(self) -> None:
        """A reset before a frame is a new clip from there on."""
        for cell in self.cells:
            layer, clip = _layer(cell)
            mask = torch.zeros(clip.shape[:2], dtype=torch.bool)
            mask[:, 3] = True
            found, _ = layer(clip, reset_mask=mask)
            wanted = torch.cat([layer(clip[:, :3])[0], layer(clip[:, 3:])[0]], dim=1)
            require_close(found, wanted, STREAMING[torch.float64], f"{cell}: a reset is no fresh start")


def _drawn(
    cell: Cell, size: tuple[int, int], batch: int = 2, *, grad: bool = False
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Return a frame, a state and the parameters, fp64."""
    generator = torch.Generator().manual_seed(0)

    def normal(shape: Sequence[int], scale: float = 0.4) -> Tensor:
        drawn = scale * torch.randn(tuple(shape), generator=generator, dtype=torch.float64)
        return drawn.requires_grad_(grad)

    def scale(name: str, shape: Sequence[int]) -> float:
        # Sums of many values are kept small, or rounding in them is all that there is to see.
        return min(0.4, cell.fan_in(name) ** -0.5) if len(shape) > 1 else 0.4

    spatial = size[: cell.rank]
    frame, state = (normal((batch, c, *spatial)) for c in (cell.input_channels, cell.state_channels))
    return frame, state, {n: normal(shape, scale(n, shape)) for n, shape in cell.shapes().items()}


def _layer(cell: Cell) -> tuple[ConvRNN, Tensor]:
    """Return a layer of the cell, and two clips."""
    size = (4, 5)[: cell.rank]
    _, _, weights = _drawn(cell, (4, 5))
    generator = torch.Generator().manual_seed(1)
    clip = torch.randn(2, _FRAMES, cell.input_channels, *size, generator=generator, dtype=torch.float64)
    return ConvRNN.from_cells([(cell, weights)]).eval().requires_grad_(False), clip
