"""`report.json` and the pictures beside it: written, and read with distrust.

Reading needs no torch, so that a report is made again in a moment.
"""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any

from seqimg.errors import SeqimgError
from seqimg.publish import publish_file
from seqimg.training.findings import FINDINGS, FORMAT, SAMPLES, Findings

__all__ = ["read_findings", "read_sample", "write_findings"]

_MAX_JSON = 50_000_000  # bytes
_MAX_PICTURE = 20_000_000


def write_findings(folder: Path, findings: Findings) -> None:
    """Write `report.json`, replacing what an earlier training of the same run wrote.

    Raises:
        SeqimgError: It cannot be written.
    """
    with publish_file(folder / FINDINGS, overwrite=True) as temporary:
        # Not sorted: rows, series and baselines stand in an order that means something.
        text = json.dumps(_plain(asdict(findings)), indent=1, allow_nan=False, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def read_findings(folder: Path) -> Findings | None:
    """Read `report.json`; None if there is none, as in a run that did not end.

    Raises:
        SeqimgError: It is damaged, or of a newer version.

    Example:
        >>> read_findings(Path(tmp)) is None
        True
    """
    from pydantic import ValidationError

    path = folder / FINDINGS
    if not path.exists():
        return None
    content = _read(path, _MAX_JSON)
    _check_format(path, content)
    try:
        findings: Findings = _adapter().validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        why = f"{place}: {first['msg'].removeprefix('Value error, ')}"
        raise SeqimgError(f"{path} cannot be used", why=why) from error
    return findings


def _check_format(path: Path, content: bytes) -> None:
    """Refuse newer files before anything of them is misunderstood."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return  # what is wrong with it is found out below
    number = document.get("format") if isinstance(document, dict) else None
    if isinstance(number, int) and number > FORMAT:
        raise SeqimgError(
            f"{path} is of format {number}",
            why=f"this seqimg knows formats up to {FORMAT}",
            hint="pip install --upgrade seqimg",
        )


def read_sample(folder: Path, name: str) -> bytes:
    """Read a picture of `samples/`.

    Raises:
        SeqimgError: It is not there, too large, or the name leads elsewhere.
    """
    if Path(name).name != name:
        raise SeqimgError(f"{folder / FINDINGS} cannot be used", why=f"{name!r} is no name of a sample")
    return _read(folder / SAMPLES / name, _MAX_PICTURE)


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as handle:
            content = handle.read(most + 1)
    except OSError as error:
        raise SeqimgError(f"cannot read {path}", why=error.strerror) from error
    if len(content) > most:
        raise SeqimgError(f"{path} is too large", why=f"it has over {most:,} bytes")
    return content


def _adapter() -> Any:
    from pydantic import ConfigDict, TypeAdapter

    class _Readable(Findings):
        __pydantic_config__ = ConfigDict(val_json_bytes="base64")

    return TypeAdapter(_Readable)


def _plain(value: Any) -> Any:
    """Return what JSON can say: pictures in base 64, None for what is no number, names spelt out."""
    if isinstance(value, Mapping):
        return {_plain(name): _plain(item) for name, item in value.items()}
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, Sequence):
        return [_plain(item) for item in value]
    return value if not isinstance(value, float) or isfinite(value) else None
