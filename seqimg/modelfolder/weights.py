"""`model.safetensors`: checked down to the last byte before anything of its size is allocated."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from seqimg.errors import SeqimgError
from seqimg.modelfolder.record import CONFIG, check_own
from seqimg.plugins.reports import one_line
from seqimg.tensorfiles import TensorFile, damaged, open_tensors

__all__ = ["WEIGHTS", "Weights", "open_weights", "packed"]

WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class Weights:
    """An open weights file whose header was read.

    Attributes:
        shapes: Shape of each tensor by name.
    """

    shapes: Mapping[str, tuple[int, ...]]
    _file: TensorFile
    _sha256: object

    def read(self) -> dict[str, Tensor]:
        """Read all tensors, on the CPU.

        Raises:
            SeqimgError: The file is damaged, is not the one its configuration names, or holds NaN or infinity.
        """
        content, path = self._file.content(), self._file.path
        if hashlib.sha256(content).hexdigest() != self._sha256:
            raise SeqimgError(
                f"{path} is damaged or of another model", why=f"its digest is not the one in {CONFIG}"
            )
        try:
            tensors: dict[str, Tensor] = load_tensors(content)
        except SafetensorError as error:
            raise damaged(path, str(error)) from error
        for name, tensor in tensors.items():
            if not _finite(tensor):
                raise damaged(path, f"{name} holds values that are not finite")
        return tensors


def packed(weights: Mapping[str, Tensor]) -> tuple[bytes, dict[str, object]]:
    """Return the bytes of a weights file, and what `config.json` says of it.

    Raises:
        SeqimgError: A weight is not finite.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    for name, tensor in tensors.items():
        if not _finite(tensor):
            raise SeqimgError(
                f"the weights in {name} are not finite", why="such a model is of no use and is not saved"
            )
    content = save_tensors(tensors)
    digest = hashlib.sha256(content).hexdigest()
    return content, {"file": WEIGHTS, "bytes": len(content), "sha256": digest}


@contextmanager
def open_weights(folder: Path, expected: Mapping[str, Any]) -> Iterator[Weights]:
    """Open the weights file of a model folder and check its size and header.

    It is read, not mapped into memory: a file that shrinks meanwhile is an error, not a crash.

    Args:
        folder: The model folder.
        expected: What `config.json` says of the file: `bytes` and `sha256`.

    Raises:
        SeqimgError: It cannot be read, has another size, or its header is not one.
    """
    path = folder / WEIGHTS
    try:
        check_own(path)
    except ValueError as error:
        raise SeqimgError(f"cannot read {path}", why=str(error)) from error

    def check(size: int) -> None:
        if size != expected.get("bytes"):
            stated = expected.get("bytes", "nothing")
            raise damaged(path, f"it has {size} bytes, {CONFIG} says {one_line(str(stated), 30)}")

    with open_tensors(path, check) as file:
        yield Weights(file.shapes, file, expected.get("sha256"))


def _finite(tensor: Tensor) -> bool:
    if not tensor.is_floating_point():
        return True
    wide = tensor.float() if tensor.element_size() == 1 else tensor  # torch asks no such question of one byte
    return bool(torch.isfinite(wide).all())
