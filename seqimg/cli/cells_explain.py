"""`seqimg cells explain`: every kernel of a call, and why it is taken or not."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

from seqimg.cells import Cell
from seqimg.cli.cells_show import option_fields
from seqimg.cli.output import Table, output
from seqimg.errors import UsageError, did_you_mean
from seqimg.kernels import Candidate, Controls, asked_for, explain
from seqimg.kernels.signature import signature_of
from seqimg.plugins.manager import plugin_host

__all__ = ["explain_cell", "read_option"]

_DTYPES = ("float32", "bfloat16", "float16", "float64")
_SIZES = (1, 10, 64, 64, 64)  # unless told otherwise
_OPS = {"sequence": "a clip, or training", "step": "one frame of a stream"}
_WORDS: dict[str, object] = {"true": True, "false": False, "none": None}


@dataclass(frozen=True)
class _Verdict:
    """What becomes of one kernel."""

    op: str
    kernel: str
    status: str
    priority: int
    verdict: Literal["taken", "usable", "refused"]
    reasons: list[str]
    registered_by: str


def explain_cell(
    name: str,
    *,
    shape: str | None,
    hidden: int | None,
    device: Literal["auto", "cpu", "cuda"],
    dtype: str,
    features: str,
    options: Sequence[str],
) -> None:
    """Print, for a clip and for a step, every kernel in the order of preference.

    Raises:
        UnavailableError: No such cell is registered.
        UsageError: The shape, an option, a feature or the dtype is impossible.
    """
    import torch

    cell_class = plugin_host().cells.load(name)
    sizes = _read_shape(shape, cell_class)
    known = [field.name for field in option_fields(cell_class)]
    given = dict(read_option(text, name, known) for text in options)
    cell = cell_class(input_channels=sizes[2], hidden_channels=hidden or sizes[2], **given)
    here = torch.cuda.is_available()
    where = ("cuda" if here else "cpu") if device == "auto" else device
    used = [_known(f.strip(), _features(), "feature", "--features") for f in features.split(",") if f.strip()]
    _known(dtype, _DTYPES, "dtype", "--dtype")
    if where == "cuda" and not here:
        output().say("No CUDA device is here: these are the rules, nothing was run.")
    choice = asked_for()
    verdicts = [v for op in _OPS for v in _verdicts(cell, op, where, dtype, used, choice)]
    value = {
        "cell": name,
        "shape": sizes,
        "hidden": cell.hidden_channels,
        "device": where,
        "device_is_here": where == "cpu" or here,
        "dtype": dtype,
        "features": used,
        "options": {field.name: getattr(cell, field.name) for field in option_fields(cell_class)},
        "asked_for": choice,
        "kernels": verdicts,
    }
    output().say(_sentence(cell, sizes, where, dtype, used, choice))
    output().data(value, _table(verdicts))


def read_option(text: str, cell: str, known: Sequence[str]) -> tuple[str, object]:
    """Read `key=value`: a number, `1,5` for a pair, true, false, none, or a word.

    Raises:
        UsageError: There is no `=`, or no such option.

    Example:
        >>> read_option("kernel_size=1,5", "conv_gru", ["kernel_size"])
        ('kernel_size', (1, 5))
    """
    key, equals, value = (part.strip() for part in text.partition("="))
    if not equals:
        raise UsageError(f"--option {text!r} has no value", why="it is written KEY=VALUE")
    if key not in known:
        near = did_you_mean(key, known)
        raise UsageError(
            f"{cell} has no option {key!r}" + (f"; did you mean {near}?" if near else ""),
            why=f"known: {', '.join(known) or 'none'}",
            hint=f"--option {near}={value}" if near else f"seqimg cells show {cell}",
        )
    return key, _value(value)


def _value(text: str) -> object:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for kind in (int, float):
        try:
            numbers = tuple(kind(part) for part in text.split(","))
        except ValueError:
            continue
        return numbers if len(numbers) > 1 else numbers[0]
    return text


def _read_shape(text: str | None, cell_class: type[Cell]) -> list[int]:
    axes = "B,T,C,H,W" if cell_class.rank == 2 else "B,T,C"
    count = 3 + cell_class.rank
    if text is None:
        return list(_SIZES[:count])
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != count or not all(part.isdecimal() for part in parts):
        raise UsageError(
            f"--shape {text!r} does not fit {cell_class.name}",
            why=f"it takes {axes}: {count} whole numbers",
            hint=f"--shape {','.join(map(str, _SIZES[:count]))}",
        )
    return [int(part) for part in parts]


def _features() -> list[str]:
    return [field.name for field in fields(Controls)]


def _known(word: str, known: Sequence[str], kind: str, option: str) -> str:
    if word not in known:
        near = did_you_mean(word, known)
        raise UsageError(
            f"there is no {kind} {word!r}" + (f"; did you mean {near}?" if near else ""),
            why=f"known: {', '.join(known)}",
            hint=f"{option} {near or known[0]}",
        )
    return word


def _verdicts(
    cell: Cell, op: str, device: str, dtype: str, features: Sequence[str], choice: str
) -> list[_Verdict]:
    candidates = explain(signature_of(cell, device, dtype, features, op=op))
    taken = _taken(candidates, choice)
    preferred = f"SEQIMG_KERNEL asks for {choice}" if choice != "auto" else None
    if preferred is None and taken is not None:
        preferred = f"{taken.spec.name} is preferred"
    return [_verdict(op, candidate, candidate is taken, preferred) for candidate in candidates]


def _taken(candidates: Sequence[Candidate], choice: str) -> Candidate | None:
    """Return what `select` would take: the kernel asked for, or the best stable one."""
    usable = [candidate for candidate in candidates if not candidate.reasons]
    if choice != "auto":
        return next((c for c in usable if c.spec.name == choice), None)
    return next((c for c in usable if c.spec.status == "stable"), None)


def _verdict(op: str, candidate: Candidate, taken: bool, preferred: str | None) -> _Verdict:
    spec, reasons = candidate.spec, list(candidate.reasons)
    verdict: Literal["taken", "usable", "refused"] = "refused" if reasons else "usable"
    if taken:
        verdict = "taken"
    elif not reasons and spec.status == "stable" and preferred is not None:
        reasons.append(preferred)
    if spec.status == "experimental":
        reasons.append("experimental: only when asked for by name")
    if spec.note is not None:
        reasons.append(spec.note)
    owner = str(plugin_host().kernels.owner(f"{spec.op}/{spec.name}"))
    return _Verdict(op, spec.name, spec.status, spec.priority, verdict, reasons, owner)


def _sentence(
    cell: Cell, sizes: Sequence[int], device: str, dtype: str, features: Sequence[str], choice: str
) -> str:
    beside = f", with {', '.join(features)}" if features else ""
    asked = "" if choice == "auto" else f" SEQIMG_KERNEL asks for {choice}."
    shape = ", ".join(map(str, sizes))
    return (
        f"{cell.name} over frames [{shape}], {cell.hidden_channels} hidden channels, {dtype} on {device}"
        f"{beside}.{asked}"
    )


def _table(verdicts: Sequence[_Verdict]) -> Table:
    rows = [
        [f"{v.op} ({_OPS[v.op]})", v.kernel, v.status, str(v.priority), v.verdict, "; ".join(v.reasons)]
        for v in verdicts
    ]
    return Table(("for", "kernel", "status", "priority", "verdict", "why"), rows)
