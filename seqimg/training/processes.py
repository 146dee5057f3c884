"""The processes of one run: which of them this is, and what they tell each other.

Every function may be called where there is only one process, and then costs nothing.
"""

import atexit
import json
import os
from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from seqimg.errors import SeqimgError

__all__ = ["gather", "is_main", "join", "leave", "on_main", "rank", "share", "total", "world"]


def join(device: str) -> None:
    """Meet the other processes that `torchrun` or `accelerate launch` started; nothing if there are none.

    Args:
        device: `auto`, `cpu` or `cuda`.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not _together():
        from accelerate import PartialState

        PartialState(cpu=on_cpu(device))
        # However the process ends: threads of gloo that are left abort it.
        atexit.register(leave)


def leave() -> None:
    """Part from the other processes, at the end of a command."""
    if _together():
        dist.destroy_process_group()


def on_cpu(device: str) -> bool:
    """Whether a run with this `device` computes on the CPU."""
    return device == "cpu" or not torch.cuda.is_available()


def world() -> int:
    """Return the number of processes."""
    return dist.get_world_size() if _together() else 1


def rank() -> int:
    """Return the number of this process, from 0."""
    return dist.get_rank() if _together() else 0


def is_main() -> bool:
    """Whether this is the process that writes and speaks."""
    return rank() == 0


def total(values: Sequence[float]) -> list[float]:
    """Return the sums of each value over all processes."""
    if world() == 1:
        return list(values)
    sums = torch.tensor(values, dtype=torch.float64, device=_device())
    with _Connection():
        dist.all_reduce(sums)
    summed: list[float] = sums.tolist()
    return summed


def gather(value: Any) -> list[Any]:
    """Return what each process gave, in their order; plain values, as in JSON."""
    if world() == 1:
        return [value]
    # Not as objects: torch would pickle them.
    content = torch.tensor(list(json.dumps(value).encode()), dtype=torch.uint8, device=_device())
    with _Connection():
        sizes = [torch.zeros(1, dtype=torch.int64, device=_device()) for _ in range(world())]
        dist.all_gather(sizes, torch.tensor([len(content)], device=_device()))
        longest = int(max(int(size) for size in sizes))
        padded = torch.zeros(longest, dtype=torch.uint8, device=_device())
        padded[: len(content)] = content
        found = [torch.zeros_like(padded) for _ in range(world())]
        dist.all_gather(found, padded)
    return [json.loads(_bytes(part[: int(size)])) for part, size in zip(found, sizes, strict=True)]


def share(value: Any) -> Any:
    """Return what the main process gave."""
    return gather(value if is_main() else None)[0]


class on_main:  # noqa: N801 -- reads as a statement
    """A block in which only the main process does something; if it fails there, all fail with its message.

    Example:
        >>> with on_main() as here:
        ...     if here:
        ...         print("written once")
        written once
    """

    def __enter__(self) -> bool:
        return is_main()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if world() == 1 or (error is not None and not isinstance(error, SeqimgError)):
            return
        told = None if error is None else [error.message, error.why, error.hint]
        told = share(told)
        if told is not None and error is None:
            raise SeqimgError(told[0], why=told[1], hint=told[2])


class _Connection:
    """Says in plain words that another process is gone."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, RuntimeError):
            raise SeqimgError(
                f"process {rank()} of {world()} cannot go on alone",
                why="another process of this run has ended; it says why",
            ) from error


def _together() -> bool:
    return dist.is_available() and dist.is_initialized()


def _device() -> torch.device:
    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")


def _bytes(content: Tensor) -> bytes:
    return bytes(content.cpu().tolist())
