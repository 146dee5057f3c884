"""What a user needs when something else is broken: `doctor` and `plugins`.

A plugin of its own, loaded first and free of imports, so that a fault in seqimg's other built-ins
cannot take these two away.
"""

from collections.abc import Iterable

from seqimg.plugins.hookspecs import hookimpl
from seqimg.plugins.specs import API_VERSION, CheckSpec, CommandSpec

__all__ = ["SEQIMG_API"]

SEQIMG_API = API_VERSION


@hookimpl
def seqimg_commands() -> Iterable[CommandSpec]:
    """Return `seqimg doctor` and `seqimg plugins`."""
    return [
        CommandSpec(
            name="doctor",
            summary="Check this machine: versions, devices, kernels, codecs.",
            app="seqimg.cli.doctor:app",
        ),
        CommandSpec(
            name="plugins",
            summary="See what is installed and what is off, and why.",
            app="seqimg.cli.plugins:app",
        ),
    ]


@hookimpl
def seqimg_checks() -> Iterable[CheckSpec]:
    """Return the lines of `seqimg doctor`."""
    checks = {
        "python": "The interpreter and the machine.",
        "packages": "What seqimg needs is installed.",
        "torch": "Torch computes.",
        "gpu": "Which device runs, and why not a faster one.",
        "kernels": "Which kernel computes each op.",
        "video": "Video can be written.",
        "plugins": "Every plugin loads.",
        "folders": "Results and temporary files can be written.",
    }
    return [
        CheckSpec(name=name, summary=summary, check=f"seqimg.cli.checks:{name}")
        for name, summary in checks.items()
    ]
