"""The code blocks of a page, and the commands in them.

A block of a tutorial or how-to is run as printed, or a comment before it says why not:

    <!-- not run: needs a camera -->

What a reader finds elsewhere but the test has to bring along (files, a trained model) is in `stages.py`.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Block", "blocks_of", "commands_in", "words_of"]

_BLOCK = re.compile(
    r"(?:^ *<!-- (?P<note>[^>]*?) -->\n+)?^(?P<indent> *)```(?P<language>[\w-]*)[^\n]*\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
_SHELLS = ("bash", "console", "sh", "shell")
_PROGRAMS = (
    "seqimg ",
    "pip ",
    "cd ",
    "python ",
    "python3 ",
    "make ",
    "torchrun ",
    "accelerate ",
    "ffmpeg ",
    "$ ",
)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        kind: `"python"`, `"shell"`, or `"other"`: what is printed, a file's content, a picture of folders.
        text: What stands in it.
        line: Its first line on the page, from 1.
        why_not: Why it is not run; None if it is.
        code: The exit code that its last command has.
    """

    kind: str
    text: str
    line: int
    why_not: str | None = None
    code: int = 0


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page from top to bottom."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        note = match["note"] or ""
        inside = re.sub(rf"(?m)^{match['indent']}", "", match["text"])
        found.append(
            Block(
                _kind(match["language"], inside),
                inside,
                text.count("\n", 0, match.start("text")) + 1,
                note.removeprefix("not run:").strip() if note.startswith("not run:") else None,
                int(note.removeprefix("exit code")) if note.startswith("exit code") else 0,
            )
        )
    return found


def _kind(language: str, text: str) -> str:
    if language == "python":
        return "python"
    if language in _SHELLS or (not language and text.startswith(_PROGRAMS)):
        return "shell"
    return "other"


def commands_in(text: str) -> Iterator[str]:
    """Go through the commands of a shell block: of lines with a prompt, these alone.

    Example:
        >>> list(commands_in("$ seqimg a \\\\\\n    b  # first\\nprinted\\n"))
        ['seqimg a b']
    """
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    lines = [line for line in joined.splitlines() if line.strip()]
    if any(line.startswith("$ ") for line in lines):
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    yield from (re.sub(r"\s+#.*", "", line).strip() for line in lines if not line.startswith("#"))


def words_of(command: str) -> list[str]:
    """Split a command as a shell does, patterns that are not in quotes replaced by what fits."""
    words = []
    for word in shlex.split(command, posix=False):
        plain = shlex.split(word)[0]
        fits = (
            sorted(map(str, Path().glob(word)))
            if any(sign in word for sign in "*?") and plain == word
            else []
        )
        words += fits or [plain]
    return words
