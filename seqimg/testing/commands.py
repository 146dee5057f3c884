"""What every command promises, for the tests of a plugin that brings one."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from seqimg.plugins.manager import plugin_host
from seqimg.testing.checking import require
from seqimg.testing.command_line import run_command

__all__ = ["CommandContract"]


class CommandContract:
    """Tests to inherit, for a command or group of commands.

    Attributes:
        command: Its registered name.

    Example:
        >>> class TestData(CommandContract):
        ...     command = "data"
        >>> TestData().test_help()
    """

    command: ClassVar[str]

    def test_in_the_root_help(self) -> None:
        """`seqimg --help` lists it with its summary."""
        said = run_command("--help")
        words = f"{self.command} {plugin_host().commands.get(self.command).summary}"
        require(_squeezed(words) in _squeezed(said.out), f"seqimg --help does not say: {words}")

    def test_help(self) -> None:
        """Help is printed on stdout, for the command and each of its parts."""
        for words in (("--help",), ("-h",)):
            said = run_command(self.command, *words)
            require(said.code == 0, f"seqimg {self.command} {words[0]} ends with {said.code}: {said.err}")
            require("Usage:" in said.out, f"seqimg {self.command} {words[0]} prints no usage")
            require(not said.err, f"seqimg {self.command} {words[0]} says on stderr: {said.err}")

    def test_wrong_options_are_refused(self) -> None:
        """An unknown option ends with code 2 and at most three lines; nothing is written."""
        with TemporaryDirectory() as name:
            said = run_command(self.command, "--no-such-option", folder=Path(name))
            require(said.code == 2, f"an unknown option ends with {said.code}, not 2")
            lines = said.err.splitlines()
            require(1 <= len(lines) <= 3, f"an unknown option is answered with {len(lines)} lines")
            require(not said.out, "an unknown option prints something on stdout, which is for data")
            require(not any(Path(name).iterdir()), "an unknown option leaves files behind")


def _squeezed(text: str) -> str:
    return "".join(text.split())
