"""`python -m seqimg.kernels.bench.child SETTINGS`: one training, and the memory it took, printed as JSON."""

import json
import re
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqimg.kernels.allocator import keep_freed_memory, release_freed_memory
from seqimg.kernels.bench.programs import Case, Program, layer_program, naive_program
from seqimg.kernels.bench.shapes import Shape
from seqimg.kernels.bench.timing import Work
from seqimg.kernels.bench.works import training_work
from seqimg.plugins import resolve

__all__ = ["main", "peak_bytes", "saved_bytes"]

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_PEAK_ONLY = "5"  # resets VmHWM, see proc(5)
_SMALL = Shape(1, 2, 8, 8, 8, 8)


def main(settings: dict[str, Any]) -> dict[str, int]:
    """Return the figures of one training."""
    keep_freed_memory()
    dtype, device = getattr(torch, settings["dtype"]), torch.device(settings["device"])
    case = Case(Shape.parse(settings["shape"]), dtype, device, settings["layer"])
    _run_small(case, settings)  # libraries load and compile at first use: not the step's own memory
    if settings["work"] == "truncated":
        work = _truncated(case, settings["frames"], settings["every"])
        return {"peak_bytes": peak_bytes(work, device)}
    work = _training(case, settings)
    return {
        "peak_bytes": peak_bytes(work, device),
        "saved_bytes": saved_bytes(case, _program(case, settings)),
    }


def peak_bytes(work: Work, device: torch.device) -> int:
    """Return how far memory rises while `work` runs."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        return torch.cuda.max_memory_allocated(device) - before
    release_freed_memory()  # or the step would hide in what setting up has left
    with suppress(OSError):
        _CLEAR.write_text(_PEAK_ONLY)
    before = _peak_so_far()
    work()
    return _peak_so_far() - before


def saved_bytes(case: Case, program: Program) -> int:
    """Return the bytes that autograd keeps beyond the inputs and the parameters."""
    x = case.frames(channels_last=program.channels_last[0]).requires_grad_()
    h = case.state(channels_last=program.channels_last[0]).requires_grad_()
    given = {_storage(tensor) for tensor in (x, h, *program.parameters)}
    kept: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[_storage(tensor)] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        program.clip(x, h)
    return sum(t.untyped_storage().nbytes() for storage, t in kept.items() if storage not in given)


def _training(case: Case, settings: dict[str, Any]) -> Work:
    program = _program(case, settings)
    return training_work(case, program, channels_last=program.channels_last[0])


def _program(case: Case, settings: dict[str, Any]) -> Program:
    if settings["kernel"] is None:
        return naive_program(case, channels_last=False)
    return layer_program(case, settings["kernel"], recompute=settings.get("recompute", False))


def _truncated(case: Case, frames: int, every: int) -> Work:
    cell = case.cell()
    layer: Any = resolve(case.layer).from_cells([(cell, case.weights(cell))])
    x = replace(case, shape=replace(case.shape, frames=frames)).frames(channels_last=True)

    def work() -> None:
        for outputs, _ in layer.truncated(x, every):
            outputs.float().square().mean().backward()

    return work


def _run_small(case: Case, settings: dict[str, Any]) -> None:
    small = replace(case, shape=_SMALL)
    _training(small, settings)() if settings["work"] == "step" else _truncated(small, 2, 1)()


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _peak_so_far() -> int:
    with suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text())
        if found:
            return int(found[1]) * 1024
    import resource  # there is none on Windows

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
