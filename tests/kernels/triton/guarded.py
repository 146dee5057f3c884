"""Operands between guard cells, filled with noise, or poisoned where they are to be written."""

import torch
from torch import Tensor

__all__ = ["Guarded"]

_MARGIN = 256  # elements on either side: a multiple of every alignment that matters
_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32}
# NaNs with a payload nothing computes: a write changes them, and what is read of them spreads.
_GUARD = {torch.bfloat16: 0x7FE5, torch.float16: 0x7FE5, torch.float32: 0x7FE5E5E5, torch.bool: 1}


class Guarded:
    """Makes operands and remembers them.

    Args:
        seed: Of the noise.
        outputs: Names of the operands that are only written: they start as NaN.
        device: Where they live.
    """

    def __init__(self, seed: int = 0, outputs: tuple[str, ...] = (), device: str = "cpu") -> None:
        self._generator = torch.Generator().manual_seed(seed)
        self._outputs = outputs
        self._device = device
        self._buffers: dict[str, Tensor] = {}
        self.tensors: dict[str, Tensor] = {}
        self.before: dict[str, Tensor] = {}

    def __call__(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Return the operand: noise, a share in [0, 1] with zeros in it, or poison."""
        if name in self._outputs:
            values = torch.full(shape, float("nan"))
        elif dtype == torch.bool:
            values = torch.rand(shape, generator=self._generator) < 0.5
        elif name in ("keep", "keep_next", "update"):
            values = torch.rand(shape, generator=self._generator)
            values.view(-1)[0] = 0
        else:
            values = torch.randn(shape, generator=self._generator)
        return self.place(name, values.to(dtype))

    def place(self, name: str, values: Tensor) -> Tensor:
        """Return a copy of `values` between guard cells."""
        size = values.numel()
        bits = _BITS[values.element_size()]
        buffer = torch.full((size + 2 * _MARGIN,), _GUARD[values.dtype], dtype=bits, device=self._device)
        tensor = buffer.view(values.dtype)[_MARGIN : _MARGIN + size].view(values.shape)
        tensor.copy_(values)
        self._buffers[name], self.tensors[name], self.before[name] = buffer, tensor, values.clone()
        return tensor

    def check(self) -> None:
        """Assert that no guard cell was written."""
        for name, buffer in self._buffers.items():
            bits = _GUARD[self.tensors[name].dtype]
            assert bool((buffer[:_MARGIN] == bits).all()), f"written in front of {name}"
            assert bool((buffer[-_MARGIN:] == bits).all()), f"written behind {name}"
