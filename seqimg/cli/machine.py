"""What a command says of where it computes."""

from typing import Literal

import torch

from seqimg.errors import UnavailableError

__all__ = ["chosen_device", "device_sentence"]


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
