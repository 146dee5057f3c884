"""Markdown that is safe inside of tables."""

from itertools import zip_longest

__all__ = ["cell", "flags", "table"]


def cell(text: str) -> str:
    """Return text for one cell of a table."""
    parts = " ".join(text.split()).split("`")  # every second one is code, in which a bar divides no cells
    plain = [part.replace("<", "&lt;").replace("[", "\\[").replace("|", "\\|") for part in parts[::2]]
    return "`".join(word for pair in zip_longest(plain, parts[1::2]) for word in pair if word is not None)


def flags(text: str) -> str:
    """Return code for one cell of a table.

    Example:
        >>> flags("--each / --whole")
        '`--each / --whole`'
    """
    return f"`{' '.join(text.split())}`" if text else ""


def table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """Return the lines of a table, with a blank line before it."""
    lines = ["", f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]
