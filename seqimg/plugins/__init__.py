"""The plugin machinery, free of torch: specs, hooks, discovery and registries."""

from seqimg.plugins.events import RunInfo
from seqimg.plugins.hookspecs import hookimpl
from seqimg.plugins.specs import (
    API_VERSION,
    CellSpec,
    CheckResult,
    CheckSpec,
    CommandSpec,
    DatasetSpec,
    FormatSpec,
    FrameOpSpec,
    KernelSpec,
    LayoutSpec,
    TaskSpec,
    resolve,
)

__all__ = [
    "API_VERSION",
    "CellSpec",
    "CheckResult",
    "CheckSpec",
    "CommandSpec",
    "DatasetSpec",
    "FormatSpec",
    "FrameOpSpec",
    "KernelSpec",
    "LayoutSpec",
    "RunInfo",
    "TaskSpec",
    "hookimpl",
    "resolve",
]
