"""From a step to a graph: torch's own, and ONNX."""

import logging
import operator
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import torch
from torch import Tensor

from seqimg.errors import SeqimgError, UnavailableError
from seqimg.export.sizes import Shape, Side
from seqimg.export.steps import Step
from seqimg.kernels import use_kernel
from seqimg.plugins.reports import reason_of

__all__ = ["quiet", "require_onnx", "save_program", "to_onnx", "traced"]

_EXAMPLE = {"batch": 2, "height": 53, "width": 71}  # no two alike, and no round numbers


def require_onnx() -> None:
    """Refuse to go on without the packages of the extra `onnx`.

    Raises:
        UnavailableError: One is missing.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UnavailableError(
            "ONNX needs packages that are not installed", why=str(error), hint="pip install 'seqimg[onnx]'"
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Have torch and the packages of ONNX keep their remarks to themselves."""
    loggers = [
        logging.getLogger(name)
        for name in ("torch.onnx", "onnxscript", "onnx_ir", "torch.export", "root", "")
    ]
    before = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def traced(step: Step, fixed: tuple[int, int] | None, batch: int | None) -> Any:
    """Return a step as torch's `ExportedProgram`.

    Args:
        step: The step.
        fixed: The only height and width of frames, or None for any.
        batch: The only number of frames at once, or None for any.

    Raises:
        SeqimgError: Its operations cannot be followed, or it takes fewer sizes than was asked for.
    """
    sizes = dict(_EXAMPLE)
    if fixed is not None:
        sizes |= {"height": fixed[0], "width": fixed[1]}
    if batch is not None:
        sizes["batch"] = batch
    generator = torch.Generator().manual_seed(0)
    frames = torch.rand(
        sizes["batch"], 1, step.channels, sizes["height"], sizes["width"], generator=generator
    )
    state = step.start(frames)
    auto = torch.export.Dim.AUTO
    free = {0: auto} if batch is None else {}
    moving = dict.fromkeys((3, 4), auto) if fixed is None else {}
    given = [{**free, **moving}, *({**free, **_spatial(tensor, auto, fixed)} for tensor in state)]
    try:
        with quiet(), use_kernel("reference"), torch.no_grad():
            program: Any = torch.export.export(
                step.flat(),
                (frames, *state),
                dynamic_shapes=(given[0], tuple(given[1:])) if state else (given[0],),
                strict=False,
            )
    except SeqimgError:
        raise
    except Exception as error:
        raise SeqimgError("torch.export cannot follow the model", why=reason_of(error)) from error
    _check_free(program, given)
    return program


def to_onnx(program: Any, names: Sequence[str], shapes: Sequence[Shape]) -> Any:
    """Return a program as an ONNX model.

    Args:
        program: What `traced` returned.
        names: Of frames, the state's inputs, outputs, the state's outputs.
        shapes: Of the same.

    Raises:
        SeqimgError: There is no ONNX for one of its operations.
    """
    inputs = len(names) // 2
    try:
        with quiet(), torch.no_grad():
            found = torch.onnx.export(
                program,
                dynamo=True,
                verbose=False,
                external_data=False,
                input_names=list(names[:inputs]),
                output_names=list(names[inputs:]),
                custom_translation_table={operator.floordiv: _floor_divided()},
            )
            model: Any = found.model_proto  # type: ignore[union-attr]
    except Exception as error:
        raise SeqimgError("the model cannot be said in ONNX", why=reason_of(error)) from error
    by_name = dict(zip(names, shapes, strict=True))
    for tensor in (*model.graph.input, *model.graph.output):
        dims = tensor.type.tensor_type.shape.dim
        for dim, side in zip(dims, by_name[tensor.name], strict=True):
            if isinstance(side, Side):
                dim.dim_param = str(side)
            else:
                dim.dim_value = side
    del model.graph.value_info[:]  # it has other words for the same lengths
    _strip(model)
    return model


def _strip(model: Any) -> None:
    """Take out where in whose files each operation was found: it is most of a small graph, and nobody's business."""
    for owner in (model, model.graph, *model.functions):
        del owner.metadata_props[:]
    graph = model.graph
    nodes = [*graph.node, *(node for function in model.functions for node in function.node)]
    for part in (*nodes, *graph.input, *graph.output, *graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]


def save_program(program: Any, path: Path) -> None:
    """Write torch's program as a `.pt2` file without anything pickled in it.

    Args:
        program: What `traced` returned.
        path: The file.

    Raises:
        SeqimgError: It cannot be written that way.
    """
    program._example_inputs = None  # would be pickled, and nobody needs them
    with quiet():
        torch.export.save(program, path)
    with ZipFile(path) as archive:
        for name in archive.namelist():
            pickled = name.endswith(".pt") and archive.getinfo(name).file_size > 0
            told = name.endswith("_config.json") and b'"use_pickle": true' in archive.read(name)
            if pickled or told:
                raise SeqimgError(
                    "torch would pickle a part of this model",
                    why=f"{name} in its file; seqimg writes no pickle",
                )


def _spatial(tensor: Tensor, auto: Any, fixed: tuple[int, int] | None) -> dict[int, Any]:
    return {} if fixed is not None else dict.fromkeys(range(2, tensor.ndim), auto)


def _check_free(program: Any, given: Sequence[dict[int, Any]]) -> None:
    """Refuse a program that settled a length which was to stay open."""
    named = set(program.graph_signature.user_inputs)
    placeholders = [node for node in program.graph.nodes if node.op == "placeholder" and node.name in named]
    frames = placeholders[0].meta["val"]
    for axis in given[0]:
        if isinstance(frames.shape[axis], int):
            what = {0: "batch", 3: "height", 4: "width"}[axis]
            raise SeqimgError(f"the model's operations settle on one {what}, {frames.shape[axis]}")


def _floor_divided() -> Any:
    """Return what `//` is in ONNX, whose own division cuts towards zero."""
    from onnxscript import opset18

    def floor_divided(a: Any, b: Any) -> Any:
        return opset18.Div(opset18.Sub(a, opset18.Mod(a, b)), b)

    return floor_divided
