"""What a command says of where it computes."""

from typing import Literal

import torch
from torch import nn

from seqimg.cells import Cell
from seqimg.errors import UnavailableError
from seqimg.kernels import asked_for, explain, offers, select
from seqimg.kernels.signature import signature_of
from seqimg.nn import ConvRNN

__all__ = ["chosen_device", "device_sentence", "kernel_for", "kernel_sentence", "kernels_of"]

_DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


def chosen_device(wanted: Literal["auto", "cpu", "cuda"]) -> torch.device:
    """Return the device to compute on.

    Raises:
        UnavailableError: CUDA was asked for and is not there.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UnavailableError(
            "--device cuda: no CUDA device is there", hint="--device cpu, or seqimg doctor"
        )
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def device_sentence(device: torch.device, wanted: str) -> str:
    """Say which device runs, and why not a faster one.

    Example:
        >>> import torch
        >>> device_sentence(torch.device("cpu"), "cpu").startswith("Computing on the CPU")
        True
    """
    if device.type == "cuda":
        return f"Computing on {torch.cuda.get_device_name(device)}."
    if wanted == "cpu":
        why = "as asked"
    elif torch.version.cuda is None:
        why = "this torch is built without CUDA"
    else:
        why = "no CUDA device is there"
    return f"Computing on the CPU with {torch.get_num_threads()} threads ({why})."


def kernel_sentence(
    model: nn.Module, device: torch.device, precision: str = "fp32", *, streaming: bool = False
) -> str | None:
    """Say which kernel computes each kind of cell in a model, and why not one ranked before it.

    Args:
        model: Any model; None is returned if it has no recurrent layer.
        device: Where it runs.
        precision: Number format, as in the configuration.
        streaming: Whether it gets one frame at a time.

    Raises:
        UnavailableError: `SEQIMG_KERNEL` asks for one that cannot.

    Example:
        >>> from seqimg.nn import ConvGRU
        >>> kernel_sentence(ConvGRU(3, 8), torch.device("cpu")).split(" (")[0]
        'Kernel for conv_gru: fused'
    """
    said = [
        f"{name}: {kernel}" + (f" ({'; '.join(refused)})" if refused else "")
        for name, (kernel, refused) in kernels_of(model, device, precision, streaming=streaming).items()
    ]
    return f"Kernel for {', '.join(said)}." if said else None


def kernels_of(
    model: nn.Module, device: torch.device, precision: str = "fp32", *, streaming: bool = False
) -> dict[str, tuple[str, list[str]]]:
    """Return for each kind of cell in a model the kernel that computes it, and why not one ranked before it.

    Takes and raises what `kernel_sentence` does.
    """
    layers = [module for module in model.modules() if isinstance(module, ConvRNN)]
    cells = {cell.name: cell for layer in layers for cell in layer.cells}
    found = {}
    for name, cell in cells.items():
        op = "step" if streaming and offers(f"{cell.family}.step") else "sequence"
        found[name] = kernel_for(cell, device.type, _DTYPES[precision], op=op)
    return found


def kernel_for(
    cell: Cell, device: str, dtype: str, *, op: str = "sequence", choice: str | None = None
) -> tuple[str, list[str]]:
    """Return the kernel that computes a cell, and for each ranked before it why it does not.

    Raises:
        UnavailableError: None can, or not the one asked for.
    """
    signature = signature_of(cell, device, dtype, op=op)
    select(signature, choice)
    wanted, refused = asked_for(choice), list[str]()
    for candidate in explain(signature):
        spec = candidate.spec
        fits = spec.status == "stable" if wanted == "auto" else spec.name == wanted
        if fits and not candidate.reasons:
            return spec.name, refused
        refused.append(f"{spec.name}: {', '.join(candidate.reasons) or spec.status}")
    return wanted, refused
