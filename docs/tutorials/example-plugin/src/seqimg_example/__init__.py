"""An example of a plugin that brings several things; everything is named here, nothing is imported."""

from seqimg.plugins import CellSpec, DatasetSpec, FormatSpec, KernelSpec, LayoutSpec, TaskSpec, hookimpl

SEQIMG_API = 1


@hookimpl
def seqimg_cells() -> list[CellSpec]:
    """Register the cell `leaky`."""
    return [CellSpec(name="leaky", summary="Leaky average.", cell="seqimg_example.cell:LeakyCell")]


@hookimpl
def seqimg_kernels() -> list[KernelSpec]:
    """Register the kernel `scan` for that cell; it is taken before the reference, whose priority is 0."""
    return [
        KernelSpec(
            name="scan",
            summary="All frames at once.",
            op="leaky.sequence",
            kernel="seqimg_example.kernel:sequence",
            refuse="seqimg_example.kernel:refuse",
            priority=10,
        )
    ]


@hookimpl
def seqimg_tasks() -> list[TaskSpec]:
    """Register the task `clean`."""
    return [
        TaskSpec(
            name="clean",
            summary="Clean up noisy frames with what came before them.",
            task="seqimg_example.task:CleanTask",
            config="seqimg_example.config:CleanConfig",
            run_options="seqimg_example.config:CleanRun",
        )
    ]


@hookimpl
def seqimg_datasets() -> list[DatasetSpec]:
    """Register the data set `sweeps`."""
    return [DatasetSpec(name="sweeps", summary="Sweeping bars.", dataset="seqimg_example.data:sweeps")]


@hookimpl
def seqimg_formats() -> list[FormatSpec]:
    """Register the format of `.plain` files."""
    return [
        FormatSpec(
            name="plain",
            summary="Frames as they are, behind one line of JSON.",
            suffixes=(".plain",),
            reader="seqimg_example.files:PlainSequence",
            writer="seqimg_example.files:PlainWriter",
        )
    ]


@hookimpl
def seqimg_layouts() -> list[LayoutSpec]:
    """Register the layout `catalogue` of data sets."""
    return [
        LayoutSpec(
            name="catalogue",
            summary="A catalogue.json of paths and classes.",
            layout="seqimg_example.catalogue:CATALOGUE",
        )
    ]
