"""`seqimg cells list` and `seqimg cells show`."""

import sys
from collections.abc import Sequence
from dataclasses import MISSING, Field, dataclass, fields
from inspect import cleandoc
from typing import Any, Literal

from seqimg.cells import Cell
from seqimg.cli.machine import chosen_device
from seqimg.cli.output import Table, output
from seqimg.errors import UsageError, did_you_mean
from seqimg.kernels import explain
from seqimg.kernels.signature import signature_of
from seqimg.plugins.manager import plugin_host
from seqimg.plugins.reports import reason_of

__all__ = ["list_cells", "option_fields", "show_cell"]

_CHANNELS = 8  # of the examples
_OPS = ("sequence", "step")


@dataclass(frozen=True)
class _Line:
    """One cell in the listing."""

    name: str
    summary: str
    rank: int | None
    kernels: dict[str, list[str]]
    owner: str
    fault: str | None = None


def list_cells(glob: str, device: Literal["auto", "cpu", "cuda"]) -> None:
    """Print the cells whose names match `glob`.

    Raises:
        UsageError: None does.
    """
    host, where = plugin_host(strict=False), chosen_device(device).type
    names = host.cells.names(glob)
    if not names:
        near = did_you_mean(glob, host.cells.names())
        raise UsageError(
            f"no cell is called {glob!r}" + (f"; did you mean {near}?" if near else ""),
            why=f"known: {', '.join(host.cells.names())}",
            hint=f"seqimg cells list {near}" if near else "seqimg cells list",
        )
    lines = [_line(name, where) for name in names]
    rows = [
        [line.name, line.summary, "?" if line.rank is None else str(line.rank), _served(line), line.owner]
        for line in lines
    ]
    output().data(
        {"device": where, "cells": lines},
        Table(("cell", "what", "rank", f"kernels on {where}, first is taken", "registered by"), rows),
    )


def show_cell(name: str, device: Literal["auto", "cpu", "cuda"]) -> None:
    """Print what a cell computes, its options, its parameters and its kernels.

    Raises:
        UnavailableError: No such cell is registered, or it does not load.
    """
    cell_class, where = plugin_host().cells.load(name), chosen_device(device).type
    spec, owner = plugin_host().cells.get(name), plugin_host().cells.owner(name)
    equations = cleandoc(sys.modules[cell_class.__module__].__doc__ or cell_class.__doc__ or "")
    options = {field.name: field.default for field in option_fields(cell_class)}
    cell = cell_class(input_channels=_CHANNELS, hidden_channels=_CHANNELS)
    shapes, kernels = cell.shapes(), _kernels(cell, where)
    value = {
        "name": name,
        "summary": spec.summary,
        "registered_by": str(owner),
        "rank": cell.rank,
        "state_channels": cell.state_channels,
        "equations": equations,
        "options": {option: _plain(default) for option, default in options.items()},
        "example": {"input_channels": _CHANNELS, "hidden_channels": _CHANNELS, "parameters": shapes},
        "device": where,
        "kernels": kernels,
    }
    sections = [
        f"{name}, registered by {owner}",
        equations,
        "Options\n" + _listed([f"{option} = {default!r}" for option, default in options.items()] or ["none"]),
        f"Parameters, at {_CHANNELS} input and {_CHANNELS} hidden channels\n"
        + _listed([f"{parameter} {list(shape)}" for parameter, shape in shapes.items()]),
        f"State\n  {cell.state_channels} channels, one tensor {_state_axes(cell)}",
        f"Kernels on {where}, first is taken\n"
        + _listed([f"{op}: {', '.join(names) or 'none'}" for op, names in kernels.items()]),
    ]
    output().data(value, "\n\n".join(sections))
    output().hint(f"seqimg cells explain {name}")


def option_fields(cell_class: type[Cell]) -> list[Field[Any]]:
    """Return the fields that are a cell's own options, beside its channels."""
    return [f for f in fields(cell_class) if f.name not in ("input_channels", "hidden_channels")]


def _line(name: str, device: str) -> _Line:
    host = plugin_host(strict=False)
    summary, owner = host.cells.get(name).summary, str(host.cells.owner(name))
    try:
        cell: Cell = host.cells.load(name)(input_channels=_CHANNELS, hidden_channels=_CHANNELS)
        return _Line(name, summary, cell.rank, _kernels(cell, device), owner)
    except Exception as error:  # noqa: BLE001 -- isolation: the other cells are still listed
        return _Line(name, summary, None, {}, owner, reason_of(error))


def _kernels(cell: Cell, device: str) -> dict[str, list[str]]:
    """Return the kernels that serve a plain fp32 call, the one that is taken first."""
    return {
        op: [
            candidate.spec.name + ("" if candidate.spec.status == "stable" else f" ({candidate.spec.status})")
            for candidate in sorted(
                explain(signature_of(cell, device, "float32", op=op)), key=lambda c: c.spec.status != "stable"
            )
            if not candidate.reasons
        ]
        for op in _OPS
    }


def _served(line: _Line) -> str:
    if line.fault is not None:
        return f"does not load: {line.fault}"
    return "; ".join(f"{op}: {', '.join(names)}" for op, names in line.kernels.items() if names) or "none"


def _listed(lines: Sequence[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)


def _state_axes(cell: Cell) -> str:
    return "[B, S, H, W]" if cell.rank == 2 else "[B, S]"


def _plain(default: object) -> object:
    return None if default is MISSING else default
