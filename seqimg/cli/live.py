"""`seqimg live`: a page on which a model works on a source while people watch."""

from typing import Annotated

import typer

from seqimg.cli.fields import SectionedCommand, with_flags
from seqimg.cli.task_options import Device, Model
from seqimg.config import ReadingConfig

__all__ = ["app"]

app = typer.Typer(
    rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]}, add_completion=False
)

_FIRST_PORT = 8765
_LOOPBACK = "127.0.0.1"


def _live(
    model: Model,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="Video file, frame folder, array, camera:0, an address, or browser: for the camera of whoever opens "
            "the page. [camera:0]",
            show_default=False,
        ),
    ] = "camera:0",
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="An option of the task's run, such as horizon=10; may be given several times.",
            show_default=False,
        ),
    ] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Begin again at the end of a file.")] = False,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=0,
            max=65535,
            metavar="N",
            help=f"Port to listen at. [the first free one from {_FIRST_PORT} on]",
            show_default=False,
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            "--host",
            metavar="ADDRESS",
            help=f"Address of this machine to listen at; others than {_LOOPBACK} can be reached by others.",
            show_default=False,
        ),
    ] = _LOOPBACK,
    keep: Annotated[
        float,
        typer.Option(
            "--keep",
            min=0,
            max=600,
            metavar="SECONDS",
            help="How much can be recorded afterwards. [30]",
            show_default=False,
        ),
    ] = 30.0,
    device: Device = "auto",
    *,
    reading: dict[str, object],
) -> None:
    """Open a page on which a model works on a camera, a file or an address while you watch.

    The page shows what came, what the model says, and how far behind it is; it can be paused, told to forget, and
    set beside a model without memory. Ctrl-C ends it.
    """
    from seqimg.config import check_flags

    _check_packages()
    from seqimg.cli.live_work import LiveOptions, work

    chosen = LiveOptions(values or [], loop=loop, port=port, host=host, keep=keep, device=device)
    work(model, source, check_flags(ReadingConfig, reading), chosen)


app.command(cls=SectionedCommand)(with_flags(_live, reading=ReadingConfig))


def _check_packages() -> None:
    """Refuse where the server's packages are missing."""
    from importlib.util import find_spec

    from seqimg.errors import UnavailableError

    for package in ("starlette", "uvicorn", "websockets"):
        if find_spec(package) is None:
            raise UnavailableError(
                "the live page cannot be served",
                why=f"the package {package} is not installed",
                hint="pip install 'seqimg[live]'",
            )
