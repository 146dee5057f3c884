"""Contracts of things that a plugin's own tests say more about."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from seqimg.errors import SeqimgError
from seqimg.plugins import CheckResult
from seqimg.plugins.manager import plugin_host
from seqimg.sequences import open_sequence
from seqimg.testing.checking import require

__all__ = ["CheckContract", "ForeignFilesContract"]


class ForeignFilesContract:
    """What a reader without a writer can be held to: files that are not what they seem are refused in words."""

    suffix: ClassVar[str]

    def test_files_of_something_else(self) -> None:
        """A file that is empty, or holds something else, is refused with a SequenceError."""
        for content in (b"", b"\0" * 4096, bytes(range(256)) * 64, b"{}\n"):
            with TemporaryDirectory() as folder:
                path = Path(folder) / f"a{self.suffix}"
                path.write_bytes(content)
                try:
                    with open_sequence(path) as sequence:
                        list(sequence)
                except SeqimgError:
                    continue
                except Exception as error:  # noqa: BLE001 -- whatever it is, it is not what was promised
                    kind = type(error).__name__
                    require(
                        False, f"{len(content)} bytes of something else end in {kind}; raise a SequenceError"
                    )


class CheckContract:
    """Tests to inherit, for a line of `seqimg doctor`.

    Attributes:
        name: Its registered name.

    Example:
        >>> class TestPython(CheckContract):
        ...     name = "python"
        >>> TestPython().test_says_what_it_finds()
    """

    name: ClassVar[str]

    def test_says_what_it_finds(self) -> None:
        """It returns a CheckResult whose state is ok, warn or fail."""
        found = plugin_host().checks.load(self.name)()
        require(isinstance(found, CheckResult), f"it returns {type(found).__name__}, not a CheckResult")
        require(found.state in ("ok", "warn", "fail"), f"its state is {found.state!r}")
        require(found.detail and "\n" not in found.detail, "its detail is not one line")
