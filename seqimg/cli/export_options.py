"""The flags of `seqimg TASK export`."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from seqimg.cli.task_options import Data, Model, Overwrite
from seqimg.config import TaskConfig
from seqimg.plugins import TaskSpec

__all__ = ["export_command", "read_size"]


def export_command(spec: TaskSpec, config: type[TaskConfig]) -> Any:
    """Return the function behind `seqimg TASK export`.

    Args:
        spec: The task.
        config: Its configuration.

    Example:
        >>> from seqimg.plugins.manager import plugin_host
        >>> export_command(plugin_host().tasks.get("predict"), TaskConfig).__name__
        'export'
    """

    def export(
        model: Model,
        out: Annotated[
            Path | None,
            typer.Option(
                "-o",
                "--output",
                metavar="FILE",
                help="Graph to write, .onnx or .pt2; a .json that describes it lies beside it. "
                f"[{spec.name}.onnx here]",
                show_default=False,
            ),
        ] = None,
        kind: Annotated[
            Literal["onnx", "torch"],
            typer.Option("--format", help="ONNX, or torch.export's own. [onnx]", show_default=False),
        ] = "onnx",
        precision: Annotated[
            Literal["fp32", "fp16", "int8"],
            typer.Option(
                "--precision", help="Bits that the graph computes in; ONNX only. [fp32]", show_default=False
            ),
        ] = "fp32",
        size: Annotated[
            str | None,
            typer.Option(
                "--size",
                metavar="WxH",
                help="The only size of frames. [any, if the model allows]",
                show_default=False,
            ),
        ] = None,
        batch: Annotated[
            int | None,
            typer.Option(
                "--batch",
                min=1,
                metavar="N",
                help="The only number of frames at once. [any]",
                show_default=False,
            ),
        ] = None,
        data: Data = None,
        clips: Annotated[
            int,
            typer.Option(
                "--clips", metavar="N", min=1, help="Most clips to measure on. [32]", show_default=False
            ),
        ] = 32,
        accept_worse: Annotated[
            bool,
            typer.Option("--accept-worse", help="Write the graph even if it answers much worse than fp32."),
        ] = False,
        overwrite: Overwrite = False,
        *,
        settled: dict[str, object],
    ) -> None:
        """Write one step of a model, its state in and out, as a graph that runs without seqimg.

        Without --data it is measured on the validation part of what it was trained on, if that is still there.
        """
        from seqimg.cli.export import Wanted
        from seqimg.cli.export import export as work
        from seqimg.config import check_flags

        wanted = Wanted(
            kind=kind,
            precision=precision,
            size=None if size is None else read_size(size),
            batch=batch,
            clips=clips,
            accept_worse=accept_worse,
        )
        given = check_flags(config, settled).model_dump(include=set(settled))
        work(spec, model, out, wanted, data=data or [], settled=given, overwrite=overwrite)

    return export


def read_size(text: str) -> tuple[int, int]:
    """Return height and width from `WIDTHxHEIGHT`.

    Args:
        text: What stands on the command line.

    Raises:
        UsageError: It is no size, or a huge one.

    Example:
        >>> read_size("128x96")
        (96, 128)
    """
    from seqimg.errors import UsageError

    width, _, height = text.lower().replace("×", "x").partition("x")
    if not (width.isascii() and width.isdigit() and height.isascii() and height.isdigit()):
        raise UsageError(
            f"--size {text} is no size", why="it is width x height in pixels", hint="--size 128x96"
        )
    found = int(height), int(width)
    if not (min(found) > 0 and max(found) <= 16_384):
        raise UsageError(f"--size {text} is no size of frames", why="sides have 1 to 16384 pixels")
    return found
