"""What is said of a graph in the JSON beside it."""

import platform
from typing import Any

import torch

from seqimg import __version__
from seqimg.export.sidecar import FORMAT, Sidecar, Tensor, described
from seqimg.export.sizes import Shape, Side
from seqimg.export.steps import Step
from seqimg.modelfolder import LoadedModel

__all__ = ["about_step"]


def about_step(
    loaded: LoadedModel,
    task: Any,
    step: Step,
    fixed: tuple[int, int] | None,
    batch: int | None,
    shapes: list[Shape],
    notes: tuple[str, ...],
) -> Sidecar:
    """Describe a step's graph.

    Args:
        loaded: The model.
        task: Its task.
        step: The step.
        fixed: The only height and width of frames, or None.
        batch: The only number of frames at once, or None.
        shapes: Of the outputs and of the state's tensors.
        notes: What people should know.
    """
    height, width = fixed or (Side("height"), Side("width"))
    dtypes = [str(tensor.dtype).removeprefix("torch.") for tensor in step.layout.zeros()]
    frames = Tensor("frames", "float32", (batch or Side("batch"), 1, step.channels, height, width))
    outputs = Tensor("outputs", "float32", shapes[0])
    state = tuple(
        Tensor(name, dtype, shape, f"next_{name}")
        for name, dtype, shape in zip(step.layout.names, dtypes, shapes[1:], strict=True)
    )
    record = {
        "format": FORMAT,
        "seqimg": __version__,
        "task": task.name,
        "plugin": loaded.record.get("plugin"),
        "frames": described(frames),
        "outputs": {**described(outputs), "each_frame": step.each_frame, "meaning": task.outputs_about()},
        "state": [described(one) for one in state],
        "preprocessing": {**loaded.record.get("preprocessing", {}), "layout": "B,1,C,H,W"},
        "labels": list(loaded.labels),
        "config": task.config.model_dump(mode="json"),
        "weights": loaded.record.get("weights", {}).get("sha256"),
        "notes": list(notes),
        "versions": _versions(),
    }
    return Sidecar(frames, outputs, state, record)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "torch": torch.__version__}
    try:
        import onnx
        import onnxruntime
    except ImportError:
        return found
    return {**found, "onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__}
