"""An exported graph at work in ONNX Runtime."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqimg.errors import SeqimgError
from seqimg.export.graphs import quiet, require_onnx
from seqimg.export.sidecar import Sidecar
from seqimg.export.sizes import sized
from seqimg.export.steps import StepModel
from seqimg.plugins.reports import reason_of

__all__ = ["OnnxStep"]

Arrays = list[NDArray[Any]]


class OnnxStep:
    """A graph that is called as a step is.

    Args:
        graph: The file, or its content.
        about: What is known of it.
        threads: Threads to compute with; as many as torch, if None.

    Raises:
        UnavailableError: ONNX Runtime is not installed.
        SeqimgError: It cannot be loaded, or is not what is said of it.
    """

    def __init__(self, graph: Path | bytes, about: Sidecar, *, threads: int | None = None) -> None:
        require_onnx()
        import onnxruntime

        self.about = about
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or torch.get_num_threads()
        options.log_severity_level = 3
        try:
            with quiet():
                self._session = onnxruntime.InferenceSession(
                    graph if isinstance(graph, bytes) else str(graph),
                    options,
                    providers=["CPUExecutionProvider"],
                )
        except Exception as error:
            raise SeqimgError("ONNX Runtime cannot load the graph", why=reason_of(error)) from error
        wanted = [about.frames.name, *(one.name for one in about.state)]
        found = [one.name for one in self._session.get_inputs()]
        if sorted(found) != sorted(wanted):
            raise SeqimgError(
                "the graph is not the one that is described beside it",
                why=f"it takes {', '.join(found)}, not {', '.join(wanted)}",
            )
        self._outputs = [about.outputs.name, *(one.next for one in about.state)]

    def start(self, frames: NDArray[np.float32]) -> Arrays:
        """Return the state before the first of frames like these.

        Args:
            frames: `[B, 1, C, H, W]`.
        """
        sizes = {"batch": frames.shape[0], "height": frames.shape[3], "width": frames.shape[4]}
        return [np.zeros(sized(one.shape, sizes), one.dtype) for one in self.about.state]

    def inputs(self, frames: NDArray[np.float32], state: Arrays) -> Mapping[str, NDArray[Any]]:
        """Return what the graph is fed.

        Args:
            frames: `[B, 1, C, H, W]`.
            state: What `start` or an earlier call returned.
        """
        named = {one.name: tensor for one, tensor in zip(self.about.state, state, strict=True)}
        return {self.about.frames.name: frames, **named}

    def __call__(self, frames: NDArray[np.float32], state: Arrays) -> tuple[NDArray[Any], Arrays]:
        """Return outputs and the next state.

        Args:
            frames: `[B, 1, C, H, W]`.
            state: What `start` or an earlier call returned.

        Raises:
            SeqimgError: The graph refuses them.
        """
        try:
            outputs, *after = self._session.run(self._outputs, self.inputs(frames, state))
        except Exception as error:
            raise SeqimgError(
                f"the graph refuses frames of shape {tuple(frames.shape)}", why=reason_of(error)
            ) from error
        return outputs, after

    def as_model(self) -> StepModel:
        """Return it as a model of whole clips."""

        def step(frames: Tensor, state: Arrays | None) -> tuple[Tensor, Arrays]:
            array = np.ascontiguousarray(frames.numpy(), dtype=np.float32)
            outputs, after = self(array, self.start(array) if state is None else state)
            return torch.from_numpy(outputs), after

        return StepModel(step, each_frame=bool(self.about.record["outputs"]["each_frame"]))
