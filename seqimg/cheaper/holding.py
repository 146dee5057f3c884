"""How much memory a computation holds at once."""

import weakref
from collections.abc import Callable, Mapping
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from seqimg.kernels import use_kernel
from seqimg.training.dryrun import tensors_in

__all__ = ["peak_bytes"]


class _Holding(TorchDispatchMode):
    """Counts the bytes of storages that operations made and that are still held."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.held = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        found = function(*args, **(kwargs or {}))
        taken = {
            t.untyped_storage().data_ptr() for t in tensors_in([list(args), list((kwargs or {}).values())])
        }
        for tensor in tensors_in(found):
            storage = tensor.untyped_storage()
            address, size = storage.data_ptr(), storage.nbytes()
            if size and address not in self._known and address not in taken:
                self._known.add(address)
                self.held += size
                self.peak = max(self.peak, self.held)
                weakref.finalize(storage, self._let_go, address, size)
        return found

    def _let_go(self, address: int, size: int) -> None:
        self._known.discard(address)
        self.held -= size


def peak_bytes(run: Callable[[], object]) -> int:
    """Return the most bytes that a computation's operations hold at once, beside what was there before.

    Recurrent cells compute by their own equations; other kernels may hold less.

    Args:
        run: The computation.

    Example:
        >>> import torch
        >>> here = torch.zeros(100)
        >>> peak_bytes(lambda: (here + 1).exp())
        800
    """
    with use_kernel("reference"), _Holding() as holding:
        kept = run()
    del kept
    peak: int = holding.peak
    return peak
