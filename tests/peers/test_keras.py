"""Imported Keras cells against Keras itself, where it is installed (the extra `peers`)."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from seqimg.cells.importing import import_cell
from tests.tolerances import IMPORTED, relative_error

# Keras' own, with NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def keras(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """Keras on torch, which otherwise would write its settings into the home directory."""
    home: Path = tmp_path_factory.mktemp("keras")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("KERAS_BACKEND", "torch")
        patch.setenv("KERAS_HOME", str(home))
        yield pytest.importorskip("keras", reason="keras is not installed: pip install seqimg[peers]")


def _randomised(layer: Any, inputs: Tensor) -> dict[str, np.ndarray[Any, Any]]:
    """Build a layer, give it random weights (Keras starts biases at 0 and 1) and return them by name."""
    layer(inputs)
    generator = np.random.default_rng(0)
    layer.set_weights([0.4 * generator.normal(size=part.shape) for part in layer.get_weights()])
    return dict(zip(("kernel", "recurrent_kernel", "bias"), layer.get_weights(), strict=False))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("reset", ["after", "before"])
def test_gru(keras: ModuleType, reset: str, bias: bool) -> None:
    torch.manual_seed(0)
    clip, state = torch.randn(2, 5, 3), torch.randn(2, 4)
    layer = keras.layers.GRU(4, return_sequences=True, reset_after=reset == "after", use_bias=bias)
    weights = _randomised(layer, clip)
    wanted = layer(clip, initial_state=[state])
    cell, ours = import_cell("keras_gru", weights, **({} if bias else {"reset": reset}))
    for time in range(5):
        state = cell.step(cell.project(clip[:, time], ours), state, ours)
        assert relative_error(state, wanted[:, time]) <= IMPORTED[torch.float32]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kernel", [(3, 3), (1, 5)])
def test_conv_lstm(keras: ModuleType, kernel: tuple[int, int], bias: bool) -> None:
    torch.manual_seed(0)
    clip, state = torch.randn(2, 5, 7, 6, 3), torch.randn(2, 8, 7, 6)
    layer = keras.layers.ConvLSTM2D(
        4,
        kernel,
        padding="same",
        return_sequences=True,
        use_bias=bias,
        data_format="channels_last",
    )
    weights = _randomised(layer, clip)
    h, c = state.movedim(1, -1).chunk(2, dim=-1)
    wanted = layer(clip, initial_state=[h, c])
    cell, ours = import_cell("keras_conv_lstm", weights)
    for time in range(5):
        state = cell.step(cell.project(clip[:, time].movedim(-1, 1), ours), state, ours)
        assert relative_error(cell.output(state).movedim(1, -1), wanted[:, time]) <= IMPORTED[torch.float32]
