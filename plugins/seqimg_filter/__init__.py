"""Classical operations over sequences: filters, edges, morphology, colour, geometry, motion, shapes."""

from seqimg.plugins import CommandSpec, FrameOpSpec, hookimpl

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


@hookimpl
def seqimg_frame_ops() -> list[FrameOpSpec]:
    """Register the operations on single frames that keep their size, for `--pre`."""
    from seqimg_filter.table import operations

    return [
        FrameOpSpec(name=entry.name, summary=entry.doc, op=f"seqimg_filter.preprocessing:{entry.name}")
        for entry in operations().values()
        if entry.role == "frame" and not entry.resizes
    ]
