"""Every call in the configurations that differ in machine code."""

from dataclasses import dataclass

import torch

from seqimg.kernels.audit.cases import CALLS, Operands, Size, Variant, meta
from seqimg.kernels.triton_gates.launch import Launch, record

__all__ = ["Case", "cases"]

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32, "tf32": torch.float32}
_LARGE = Size(8, 64, 64, 64)  # training
_SMALL = Size(1, 16, 16, 64)  # streaming: programs of one warp
_ODD = Size(1, 16, 16, 13)  # no alignment to make use of
_CONFIGURATIONS: tuple[tuple[str, Variant, Size], ...] = (
    ("bf16", "full", _SMALL),
    ("bf16", "plain", _LARGE),
    ("bf16", "each", _LARGE),
    ("bf16", "full", _ODD),
    ("fp16", "full", _LARGE),
    ("fp32", "full", _LARGE),
    ("fp32", "plain", _SMALL),
    ("tf32", "full", _LARGE),
)

_WITHOUT_UPDATE = ("reset", "reset_backward", "conv_reset", "conv_reset_backward", "conv_gates_backward")


@dataclass(frozen=True)
class Case:
    """One launch in one configuration.

    Attributes:
        call: Its name in `CALLS`.
        dtype: Name of the data type, or tf32.
        variant: Which optional operands there are.
        size: Of the problem.
    """

    call: str
    dtype: str
    variant: Variant
    size: Size

    @property
    def configuration(self) -> str:
        """The configuration in words."""
        b, h, w, c, _ = self.size
        return f"{self.dtype} {self.variant} {b}x{h}x{w}x{c}"

    def launch(self, lanes: int) -> Launch:
        """Return the launch for a GPU with warps of that many lanes."""
        with record(lanes) as launches:
            CALLS[self.call](
                Operands(meta, self.size, _DTYPES[self.dtype], self.variant, tf32=self.dtype == "tf32")
            )
        (launch,) = launches
        return launch


def cases(quick: bool = False) -> list[Case]:
    """Return the cases: every call in every configuration, or in the fullest one.

    Tanh stands for all activations: the others do less.
    """
    configurations = _CONFIGURATIONS[:1] if quick else _CONFIGURATIONS
    found = [Case(call, *configuration) for call in CALLS for configuration in configurations]
    return [case for case in found if _differs(case)]


def _differs(case: Case) -> bool:
    """Return whether the configuration is another than those before it: some calls ignore what it sets."""
    if case.dtype == "tf32":
        return case.call.startswith("conv_")
    return case.variant != "each" or case.call not in _WITHOUT_UPDATE
