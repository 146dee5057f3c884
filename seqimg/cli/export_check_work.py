"""What `seqimg export check` does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqimg import modelfolder
from seqimg.cli.output import Table, command, output
from seqimg.config import ReadingConfig
from seqimg.data import fill_missing, resize, to_tensor, working_size
from seqimg.errors import CheckFailedError, SeqimgError, UsageError
from seqimg.export.exporting import TOLERANCE
from seqimg.export.measuring import compared
from seqimg.export.sessions import OnnxStep
from seqimg.export.sidecar import read_sidecar
from seqimg.export.steps import step_of
from seqimg.masking import masked
from seqimg.modelfolder import LoadedModel
from seqimg.plugins.reports import one_line
from seqimg.sequences import open_configured
from seqimg.sequences.prepared import prepared

__all__ = ["check"]


def check(graph: Path, clip: str, model: Path | None, most: int, tolerance: float | None) -> None:
    """Compare a graph with the model it was made from, frame by frame.

    Args:
        graph: The ONNX file.
        clip: The sequence.
        model: The model's folder; None for the one named beside the graph.
        most: Frames at the most.
        tolerance: Most that they may be apart; None for what the graph's precision allows.

    Raises:
        CheckFailedError: They are further apart.
        SeqimgError: One of them cannot be read, or they do not belong together.
    """
    if graph.suffix.lower() == ".pt2":
        raise UsageError(
            f"{graph} is not checked here",
            why="torch evaluates text in such a file; export compared it with the model before it was written",
            hint="--format onnx",
        )
    about = read_sidecar(graph)
    loaded = _model(graph, about.record, model)
    task = loaded.task.with_config(**_settled(loaded, about.record))
    step, runner = step_of(task, loaded.model), OnnxStep(graph, about)
    precision = about.record["file"].get("precision", "fp32")
    allowed = tolerance if tolerance is not None or precision != "fp32" else TOLERANCE
    with open_configured(clip, ReadingConfig(**_reading(loaded))) as source:
        sequence = prepared(source, task.config.pre)
        output().say(sequence.info.sentence())
        if sequence.info.channels != step.channels:
            raise SeqimgError(
                f"the graph cannot read {masked(clip)}",
                why=f"it takes frames of {step.channels} channels, these have {sequence.info.channels}",
            )
        with output().progress("Replaying"):
            found = compared(step, runner, _frames(sequence, about.record, most))
    if not found.apart:
        raise SeqimgError(f"{masked(clip)} has no frames")
    apart, times = found.apart, {"onnx": found.theirs * 1000, "torch": found.ours * 1000}
    worst = int(np.argmax(apart))
    data = {
        "graph": str(graph),
        "frames": len(apart),
        "precision": precision,
        "max_error": max(apart) if np.isfinite(max(apart)) else None,
        "worst_frame": worst,
        "tolerance": allowed,
        "milliseconds": times,
        "errors": [value if np.isfinite(value) else None for value in apart],
    }
    lines = [
        ["ONNX Runtime", f"{times['onnx']:.3g}", f"{max(apart):.3g}", str(worst)],
        ["torch", f"{times['torch']:.3g}", "", ""],
    ]
    output().data(data, Table(["computed by", "ms a frame", "most apart", "at frame"], lines))
    if allowed is not None and not max(apart) <= allowed:
        raise CheckFailedError(
            f"{graph} and the model are {max(apart):.3g} apart at frame {worst}, {allowed:g} is the most",
            hint=command("seqimg", task.name, "export", "--model", model or "DIR"),
        )
    bound = f", none further than {allowed:g} from torch" if allowed is not None else ""
    output().say(f"{len(apart)} frames replayed{bound}.")


def _model(graph: Path, record: Any, model: Path | None) -> LoadedModel:
    named = record.get("model")
    if model is None and not (isinstance(named, str) and Path(named).is_dir()):
        raise UsageError(
            f"nobody knows which model {graph} was exported from",
            why=f"{one_line(str(named), 80)} is not here" if named else None,
            hint=command("seqimg", "export", "check", graph, "CLIP", "--model", "DIR"),
        )
    folder = model if model is not None else Path(str(named))
    loaded = modelfolder.load(folder)
    if loaded.record["weights"].get("sha256") != record.get("weights"):
        raise SeqimgError(f"{graph} was exported from another model than {folder}", why="the weights differ")
    return loaded


def _settled(loaded: LoadedModel, record: Any) -> dict[str, object]:
    """Return what the export settled otherwise than training did."""
    from seqimg.cli.fields import exporting

    known, told = exporting(type(loaded.config)).model_fields, record.get("config", {})
    return {name: told[name] for name in known if name in told}


def _reading(loaded: LoadedModel) -> dict[str, object]:
    return {name: getattr(loaded.config, name) for name in ReadingConfig.model_fields}


def _frames(sequence: Any, record: Any, most: int) -> Iterator[NDArray[np.float32]]:
    info, fixed = sequence.info, [side for side in record["frames"]["shape"][3:] if isinstance(side, int)]
    longer = record["preprocessing"].get("longer_side") or 0
    batch = record["frames"]["shape"][0]
    for number, timed in enumerate(sequence.timed()):
        if number == most:
            return
        missing = info.missing(timed.pixels) if info.may_miss else None
        frame = to_tensor(timed.pixels, info.value_range, missing)[None]
        size = (
            (fixed[0], fixed[1])
            if len(fixed) == 2
            else working_size(frame.shape[-2], frame.shape[-1], longer)
        )
        small = fill_missing(resize(frame, size))[0][:, None]
        yield small.expand(batch if isinstance(batch, int) else 1, -1, -1, -1, -1).contiguous().numpy()
