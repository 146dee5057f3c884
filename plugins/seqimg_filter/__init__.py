"""Classical operations over sequences: filters, edges, morphology, colour, geometry, motion, shapes."""

from seqimg.plugins import CommandSpec, hookimpl

SEQIMG_API = 1


@hookimpl
def seqimg_commands() -> list[CommandSpec]:
    """Register the command `filter`."""
    return [
        CommandSpec(
            name="filter",
            summary="Filter sequences with classical operations, measure shapes, put pictures together.",
            app="seqimg_filter.cli:app",
        )
    ]
