"""What kernels are as operators of torch."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from tests.kernels.calls import Call, Kernel


class _Recorder(TorchDispatchMode):
    """Notes what the operators of kernels are called with."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: dict[Any, tuple[Any, ...]] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func.namespace == "seqimg":
            self.calls[func] = args
        return func(*args, **(kwargs or {}))


def check_contract(call: Call, kernel: Kernel) -> None:
    """Check that `kernel` is one operator forward and one back, and that both are what they say they are."""
    with _Recorder() as recorder:
        call.everything(kernel)
    assert len(recorder.calls) == 2, "one operator forward and one back"
    for operator, arguments in recorder.calls.items():
        differentiable = not str(operator).endswith("_backward.default")

        def leaf(tensor: Tensor, differentiable: bool = differentiable) -> Tensor:
            return tensor.detach().requires_grad_(differentiable and tensor.requires_grad)

        torch.library.opcheck(operator, tree_map_only(Tensor, leaf, arguments))
