"""The work of `seqimg data info`."""

from collections.abc import Sequence as Several
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from seqimg.cli.data_info_sets import lines_of_set, set_at
from seqimg.cli.output import as_word, command, on_one_line, output
from seqimg.config import ReadingConfig
from seqimg.errors import SeqimgError, UsageError
from seqimg.masking import masked
from seqimg.publish import check_writable, publish_file
from seqimg.sequences.base import Sequence, SequenceInfo
from seqimg.sequences.sheet import clock, contact_sheet
from seqimg.sequences.survey import Survey, open_leniently, survey, understood

__all__ = ["tell"]

_LARGE = 200_000_000  # bytes
_TIMES = "\N{MULTIPLICATION SIGN}"


def tell(paths: Several[str], reading: ReadingConfig, *, sheet: Path | None, overwrite: bool) -> None:
    """Print what each sequence is, and draw a contact sheet of one.

    A sequence that cannot be read does not stop the others.

    Raises:
        SeqimgError: One cannot be read, or the sheet cannot be written.
    """
    if sheet is not None:
        _check_sheet(sheet, paths, overwrite)
    failed: list[SeqimgError] = []
    for path in paths:
        try:
            if len(paths) > 1:
                _tell_one(path, understood(path, reading), sheet, overwrite)
            else:
                found = _tell_one(path, reading, sheet, overwrite)
                _hint_at_set(path, found) if isinstance(found, dict) else _hint_at(path, found, sheet)
        except SeqimgError as error:
            if len(paths) == 1:
                raise
            failed.append(error)
            described = {"message": error.message, "why": error.why}
            why = ": ".join(filter(None, (error.message, error.why)))
            output().data(
                {"path": masked(path), "error": described},
                f"{on_one_line(masked(path))}\n{_line('cannot be read', why)}",
            )
    if failed:
        raise SeqimgError(f"{len(failed)} of {len(paths)} sequences cannot be read", why=failed[0].message)
    if len(paths) > 1:
        output().hint(command("seqimg", "data", "check", *(as_word(masked(path)) for path in paths)))


def _check_sheet(sheet: Path, paths: Several[str], overwrite: bool) -> None:
    if len(paths) > 1:
        raise UsageError("a contact sheet shows one sequence", why=f"{len(paths)} were named")
    if sheet.suffix.lower() != ".png":
        raise UsageError(
            f"cannot draw {sheet}", why="contact sheets are .png files", hint=str(sheet.with_suffix(".png"))
        )
    check_writable(sheet, overwrite=overwrite)


def _tell_one(
    path: str, reading: ReadingConfig, sheet: Path | None, overwrite: bool
) -> SequenceInfo | dict[str, Any]:
    """Print what a path is and return that, of a data set what there is to say of it."""
    try:
        sequence, damage = open_leniently(path, reading)
    except SeqimgError as error:
        if sheet is not None:
            raise
        told = set_at(path, reading, error)
        lines = [_line(name, text) for name, text in lines_of_set(told).items() if text]
        output().data(told, "\n".join([on_one_line(path), *lines]))
        return told
    with sequence:
        with output().progress("Counting frames") if _is_large(path) else nullcontext():
            found = survey(path, sequence, damage)
        output().data(_as_json(found), "\n".join([on_one_line(found.info.path), *_lines(found)]))
        if sheet is not None:
            _draw(sequence, found, sheet, overwrite)
    return sequence.info


def _hint_at(path: str, info: SequenceInfo, sheet: Path | None) -> None:
    if info.live:
        return
    if sheet is None:
        output().hint(command("seqimg", "data", "info", as_word(masked(path)), "--sheet", "sheet.png"))
    else:
        output().hint(command("seqimg", "data", "check", as_word(masked(path))))


def _hint_at_set(path: str, told: dict[str, Any]) -> None:
    if told["boxes"] is not None:
        output().hint(command("seqimg", "data", "check", as_word(path)))
    elif Path(path).is_dir():
        output().hint(command("seqimg", "data", "check", as_word(path), "--recursive"))


def _is_large(path: str) -> bool:
    """Tell whether looking through all packets may take seconds."""
    place = Path(path)
    return place.is_file() and place.stat().st_size > _LARGE


def _draw(sequence: Sequence, found: Survey, sheet: Path, overwrite: bool) -> None:
    picture = contact_sheet(sequence, found.info.sentence(), count=found.frame_count)
    if losses := sequence.losses():
        output().warn(losses)
    with publish_file(sheet, overwrite=overwrite) as temporary:
        picture.save(temporary, format="PNG")
    output().say(f"Saved {sheet}")


def _lines(found: Survey) -> list[str]:
    info = found.info
    rows = {
        "format": ", ".join(dict.fromkeys(filter(None, (info.format, info.codec)))) + _size(found.size),
        "frames": _frames(found),
        "size": _shape(info),
        "rate": f"{_rate(info)} frames a second"
        if info.fps
        else "no times found, 25 frames a second are assumed",
        "duration": "not known" if found.duration is None else clock(found.duration),
        "channels": f"{info.channels} ({', '.join(_names(info))})",
        "values": _values(info),
        "stored as": ", ".join(
            filter(None, (info.pixel_format, info.colour_range and f"{info.colour_range} range"))
        ),
        "rotation": f"turned by {info.rotation}° to stand upright" if info.rotation else "",
        "keyframes": _keyframes(found),
        "sound": "; ".join(_sound(found)),
        "notes": "; ".join(info.notes),
        "damage": "; ".join(found.damage),
    }
    return [_line(name, text) for name, text in rows.items() if text]


def _line(name: str, text: str) -> str:
    return f"  {name:<10} {on_one_line(text)}"


def _size(size: int | None) -> str:
    if size is None:
        return ""
    unit, factor = next(
        ((u, f) for u, f in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)) if size >= f), ("bytes", 1)
    )
    return f", {size / factor:.4g} {unit}"


def _frames(found: Survey) -> str:
    if found.frame_count is None:
        return "their number is not stated" + (f" ({found.doubt})" if found.doubt else "")
    how = ", counted" if found.counted == "counted" else ", as stated" if found.info.format == "video" else ""
    stated = found.info.frame_count
    differs = f"; the file states {stated}" if stated not in (None, found.frame_count) else ""
    return f"{found.frame_count}{how}{differs}"


def _shape(info: SequenceInfo) -> str:
    aspect = info.pixel_aspect
    odd = f", pixels {aspect.numerator}:{aspect.denominator}" if aspect != 1 else ""
    return f"{info.width}{_TIMES}{info.height}{odd}"


def _rate(info: SequenceInfo) -> str:
    assert info.fps is not None, "only asked where there is one"
    exact = "" if info.fps.denominator == 1 else f" ({info.fps})"
    return f"{float(info.fps):.6g}{exact}"


def _names(info: SequenceInfo) -> list[str]:
    names = list(info.channel_names)
    return names if len(names) <= 6 else [*names[:3], "…", names[-1]]


def _values(info: SequenceInfo) -> str:
    low, high = info.value_range
    missing = "" if info.fill_value is None else f", {info.fill_value:g} where missing"
    return f"{info.dtype}, {low:g} to {high:g}{missing}"


def _keyframes(found: Survey) -> str:
    keys = found.keyframes
    if keys is None:
        return f"not to be jumped to: {found.doubt}" if found.doubt else ""
    if keys.count == found.frame_count:
        return "every frame"
    if keys.count == 1:
        return "the first frame only"
    return f"{keys.count}, every {keys.mean_spacing:.4g} frames, {keys.longest} at most"


def _sound(found: Survey) -> list[str]:
    return [
        ", ".join(
            filter(
                None,
                (
                    track.codec,
                    f"{track.sample_rate} Hz" if track.sample_rate else "",
                    f"{track.channels} channel{'s' if track.channels != 1 else ''}" if track.channels else "",
                    track.language if track.language not in (None, "und") else "",
                ),
            )
        )
        for track in found.sound
    ]


def _as_json(found: Survey) -> dict[str, Any]:
    info = found.info
    low, high = info.value_range
    return {
        "path": info.path,
        "format": info.format,
        "codec": info.codec,
        "frames": found.frame_count,
        "frames_stated": info.frame_count,
        "frames_known": found.counted,
        "height": info.height,
        "width": info.width,
        "pixel_aspect": float(info.pixel_aspect),
        "rotation": info.rotation,
        "fps": None if info.fps is None else float(info.fps),
        "fps_exact": None if info.fps is None else str(info.fps),
        "duration": found.duration,
        "dtype": info.dtype,
        "channels": info.channels,
        "channel_names": list(info.channel_names),
        "value_range": [low, high],
        "fill_value": _finite(info.fill_value),
        "pixel_format": info.pixel_format,
        "colour_range": info.colour_range,
        "keyframes": found.keyframes,
        "no_jumps_because": found.doubt,
        "audio": list(found.sound),
        "live": info.live,
        "bytes": found.size,
        "notes": list(info.notes),
        "damage": list(found.damage),
    }


def _finite(value: float | None) -> float | str | None:
    return "NaN" if value is not None and value != value else value
