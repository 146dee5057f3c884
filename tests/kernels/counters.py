"""Which kernels ran, and how often."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest

from seqimg.kernels import CallSignature, explain, select
from seqimg.nn import levels
from seqimg.plugins import resolve


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count the calls of kernels that layers make in the block, by op and name.

    A step kernel counts when it is prepared, and again for each frame as `"….step/NAME frame"`.
    """
    calls: Counter[str] = Counter()

    @cache  # one wrapper a kernel, as there is one kernel
    def watched(name: str, kernel: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            calls[name] += 1
            result = kernel(*arguments)
            if not callable(result):
                return result

            def step(*arguments: Any) -> Any:
                calls[f"{name} frame"] += 1
                return result(*arguments)

            return step

        return run

    def selecting(signature: CallSignature, choice: str | None = None) -> Callable[..., Any]:
        kernel = select(signature, choice)
        names = [c.spec.name for c in explain(signature) if resolve(c.spec.kernel) is kernel]
        return watched(f"{signature.op}/{names[0]}", kernel)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(levels, "select", selecting)
        yield calls
