"""The JSON beside an exported graph: all that is needed to run it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqimg.errors import SeqimgError
from seqimg.export.sizes import Shape, Side
from seqimg.plugins.reports import one_line

__all__ = ["FORMAT", "MAX_BYTES", "Sidecar", "Tensor", "digest", "read_sidecar", "sidecar_path"]

FORMAT = 1
MAX_BYTES = 2 << 30
"""Most bytes of a graph's file, which is what its format can hold."""

_MAX_TEXT = 10_000_000


@dataclass(frozen=True)
class Tensor:
    """A tensor that goes into a graph or comes out of it.

    Attributes:
        name: Its name there.
        dtype: Of numpy, such as `float32`.
        shape: Its shape.
        next: Of the state: the output that is this input for the next frame.
    """

    name: str
    dtype: str
    shape: Shape
    next: str | None = None


@dataclass(frozen=True)
class Sidecar:
    """What is known of an exported graph.

    Attributes:
        frames: The input that takes frames, `[B, 1, C, H, W]`.
        outputs: The output.
        state: The inputs and outputs that carry the state; before the first frame all are zeros.
        record: The whole JSON.
    """

    frames: Tensor
    outputs: Tensor
    state: tuple[Tensor, ...]
    record: Mapping[str, Any]


def sidecar_path(graph: Path) -> Path:
    """Return where the JSON of a graph lies.

    Args:
        graph: The graph's file.

    Example:
        >>> print(sidecar_path(Path("a/model.onnx")))
        a/model.json
    """
    return graph.with_suffix(".json")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file.

    Args:
        path: The file.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def described(tensor: Tensor) -> dict[str, Any]:
    """Return what the JSON says of a tensor."""
    shape = [
        side
        if isinstance(side, int)
        else side.of
        if (side.step, side.times) == (1, 1)
        else {"of": side.of, "step": side.step, "times": side.times}
        for side in tensor.shape
    ]
    names = {"input": tensor.name, "output": tensor.next} if tensor.next else {"name": tensor.name}
    start = {"start": "zeros"} if tensor.next else {}
    return {**names, "dtype": tensor.dtype, "shape": shape, **start}


def read_sidecar(graph: Path) -> Sidecar:
    """Read the JSON beside a graph, and see that it belongs to it.

    Args:
        graph: The graph's file, `.onnx`.

    Raises:
        SeqimgError: One of the two is missing, damaged, or of another export.

    Example:
        >>> read_sidecar(Path("no/such.onnx"))
        Traceback (most recent call last):
        ...
        seqimg.errors.SeqimgError: there is no no/such.onnx
    """
    path = sidecar_path(graph)
    if not graph.is_file():
        raise SeqimgError(f"there is no {graph}")
    if not path.is_file():
        raise SeqimgError(
            f"{path} is missing",
            why="it says what goes into the graph and comes out; export writes it beside it",
        )
    for file, most in ((path, _MAX_TEXT), (graph, MAX_BYTES)):
        if file.stat().st_size > most:
            raise SeqimgError(f"{file} is too large", why=f"{most:,} bytes are the most")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        found = _read(record)
        told = record["file"]["sha256"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SeqimgError(
            f"{path} is no description of an exported graph",
            why=one_line(f"{type(error).__name__}: {error}", 200),
        ) from error
    if told != digest(graph):
        raise SeqimgError(
            f"{graph} is damaged or of another export", why=f"its digest is not the one in {path}"
        )
    return found


def _read(record: Any) -> Sidecar:
    if record["format"] != FORMAT:
        raise ValueError(f"it is of format {record['format']!r:.20}, this seqimg reads {FORMAT}")
    state = tuple(
        Tensor(str(one["input"]), str(one["dtype"]), _shape(one["shape"]), str(one["output"]))
        for one in record["state"]
    )
    frames, outputs = (
        Tensor(str(one["name"]), str(one["dtype"]), _shape(one["shape"]))
        for one in (record["frames"], record["outputs"])
    )
    return Sidecar(frames, outputs, state, record)


def _shape(sides: Any) -> Shape:
    found: list[int | Side] = []
    for side in sides:
        if isinstance(side, int) and not isinstance(side, bool) and side >= 0:
            found.append(side)
            continue
        named = {"of": side} if isinstance(side, str) else side
        one = Side(named["of"], int(named.get("step", 1)), int(named.get("times", 1)))
        if one.of not in ("batch", "height", "width") or min(one.step, one.times) < 1:
            raise ValueError(f"{side!r:.60} is no side of a tensor")
        found.append(one)
    return tuple(found)
