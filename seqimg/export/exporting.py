"""From a trained model to a file with its step, and the JSON beside it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from seqimg.errors import SeqimgError, UsageError
from seqimg.export.describing import about_step
from seqimg.export.graphs import require_onnx, save_program, to_onnx, traced
from seqimg.export.measuring import apart, compared
from seqimg.export.precision import Precision, halved, quantised
from seqimg.export.sessions import OnnxStep
from seqimg.export.sidecar import Sidecar, digest, sidecar_path
from seqimg.export.sizes import Shape, Side, shapes_of
from seqimg.export.steps import Step, step_of
from seqimg.modelfolder import LoadedModel
from seqimg.publish import publish_file, write_json

__all__ = ["TOLERANCE", "Exported", "export_model", "in_precision", "write_graph"]

TOLERANCE = 1e-4
"""How far a graph in fp32 may be from torch, as [seqimg.export.measuring.apart][] says."""

Format = Literal["onnx", "torch"]
Frames = Iterator[list[NDArray[np.float32]]]


@dataclass(frozen=True)
class Exported:
    """A step as a graph, checked against torch.

    Attributes:
        step: The step in torch.
        kind: `onnx` or `torch`.
        graph: The ONNX model, or torch's `ExportedProgram`.
        about: What is known of it.
        error: How far it is from torch, at the most, over some frames of noise.
        notes: What people should know, in sentences.
    """

    step: Step
    kind: Format
    graph: Any
    about: Sidecar
    error: float
    notes: tuple[str, ...] = ()
    precision: Precision = "fp32"
    more: dict[str, Any] = field(default_factory=dict)

    def session(self) -> OnnxStep:
        """Return the ONNX graph, ready to run."""
        return OnnxStep(self.graph.SerializeToString(), self.about)


def export_model(
    loaded: LoadedModel,
    kind: Format = "onnx",
    *,
    size: tuple[int, int] | None = None,
    batch: int | None = None,
    task: Any = None,
) -> Exported:
    """Make a graph of a model's step and compare it with the model.

    Frames may have any size and number unless the model, or the way it is written, settles on one; `notes` say so.

    Args:
        loaded: The model.
        kind: The format.
        size: The only height and width of frames, which makes a graph that is smaller; None for any.
        batch: The only number of frames at once; None for any.
        task: The task with another configuration than it was trained with.

    Raises:
        UnavailableError: The packages of the extra `onnx` are missing.
        UsageError: The model takes frames of another size only, or of one that has to be named.
        SeqimgError: The model cannot be exported, or its graph computes something else.
    """
    if kind == "onnx":
        require_onnx()
    task = task or loaded.task
    own = task.frame_size()
    if own is not None and size not in (None, own):
        raise UsageError(f"this model takes frames of {own[1]}×{own[0]} pixels only")
    step = step_of(task, loaded.model)
    fixed, notes = own or size, list[str]()
    if own is not None:
        notes.append(f"Frames have {own[1]}×{own[0]} pixels: the model reads no others.")
    if step.doubled:
        notes.append("The graph computes two beginnings and picks one: the task's state knows none of zeros.")
    shapes = shapes_of(step, fixed)
    if shapes is None and fixed is None:
        raise UsageError(
            "the shapes in this model follow no simple rule from those of the frames",
            why="its graph is for frames of one size",
            hint="--size 128x128",
        )
    if shapes is None:
        raise SeqimgError("the shapes in this model follow no simple rule from the number of frames at once")
    try:
        return _exported(loaded, task, step, kind, fixed, batch, shapes, tuple(notes))
    except SeqimgError as error:
        if fixed is not None:
            raise
        raise SeqimgError(
            error.message, why=error.why, hint="--size 128x128 for frames of one size, which is simpler"
        ) from error


def in_precision(found: Exported, precision: Precision, frames: Callable[[], Frames]) -> Exported:
    """Return an ONNX graph in fewer bits.

    Args:
        found: The graph in fp32.
        precision: How many bits.
        frames: Returns clips to see the size of numbers from, for int8.

    Raises:
        SeqimgError: It cannot be converted.
    """
    import onnx

    if precision == "fp32":
        return found
    copy = onnx.ModelProto()
    copy.CopyFrom(found.graph)
    if precision == "fp16":
        return Exported(found.step, "onnx", halved(copy), found.about, found.error, found.notes, precision)
    runner = found.session()

    def fed() -> Iterator[Any]:
        for clip in frames():
            state: list[NDArray[Any]] | None = None
            for array in clip:
                state = runner.start(array) if state is None else state
                yield runner.inputs(array, state)
                state = runner(array, state)[1]

    return Exported(
        found.step, "onnx", quantised(copy, fed()), found.about, found.error, found.notes, precision
    )


def write_graph(found: Exported, path: Path, *, overwrite: bool = False) -> dict[str, Any]:
    """Write a graph and the JSON beside it; return the JSON.

    Args:
        found: The graph.
        path: The graph's file; the JSON has its name with `.json`.
        overwrite: Whether what is there is replaced.

    Raises:
        SeqimgError: They cannot be written.
    """
    with publish_file(path, overwrite=overwrite) as temporary:
        if found.kind == "onnx":
            temporary.write_bytes(found.graph.SerializeToString())
        else:
            save_program(found.graph, temporary)
        size, sha256 = temporary.stat().st_size, digest(temporary)
    file = {
        "name": path.name,
        "bytes": size,
        "sha256": sha256,
        "kind": found.kind,
        "precision": found.precision,
    }
    if found.kind == "onnx":
        file["opset"] = max(one.version for one in found.graph.opset_import if one.domain in ("", "ai.onnx"))
    record = {**found.about.record, "file": file, **found.more}
    with publish_file(sidecar_path(path), overwrite=overwrite) as temporary:
        write_json(temporary, record)
    return record


def _exported(
    loaded: LoadedModel,
    task: Any,
    step: Step,
    kind: Format,
    fixed: tuple[int, int] | None,
    batch: int | None,
    shapes: list[Shape],
    notes: tuple[str, ...],
) -> Exported:
    if batch is not None:
        shapes = [tuple(_settled(side, batch) for side in shape) for shape in shapes]
    about = about_step(loaded, task, step, fixed, batch, shapes, notes)
    program = traced(step, fixed, batch)
    graph = program
    if kind == "onnx":
        state = about.state
        names = [
            about.frames.name,
            *(one.name for one in state),
            about.outputs.name,
            *(str(one.next) for one in state),
        ]
        inside = [one.shape for one in state]
        graph = to_onnx(program, names, [about.frames.shape, *inside, about.outputs.shape, *inside])
    found = Exported(step, kind, graph, about, 0.0, notes)
    error = max(_error(found, *sizes) for sizes in _trials(fixed, batch))
    if not error <= TOLERANCE:
        raise SeqimgError(
            "the graph computes something else than the model",
            why=f"they are {error:.3g} apart, {TOLERANCE:g} is the most",
        )
    return Exported(step, kind, graph, about, error, notes)


def _trials(fixed: tuple[int, int] | None, batch: int | None) -> list[tuple[int, tuple[int, int]]]:
    if fixed is not None:
        return [(batch or 1, fixed), *([] if batch else [(3, fixed)])]
    return [(batch or 1, (64, 96)), (batch or 3, (61, 83))]


def _error(found: Exported, batch: int, size: tuple[int, int]) -> float:
    generator = np.random.default_rng(0)
    shape = (batch, 1, found.step.channels, *size)
    frames = [generator.random(shape, dtype=np.float32) for _ in range(3)]
    if found.kind == "onnx":
        return max(compared(found.step, found.session(), frames).apart)
    program, error, ours = found.graph.module(), 0.0, None
    theirs = found.step.start(torch.from_numpy(frames[0]))
    with torch.inference_mode():
        for frame in map(torch.from_numpy, frames):
            outputs, ours = found.step.module(frame, ours)
            result, *theirs = program(frame, *theirs)
            pairs = zip([outputs, *found.step.layout.flat(ours)], [result, *theirs], strict=True)
            error = max(error, *(apart(*pair) for pair in pairs))
    return error


def _settled(side: int | Side, batch: int) -> int | Side:
    return side.length({"batch": batch}) if isinstance(side, Side) and side.of == "batch" else side
