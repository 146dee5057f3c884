"""What a compiled program is made of, read from its disassembly."""

import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from seqimg.errors import UnavailableError
from seqimg.kernels.audit.targets import Target

__all__ = ["Access", "Code", "read_amd", "read_nvidia"]


@dataclass(frozen=True)
class Access:
    """One instruction that reads or writes global memory.

    Attributes:
        width: Bytes a lane.
        looped: Whether it is inside a loop.
    """

    width: int
    looped: bool


@dataclass(frozen=True)
class Code:
    """A compiled program.

    Attributes:
        registers: Of a lane.
        spilled: Bytes of a lane that did not fit into registers.
        accesses: To global memory.
        matrix: Number of matrix instructions.
        mix: Number of instructions of each kind.
    """

    registers: int
    spilled: int
    accesses: tuple[Access, ...]
    matrix: int
    mix: Mapping[str, int]


@dataclass(frozen=True)
class _Line:
    place: int
    opcode: str
    jump: int | None = None


_SASS = re.compile(
    r"^\s*/\*(?P<place>[0-9a-f]{4,})\*/\s+(?:@!?U?P\w+\s+)?(?P<opcode>[A-Z][\w.]*)(?P<rest>[^;]*);", re.M
)
_SASS_TARGET = re.compile(r"\b0x([0-9a-f]+)\s*$")
_SASS_ACCESS = re.compile(r"(LDG|STG|LDGSTS)\b")
_SASS_WIDTH = re.compile(r"\.(?:ENL2\.)?([SU]?8|[SU]?16|64|128|256)\b")
_SASS_KINDS = (
    ("matrix", re.compile(r"HMMA|HGMMA|IMMA|IGMMA|DMMA|UTC\w*MMA")),
    ("global", _SASS_ACCESS),
    ("shared", re.compile(r"LDS|STS|LDSM|STSM|LDTM|STTM")),
    ("special", re.compile(r"MUFU")),
    ("float", re.compile(r"F|HFMA|HADD|HMUL|HSET|PACK")),
    ("control", re.compile(r"BRA|EXIT|BSSY|BSYNC|CALL|RET|BAR|NOP|WARPSYNC|SYNCS|DEPBAR|LDGDEPBAR")),
)
_AMD_LINE = re.compile(r"^\t(?P<opcode>[a-z]\w*)(?P<rest>[^\n;]*)|^(?P<label>\.L\w+):", re.M)
_AMD_ACCESS = re.compile(r"(?:global|buffer|flat)_(?:load|store)_(?:lds_)?(?P<type>\w+)")
_AMD_WIDTHS = {"byte": 1, "ubyte": 1, "sbyte": 1, "short": 2, "ushort": 2, "sshort": 2}
_AMD_KINDS = (
    ("matrix", re.compile(r"v_mfma")),
    ("global", re.compile(r"(global|buffer|flat)_")),
    ("shared", re.compile(r"ds_")),
    ("special", re.compile(r"v_(exp|log|rcp|rsq|sqrt)")),
    ("float", re.compile(r"v_.*f(16|32|64)")),
    ("control", re.compile(r"s_(c?branch|endpgm|barrier|waitcnt|nop)")),
)


def read_nvidia(cubin: bytes, target: Target) -> Code:
    """Read a binary with the disassembler that Triton brings.

    Raises:
        UnavailableError: Triton came without it.
    """
    from triton import knobs

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.cubin"
        path.write_bytes(cubin)
        command = [knobs.nvidia.cuobjdump.path, "-res-usage", "-sass", str(path)]
        try:
            text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            raise UnavailableError(
                "the audit cannot disassemble", why=f"cuobjdump failed: {error}"
            ) from error
    lines = []
    for match in _SASS.finditer(text):
        jump = _SASS_TARGET.search(match["rest"]) if match["opcode"].startswith("BRA") else None
        lines.append(_Line(int(match["place"], 16), match["opcode"], int(jump[1], 16) if jump else None))
    usage = {name: int(value) for name, value in re.findall(r"\b(REG|STACK|LOCAL):(\d+)", text)}
    widths = {line.place: _sass_width(line.opcode) for line in lines if _SASS_ACCESS.match(line.opcode)}
    spilled = usage["STACK"] + usage["LOCAL"]
    return _code(usage["REG"], spilled, lines, widths, target, _SASS_KINDS)


def read_amd(text: str, target: Target) -> Code:
    """Read assembly as Triton leaves it."""
    labels: dict[str, int] = {}
    found: list[tuple[str, str]] = []
    for match in _AMD_LINE.finditer(text):
        if match["label"]:
            labels[match["label"]] = len(found)
        else:
            found.append((match["opcode"], match["rest"].strip()))
    lines = [
        _Line(place, opcode, labels.get(rest) if "branch" in opcode else None)
        for place, (opcode, rest) in enumerate(found)
    ]
    widths = {
        line.place: _amd_width(access["type"])
        for line in lines
        if (access := _AMD_ACCESS.match(line.opcode)) is not None
    }
    usage = {name: int(value) for name, value in re.findall(r"\.(\w+):\s+(\d+)\s*$", text, re.M)}
    spilled = max(usage["private_segment_fixed_size"], 4 * usage["vgpr_spill_count"])
    spilled += 4 * usage["sgpr_spill_count"]
    return _code(usage["vgpr_count"], spilled, lines, widths, target, _AMD_KINDS)


def _code(
    registers: int,
    spilled: int,
    lines: list[_Line],
    widths: Mapping[int, int],
    target: Target,
    kinds: "Iterable[tuple[str, re.Pattern[str]]]",
) -> Code:
    loops = [(line.jump, line.place) for line in lines if line.jump is not None and line.jump < line.place]
    accesses = tuple(
        Access(width, any(first <= place <= last for first, last in loops)) for place, width in widths.items()
    )
    matrix = sum(bool(target.matrix.match(line.opcode)) for line in lines)
    mix = Counter(
        next((kind for kind, pattern in kinds if pattern.match(line.opcode)), "integer") for line in lines
    )
    return Code(registers, spilled, accesses, matrix, dict(sorted(mix.items())))


def _sass_width(opcode: str) -> int:
    match = _SASS_WIDTH.search(opcode)
    return int(match[1].lstrip("SU")) // 8 if match else 4


def _amd_width(kind: str) -> int:
    if kind in _AMD_WIDTHS:
        return _AMD_WIDTHS[kind]
    count = re.fullmatch(r"dword(?:x(\d))?\w*", kind)
    # d16 loads and other rare ones are two bytes.
    return 4 * int(count[1] or 1) if count else 2
