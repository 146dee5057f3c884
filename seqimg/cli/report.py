"""`seqimg report`: the page about a run, or about two side by side."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None)

_PAGE = "report.html"


@app.command()
def report(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN [RUN]", help="A run folder or its name; two to compare them.", show_default=False
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Page to write. [report.html in the run folder; of two runs, compared.html here]",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
) -> None:
    """Make the report of a run again from what its folder holds, or compare two runs on one page.

    The page is one file that needs nothing else: it opens from the disk, and prints.
    """
    from seqimg.cli.output import command, on_one_line, output
    from seqimg.errors import UsageError
    from seqimg.publish import check_writable
    from seqimg.training.comparison import compare_runs
    from seqimg.training.pages import read_run_report
    from seqimg.training.report import write_report
    from seqimg.training.run_search import find_run

    if len(runs) > 2:
        raise UsageError(
            f"{len(runs)} runs are too many for one page", hint=command("seqimg", "runs", "compare", *runs)
        )
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"cannot write {out}", why="a report is an .html file", hint=f"-o {out.stem}.html")
    records = [find_run(run) for run in runs]
    # The report of a run belongs to the run: made again, it takes the place of the old one.
    own = out is None and len(records) == 1
    path = records[0].folder / _PAGE if own else out or Path("compared.html")
    check_writable(path, overwrite=own or overwrite)
    page = read_run_report(records[0]) if len(records) == 1 else compare_runs(*records)
    write_report(path, page, overwrite=own or overwrite)
    data = {"report": str(path), "verdict": page.verdict, "warnings": list(page.warnings)}
    output().data(data, page.verdict)
    for warning in page.warnings:
        output().warn(on_one_line(warning))
    output().say(f"Saved {path}")
    output().hint(
        command("seqimg", "runs", "show", records[0].folder)
        if len(records) == 1
        else command("seqimg", "runs", "compare", *(record.folder for record in records))
    )
