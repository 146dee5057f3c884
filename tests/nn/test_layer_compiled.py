"""Layers under torch.compile: one graph, the choice of a kernel made while tracing."""

import subprocess
import sys

import torch

from seqimg.nn import ConvGRU, levels
from tests.nn.layers import clip
from tests.tolerances import relative_error


def test_a_layer_compiles_to_one_graph() -> None:
    layer = ConvGRU(3, 4)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    x = clip(layer, batch=2, frames=3).float()
    outputs, state = layer(x)
    compiled_outputs, compiled_state = compiled(x)
    assert relative_error(compiled_outputs, outputs) < 1e-6
    assert relative_error(compiled_state[0], state[0]) < 1e-6


def test_the_choice_of_a_kernel_is_marked_constant_as_torch_marks_it() -> None:
    marked = vars(torch.compiler.assume_constant_result(lambda: None))
    assert marked == {"_dynamo_marked_constant": True}
    assert vars(levels._choose).items() >= marked.items()


def test_running_a_layer_imports_no_compiler() -> None:
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, torch\n"
            "from seqimg.nn import ConvGRU\n"
            "with torch.inference_mode():\n"
            "    ConvGRU(3, 4, kernel='fused')(torch.rand(1, 2, 3, 8, 8))\n"
            "print('torch._dynamo' in sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "False\n"
