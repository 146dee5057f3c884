"""Imported cells compute what the originals compute, over five steps."""

import pytest
import torch
from torch import Tensor
from torch.nn.utils.parametrizations import spectral_norm

from seqimg.cells.importing import KINDS, Imported, import_cell, stack_gate_maps
from tests.cells.importing.projects import CONVOLUTIONAL, DENSE, Parameters, Project, Step, dgmr
from tests.tolerances import IMPORTED, relative_error

STEPS = 5


def draw(shapes: dict[str, tuple[int, ...]], dtype: torch.dtype, seed: int = 0) -> dict[str, Tensor]:
    """Random parameters of the size that training leaves: pre-activations of unit scale."""
    generator = torch.Generator().manual_seed(seed)

    def fan_in(name: str, shape: tuple[int, ...]) -> int:
        outputs = shape[-1] if "kernel" in name else shape[0]  # Keras has its outputs last
        return 1 if name.endswith("bias") else torch.Size(shape).numel() // outputs

    return {
        name: torch.randn(shape, generator=generator, dtype=dtype) / fan_in(name, shape) ** 0.5
        for name, shape in shapes.items()
    }


def run(imported: Imported, clip: Tensor, state: Tensor, bias: Tensor | float = 0.0) -> list[Tensor]:
    cell, weights = imported
    states = []
    for frame in clip:
        state = cell.step(cell.project(frame, weights) + bias, state, weights)
        states.append(state)
    return states


def originals(step: Step, parameters: Parameters, clip: Tensor, state: Tensor) -> list[Tensor]:
    states = []
    for frame in clip:
        state = step(parameters, frame, state)
        states.append(state)
    return states


def agree(found: list[Tensor], wanted: list[Tensor]) -> None:
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours.dtype is theirs.dtype
        assert relative_error(ours, theirs) <= IMPORTED[ours.dtype]


def test_every_kind_is_tested_here() -> None:
    assert {project.kind for project in CONVOLUTIONAL + DENSE} | {"torch_gru"} == set(KINDS)


@pytest.mark.parametrize("project", CONVOLUTIONAL, ids=str)
@pytest.mark.parametrize(
    ("x", "c", "size", "kernel"),
    [(3, 4, (7, 9), 3), (1, 1, (1, 1), 5), (16, 24, (5, 1), 3), (5, 2, (2, 11), 1)],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_convolutional_cells(
    project: Project, x: int, c: int, size: tuple[int, int], kernel: int, dtype: torch.dtype
) -> None:
    x = c if project.equal_channels else x
    parameters = draw(project.shapes(x, c, kernel if kernel in project.kernels else 3), dtype)
    imported = import_cell(project.kind, parameters)
    assert (imported.cell.input_channels, imported.cell.hidden_channels) == (x, c)
    generator = torch.Generator().manual_seed(1)
    clip = torch.randn(STEPS, 2, x, *size, generator=generator, dtype=dtype)
    state = torch.randn(2, project.state_parts * c, *size, generator=generator, dtype=dtype)
    agree(run(imported, clip, state), originals(project.step, parameters, clip, state))


@pytest.mark.parametrize("project", DENSE, ids=str)
@pytest.mark.parametrize(("x", "c"), [(3, 4), (1, 1), (16, 5)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dense_cells(project: Project, x: int, c: int, dtype: torch.dtype) -> None:
    parameters = draw(project.shapes(x, c, 1), dtype)
    imported = import_cell(project.kind, parameters, **project.options)
    generator = torch.Generator().manual_seed(1)
    clip = torch.randn(STEPS, 2, x, generator=generator, dtype=dtype)
    state = torch.randn(2, c, generator=generator, dtype=dtype)
    agree(run(imported, clip, state), originals(project.step, parameters, clip, state))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dgmr_with_its_spectral_norm(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x, c = 5, 6
    names = ("read_gate_conv", "update_gate_conv", "output_conv")
    convolutions = torch.nn.ModuleDict({name: torch.nn.Conv2d(x + c, c, 3) for name in names}).to(dtype)
    for convolution in convolutions.values():
        spectral_norm(convolution, eps=1e-4)  # in place, as the original does
    convolutions.eval()
    normed = {f"{name}.weight": convolutions[name].weight for name in names}
    normed |= {f"{name}.bias": convolutions[name].bias for name in names}
    assert "read_gate_conv.parametrizations.weight.0._u" in convolutions.state_dict()
    clip, state = torch.randn(STEPS, 2, x, 7, 5, dtype=dtype), torch.rand(2, c, 7, 5, dtype=dtype)
    imported = import_cell("dgmr", convolutions.state_dict())
    agree(run(imported, clip, state), originals(dgmr, normed, clip, state))


def test_raft_stereos_maps_are_a_gate_bias() -> None:
    parameters = draw({f"conv{gate}.weight": (4, 7, 3, 3) for gate in "zrq"}, torch.float32)
    parameters |= draw({f"conv{gate}.bias": (4,) for gate in "zrq"}, torch.float32, seed=1)
    generator = torch.Generator().manual_seed(2)
    cz, cr, cq = torch.randn(3, 2, 4, 5, 7, generator=generator)
    clip = torch.randn(STEPS, 2, 3, 5, 7, generator=generator)
    state = torch.randn(2, 4, 5, 7, generator=generator)

    def step(p: Parameters, x: Tensor, h: Tensor) -> Tensor:
        def conv(gate: str, state: Tensor) -> Tensor:
            both = torch.cat([state, x], dim=1)
            return torch.conv2d(both, p[f"conv{gate}.weight"], p[f"conv{gate}.bias"], padding=1)

        z, r = torch.sigmoid(conv("z", h) + cz), torch.sigmoid(conv("r", h) + cr)
        return (1 - z) * h + z * torch.tanh(conv("q", r * h) + cq)

    imported = import_cell("raft_stereo", parameters)
    found = run(imported, clip, state, stack_gate_maps(cz, cr, cq))
    agree(found, originals(step, parameters, clip, state))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torchs_gru_layer_by_layer(bias: bool, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    gru = torch.nn.GRU(3, 4, num_layers=3, bias=bias, dtype=dtype)
    clip, states = torch.randn(STEPS, 2, 3, dtype=dtype), torch.randn(3, 2, 4, dtype=dtype)
    wanted, last = gru(clip, states)
    for layer in range(3):
        outputs = run(import_cell("torch_gru", gru.state_dict(), layer=layer), clip, states[layer])
        agree(outputs[-1:], [last[layer]])
        clip = torch.stack(outputs)
    agree(list(clip), list(wanted))


def test_torchs_gru_in_both_directions() -> None:
    torch.manual_seed(0)
    gru = torch.nn.GRU(3, 4, bidirectional=True)
    clip, state = torch.randn(STEPS, 2, 3), torch.zeros(2, 4)
    wanted = gru(clip)[0]
    forward = run(import_cell("torch_gru", gru.state_dict()), clip, state)
    backward = run(import_cell("torch_gru", gru.state_dict(), reverse=True), clip.flip(0), state)
    agree(forward, list(wanted[:, :, :4]))
    agree(backward[::-1], list(wanted[:, :, 4:]))


def test_torchs_gru_cell() -> None:
    torch.manual_seed(0)
    gru = torch.nn.GRUCell(3, 4)
    clip, state = torch.randn(STEPS, 2, 3), torch.randn(2, 4)
    imported = import_cell("torch_gru", gru.state_dict())
    agree(run(imported, clip, state), originals(lambda _, x, h: gru(x, h), {}, clip, state))
