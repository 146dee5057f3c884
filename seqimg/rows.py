"""What a task says in words and numbers: rows, and the files that hold them.

| ending | what |
|---|---|
| `.csv` | a header and a line each, UTF-8, as RFC 4180 has it but for plain line ends |
| `.json` | one array of objects |
| `.jsonl` | one object a line |

A task may add endings of its own: [Task.row_formats][seqimg.task.Task.row_formats].
"""

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from seqimg.publish import publish_file

__all__ = [
    "ROW_FORMATS",
    "CsvRows",
    "JsonLinesRows",
    "JsonRows",
    "RecordRows",
    "Row",
    "RowsFile",
    "RowsWriter",
    "TextTarget",
    "rows_file",
]

Row: TypeAlias = Mapping[str, str | int | float | bool | None]
"""One thing said: names of columns and their values, which are finite."""


class RowsWriter(ABC):
    """One way to write rows as text, a row at a time.

    Args:
        columns: The rows' names, in their order.
        about: What the rows are about: `path`, `width`, `height`, `fps`, `frame_count` (None if it is not
            stated), `task`, and `labels`, the names of the classes.

    Example:
        >>> class Lines(RowsWriter):
        ...     def row(self, row, *, first):
        ...         return " ".join(str(row[name]) for name in self.columns)
        >>> Lines(["frame", "label"], {}).row({"frame": 3, "label": "run"}, first=True)
        '3 run'
    """

    def __init__(self, columns: Sequence[str], about: Mapping[str, Any]) -> None:
        self.columns, self.about = tuple(columns), about

    def begin(self) -> str:
        """Return what stands before all rows."""
        return ""

    @abstractmethod
    def row(self, row: Row, *, first: bool) -> str:
        """Return a row.

        Args:
            row: The values, by the names of the columns.
            first: Whether no row went before.
        """

    def end(self) -> str:
        """Return what stands after all rows."""
        return ""


class CsvRows(RowsWriter):
    r"""A header and a line for each row.

    Example:
        >>> rows = CsvRows(["time", "label"], {})
        >>> rows.begin() + rows.row({"time": 0.04, "label": "a, b"}, first=True)
        'time,label\n0.04,"a, b"\n'
    """

    def begin(self) -> str:
        """Return the header."""
        return self._line(self.columns)

    def row(self, row: Row, *, first: bool) -> str:
        """Return a line."""
        return self._line([row.get(name) for name in self.columns])

    def _line(self, values: Iterable[object]) -> str:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(values)
        return line.getvalue()


class JsonRows(RowsWriter):
    r"""One array of objects.

    Example:
        >>> rows = JsonRows(["label"], {})
        >>> rows.begin() + rows.row({"label": "a"}, first=True) + rows.row({"label": "b"}, first=False) + rows.end()
        '[\n{"label": "a"},\n{"label": "b"}\n]\n'
    """

    def begin(self) -> str:
        """Open the array."""
        return "["

    def row(self, row: Row, *, first: bool) -> str:
        """Return an object."""
        return ("\n" if first else ",\n") + _object(row)

    def end(self) -> str:
        """Close the array."""
        return "\n]\n"


class RecordRows(JsonRows):
    """The object that `run` writes beside a video: the rows as `answers`, then what there is to say of the work.

    Attributes:
        summary: That, to be set before the end.

    Example:
        >>> record = RecordRows(["label"], {})
        >>> record.summary = {"task": "classify"}
        >>> json.loads(record.begin() + record.row({"label": "a"}, first=True) + record.end())
        {'answers': [{'label': 'a'}], 'task': 'classify'}
    """

    summary: Mapping[str, Any] = {}

    def begin(self) -> str:
        """Open the object."""
        return '{\n"answers": ['

    def end(self) -> str:
        """Close it."""
        rest = json.dumps(self.summary, indent=2, sort_keys=True, allow_nan=False, default=str)
        return "\n],\n" + rest.removeprefix("{\n") + "\n"


class JsonLinesRows(RowsWriter):
    r"""One object a line.

    Example:
        >>> JsonLinesRows(["label"], {}).row({"label": "a"}, first=True)
        '{"label": "a"}\n'
    """

    def row(self, row: Row, *, first: bool) -> str:
        """Return a line."""
        return _object(row) + "\n"


ROW_FORMATS: Mapping[str, type[RowsWriter]] = {".csv": CsvRows, ".json": JsonRows, ".jsonl": JsonLinesRows}
"""Endings that any task's rows can be written with."""


class TextTarget(Protocol):
    """Where text goes: an open file, or anything else with a `write`.

    Example:
        >>> target: TextTarget = io.StringIO()
    """

    def write(self, text: str, /) -> object:
        """Append text.

        Args:
            text: What is appended.
        """


class RowsFile:
    """An open file of rows.

    Attributes:
        count: Rows written.

    Args:
        file: Where the text goes.
        writer: What makes text of rows.

    Example:
        >>> file = io.StringIO()
        >>> rows = RowsFile(file, JsonLinesRows(["label"], {}))
        >>> rows.add([{"label": "run"}])
        >>> rows.count, file.getvalue().strip()
        (1, '{"label": "run"}')
    """

    def __init__(self, file: TextTarget, writer: RowsWriter) -> None:
        self._file, self._writer, self.count = file, writer, 0
        file.write(writer.begin())

    def add(self, rows: Iterable[Row]) -> None:
        """Append rows.

        Args:
            rows: Values by the names of the columns.
        """
        for row in rows:
            self._file.write(self._writer.row(row, first=self.count == 0))
            self.count += 1

    def end(self) -> None:
        """Write what stands after all rows."""
        self._file.write(self._writer.end())


@contextmanager
def rows_file(path: Path, writer: RowsWriter, *, overwrite: bool = False) -> Iterator[RowsFile]:
    r"""Open a file of rows that is whole or absent.

    Args:
        path: The file.
        writer: What makes text of rows.
        overwrite: Whether an existing file is replaced.

    Raises:
        SeqimgError: It exists, or cannot be written.

    Example:
        >>> with rows_file(Path(tmp) / "answers.csv", CsvRows(["label"], {})) as rows:
        ...     rows.add([{"label": "walking"}])
        >>> (Path(tmp) / "answers.csv").read_text()
        'label\nwalking\n'
    """
    with (
        publish_file(path, overwrite=overwrite) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as file,
    ):
        rows = RowsFile(file, writer)
        yield rows
        rows.end()


def _object(row: Row) -> str:
    return json.dumps(dict(row), ensure_ascii=False, allow_nan=False)
