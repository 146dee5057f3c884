"""The audit of the Triton kernels: compiled for every GPU that matters, read, and judged, on any machine.

Every launch is recorded from a call of its wrapper with tensors that have no memory, compiled for
each target, and read back from the disassembly. It fails on a spill, on more shared memory than the
target has, on a matrix program without matrix instructions, on a pointwise access that could be
16 bytes wide and is not, and on more bytes moved than the launch says it needs.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatchcase
from multiprocessing import get_context

from seqimg.errors import UsageError, did_you_mean
from seqimg.kernels.audit.build import build
from seqimg.kernels.audit.cases import CALLS
from seqimg.kernels.audit.configurations import Case, cases
from seqimg.kernels.audit.rules import Row, judge
from seqimg.kernels.audit.targets import TARGETS

__all__ = ["Row", "TARGETS", "audit", "count", "examine"]

_FEW = 4  # cases: fewer are done sooner than a process starts


def audit(
    targets: Sequence[str] = tuple(TARGETS),
    kernels: Sequence[str] = ("*",),
    *,
    quick: bool = False,
    processes: int | None = None,
    progress: Callable[[], object] = lambda: None,
) -> list[Row]:
    """Compile and judge every Triton launch.

    Args:
        targets: Names of GPUs.
        kernels: Patterns of the names of the wrappers.
        quick: One configuration of each instead of all.
        processes: How many compile at once; None for one a core, at most four.
        progress: Called after each program.

    Returns:
        A row for each program and target.

    Raises:
        UsageError: A target or kernel is not known.
        UnavailableError: Triton is not installed.

    Example:
        >>> [(row.target, row.failures) for row in audit(["sm_90"], ["reset"], quick=True)]
        [('sm_90', ())]
    """
    work = [(case, target) for case in _chosen(kernels, quick) for target in _known(targets)]
    processes = processes or min(4, os.cpu_count() or 1)
    if processes == 1 or len(work) <= _FEW:
        return list(_watched((examine(*item) for item in work), progress))
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return list(_watched(pool.map(examine, *zip(*work, strict=True), chunksize=4), progress))


def count(targets: Sequence[str], kernels: Sequence[str], *, quick: bool = False) -> int:
    """Return how many programs `audit` would compile."""
    return len(_chosen(kernels, quick)) * len(_known(targets))


def examine(case: Case, target: str) -> Row:
    """Compile and judge one launch for one GPU."""
    gpu = TARGETS[target]
    launch = case.launch(gpu.wave)
    return judge(case.call, case.configuration, launch, gpu, *build(launch, gpu))


def _watched(rows: Iterable[Row], progress: Callable[[], object]) -> Iterable[Row]:
    for row in rows:
        progress()
        yield row


def _known(targets: Sequence[str]) -> Sequence[str]:
    for name in targets:
        if name not in TARGETS:
            raise UsageError(
                f"no target is called {name}",
                why=f"known: {', '.join(TARGETS)}",
                hint=did_you_mean(name, TARGETS),
            )
    return targets


def _chosen(patterns: Sequence[str], quick: bool) -> list[Case]:
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in CALLS):
            raise UsageError(
                f"no Triton kernel is called {pattern}",
                why=f"known: {', '.join(CALLS)}",
                hint=did_you_mean(pattern, CALLS),
            )
    return [case for case in cases(quick) if any(fnmatchcase(case.call, pattern) for pattern in patterns)]
