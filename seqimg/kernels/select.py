"""Which kernel computes a call, and why not another.

The choice is made from a hashable signature, outside anything that is traced, and cached.
Precedence: the call's own argument, then `use_kernel(...)`, then `SEQIMG_KERNEL`, then automatic.
A kernel that was asked for by name and cannot serve the call is an error that lists every reason;
automatic choice takes the stable kernel of highest priority that can.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, cast

from seqimg.errors import UnavailableError, did_you_mean
from seqimg.plugins import KernelSpec, resolve
from seqimg.plugins.manager import plugin_host

__all__ = ["CallSignature", "Candidate", "asked_for", "explain", "offers", "select", "use_kernel"]

Kernel = Callable[..., Any]
_CHOICE: ContextVar[str | None] = ContextVar("seqimg_kernel", default=None)


@dataclass(frozen=True)
class CallSignature:
    """What a choice may depend on.

    Attributes:
        op: The op, for example `"conv_gru.sequence"`.
        device: Device type, `"cpu"` or `"cuda"`.
        dtype: dtype name without the prefix, for example `"float32"`.
        options: The cell's own attributes as pairs (kernel size, reset, …).
        features: What of [seqimg.kernels.Controls][] is in use, for example `("keep",)`.

    Example:
        >>> CallSignature("conv_gru.sequence", "cpu", "float32").features
        ()
    """

    op: str
    device: str
    dtype: str
    options: tuple[tuple[str, object], ...] = ()
    features: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """One registered kernel and every reason why it cannot serve a call; no reason means it can.

    Attributes:
        spec: The kernel.
        reasons: Why it cannot serve the call, each in a few words.

    Example:
        >>> worst = explain(CallSignature("conv_gru.sequence", "cpu", "float64"))[-1]
        >>> worst.spec.name, worst.reasons
        ('reference', ())
    """

    spec: KernelSpec
    reasons: tuple[str, ...]


@contextmanager
def use_kernel(name: str) -> Iterator[None]:
    """Ask for kernel `name` in the block; `"auto"` returns to automatic choice.

    Args:
        name: The kernel, or `auto`.

    Example:
        >>> with use_kernel("reference"):
        ...     select(CallSignature("conv_gru.sequence", "cpu", "float32")).__name__
        'sequence'
    """
    token = _CHOICE.set(name)
    try:
        yield
    finally:
        _CHOICE.reset(token)


def select(signature: CallSignature, choice: str | None = None) -> Kernel:
    """Return the kernel that computes a call.

    Args:
        signature: What the call looks like.
        choice: A kernel's name, `"auto"`, or None to follow `use_kernel` and `SEQIMG_KERNEL`.

    Raises:
        UnavailableError: The kernel asked for is unknown or cannot serve the call, or none can.

    Example:
        >>> select(CallSignature("conv_gru.sequence", "cpu", "float64"), "reference").__name__
        'sequence'
    """
    return _select(signature, asked_for(choice))


def offers(op: str, choice: str | None = None) -> bool:
    """Say whether automatic choice is asked for, or a kernel that `op` has.

    A call that two ops could serve goes to the one that has the kernel asked for.

    Args:
        op: The op, such as `conv_gru.step`.
        choice: A kernel's name, or None to follow `use_kernel` and `SEQIMG_KERNEL`.

    Example:
        >>> offers("conv_gru.step"), offers("conv_gru.step", "fused")
        (True, False)
    """
    name = asked_for(choice)
    if name == "auto":
        return True
    return any(spec.name == name and fnmatchcase(op, spec.op) for spec in plugin_host().kernels.values())


def explain(signature: CallSignature) -> list[Candidate]:
    """List every kernel registered for the op, best first, with its reasons to refuse.

    Args:
        signature: What the call looks like.

    Example:
        >>> [c.spec.name for c in explain(CallSignature("traj_gru.sequence", "cpu", "float64"))]
        ['reference']
    """
    specs = [spec for spec in plugin_host().kernels.values() if fnmatchcase(signature.op, spec.op)]
    specs.sort(key=lambda spec: -spec.priority)
    return [Candidate(spec, tuple(_reasons(spec, signature))) for spec in specs]


def asked_for(choice: str | None = None) -> str:
    """Return the name of the kernel asked for: the argument's, the context's, the environment's, or `"auto"`.

    Args:
        choice: What the caller asks for, if anything.

    Example:
        >>> with use_kernel("reference"):
        ...     asked_for(), asked_for("fused")
        ('reference', 'fused')
    """
    return choice or _CHOICE.get() or os.environ.get("SEQIMG_KERNEL") or "auto"


@cache
def _select(signature: CallSignature, choice: str) -> Kernel:
    candidates = explain(signature)
    if choice == "auto":
        for candidate in candidates:
            if not candidate.reasons and candidate.spec.status == "stable":
                return cast(Kernel, resolve(candidate.spec.kernel))
        raise UnavailableError(
            f"no kernel computes {signature.op} in {signature.dtype} on {signature.device}",
            why=_refusals(candidates),
        )
    named = {candidate.spec.name: candidate for candidate in candidates}
    if choice not in named:
        near = did_you_mean(choice, named)
        raise UnavailableError(
            f"{signature.op} has no kernel {choice!r}",
            why=f"registered: {', '.join(named) or 'none'}",
            hint=f"SEQIMG_KERNEL={near}" if near else None,
        )
    if named[choice].reasons:
        raise UnavailableError(
            f"kernel {choice!r} cannot compute {signature.op} here", why="; ".join(named[choice].reasons)
        )
    return cast(Kernel, resolve(named[choice].spec.kernel))


def _reasons(spec: KernelSpec, signature: CallSignature) -> Iterator[str]:
    if spec.status == "broken":
        yield "it is marked broken"
    if "*" not in spec.devices and signature.device not in spec.devices:
        yield f"it runs on {', '.join(spec.devices)}, not on {signature.device}"
    if "*" not in spec.dtypes and signature.dtype not in spec.dtypes:
        yield f"it computes in {', '.join(spec.dtypes)}, not in {signature.dtype}"
    if spec.refuse is not None:
        yield from resolve(spec.refuse)(signature)


def _refusals(candidates: list[Candidate]) -> str:
    if not candidates:
        return "no kernel is registered for it"
    return "; ".join(f"{c.spec.name}: {', '.join(c.reasons) or c.spec.status}" for c in candidates)
