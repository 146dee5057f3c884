"""`seqimg model profile`."""

from dataclasses import asdict
from pathlib import Path
from typing import Literal

from seqimg import modelfolder
from seqimg.cheaper.profiling import Profile, profile
from seqimg.cli.machine import chosen_device, device_sentence, kernel_sentence
from seqimg.cli.output import Table, command, output

__all__ = ["bytes_in_words", "show_profile"]

_SIDE = 128
_UNITS = ("bytes", "kB", "MB", "GB")


def show_profile(model: Path, size: tuple[int, int] | None, device: Literal["auto", "cpu", "cuda"]) -> None:
    """Print what one frame costs a model.

    Args:
        model: Its folder.
        size: Height and width of the frames; None for a square of the size it was trained for.
        device: Where to compute.

    Raises:
        SeqimgError: The model cannot be read, or takes no such frames.
    """
    where = chosen_device(device)
    loaded = modelfolder.load(model, device=where)
    side = loaded.config.size or _SIDE
    found = profile(loaded.task, loaded.model, size or loaded.task.frame_size() or (side, side), where)
    kernel = kernel_sentence(loaded.model, where, streaming=True)
    computing = device_sentence(where, device)
    for line in filter(None, (computing, kernel)):
        output().say(line)
    unused = f", {found.unused:,} of them of networks that no frame needs" if found.unused else ""
    output().say(
        f"Frames of {found.width}×{found.height} pixels, one after another; {found.parameters:,} parameters{unused}."
    )
    output().say(
        f"Memory: {bytes_in_words(found.state_bytes)} of state from frame to frame,"
        f" {bytes_in_words(found.activation_bytes)} of activations within one at the most."
    )
    output().say(
        f"Recurrent cells take {found.cell_time:.0%} of the time"
        f" and {found.cell_multiply_adds:.0%} of the multiply-adds."
    )
    output().data(
        {
            "task": loaded.task.name,
            "model": str(model),
            "device": computing,
            "kernel": kernel,
            **asdict(found),
        },
        _table(found),
    )
    if "cell" in type(loaded.config).model_fields:
        small = f"{model.name}-small"
        output().hint(
            command("seqimg", "model", "shrink", model, "--cell", "depthwise_conv_gru", "-o", small)
        )


def bytes_in_words(count: float) -> str:
    """Return a number of bytes for people.

    Args:
        count: Bytes.

    Example:
        >>> bytes_in_words(1_234_567)
        '1.23 MB'
    """
    for unit in _UNITS:
        if count < 1000 or unit == _UNITS[-1]:
            break
        count /= 1000
    return f"{count:.3g} {unit}"


def _table(found: Profile) -> Table:
    lines = [
        [
            part.name,
            "yes" if part.recurrent else "",
            f"{part.parameters:,}",
            f"{part.multiply_adds / 1e6:.4g}",
            f"{part.milliseconds:.3g}",
            f"{part.milliseconds / found.milliseconds:.0%}",
        ]
        for part in found.parts
    ]
    total = [
        "all",
        "",
        f"{found.parameters - found.unused:,}",
        f"{found.multiply_adds / 1e6:.4g}",
        f"{found.milliseconds:.3g}",
        "100%",
    ]
    return Table(["part", "recurrent", "parameters", "M multiply-adds", "ms", "share"], [*lines, total])
