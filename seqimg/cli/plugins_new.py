"""`seqimg plugins new`: a complete distribution to begin with."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path
from string import Template
from typing import Final

from seqimg import __version__
from seqimg.cli.output import command, output
from seqimg.errors import SeqimgError, UsageError
from seqimg.plugins import API_VERSION
from seqimg.plugins.manager import plugin_host
from seqimg.publish import check_writable, publish_folder

__all__ = ["KINDS", "NewPlugin", "new"]

KINDS: Final = {
    "task": "Clean up noisy frames with what came before them.",
    "cell": "Leaky average with a learned rate for each channel.",
    "kernel": "Minimal ConvGRU as a scan over all frames at once.",
    "dataset": "Bars that sweep to the left or to the right.",
    "format": "Frames as they are, behind one line of JSON.",
    "command": "Say how bright each frame of a sequence is.",
    "check": "Room for results in the current folder.",
}
"""What a new plugin may bring, and what it does to begin with."""

_TRY = {
    "task": "seqimg $name train --data demo:pans --minutes 1",
    "cell": "seqimg predict train --data demo:pans --cell $word --minutes 1",
    "kernel": "SEQIMG_KERNEL=$word seqimg predict train --data demo:pans --cell min_conv_gru --minutes 1",
    "dataset": "seqimg data make $name bars",
    "format": "seqimg data convert clip.mp4 clip.$word",
    "command": "seqimg $name clip.mp4",
    "check": "seqimg doctor",
}
_TEMPLATES = Path(__file__).parent / "plugin_templates"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 40


@dataclass(frozen=True)
class NewPlugin:
    """A plugin that is going to be written.

    Attributes:
        name: Name of its entry point and of what it brings.
        kind: One of `KINDS`.

    Example:
        >>> plugin = NewPlugin("rain-radar", "task")
        >>> plugin.distribution, plugin.module, plugin.values["Class"]
        ('seqimg-rain-radar', 'seqimg_rain_radar', 'RainRadar')
    """

    name: str
    kind: str

    @property
    def distribution(self) -> str:
        """What is installed."""
        return f"seqimg-{self.name}"

    @property
    def module(self) -> str:
        """What is imported."""
        return f"seqimg_{self.word}"

    @property
    def word(self) -> str:
        """The name as Python takes it."""
        return self.name.replace("-", "_")

    @property
    def values(self) -> dict[str, str]:
        """What stands for each word of a template."""
        values = {
            "name": self.name,
            "word": self.word,
            "Class": "".join(part.capitalize() for part in self.name.split("-")),
            "module": self.module,
            "distribution": self.distribution,
            "summary": KINDS[self.kind],
            "api": str(API_VERSION),
            "seqimg": __version__,
            "year": str(datetime.now(UTC).year),
        }
        return values | {"command": Template(_TRY[self.kind]).substitute(values)}

    def files(self) -> Iterator[tuple[str, str]]:
        """Yield the path of each file in the distribution, and its content."""
        for part in ("common", self.kind):
            for path in sorted((_TEMPLATES / part).rglob("*.tmpl")):
                place = path.relative_to(_TEMPLATES / part).as_posix().removesuffix(".tmpl")
                place = place.replace("dot-", ".")
                if place.startswith("src/"):
                    place = f"src/{self.module}/{place.removeprefix('src/')}"
                yield place, Template(path.read_text(encoding="utf-8")).substitute(self.values)


def new(name: str, kind: str, folder: Path | None, *, dry_run: bool) -> None:
    """Write a distribution that works at once.

    Raises:
        UsageError: The name is not one that a plugin can have.
        SeqimgError: The name is taken, or the folder exists.
    """
    plugin = NewPlugin(_checked(name), kind)
    _check_free(plugin)
    target = folder or Path(plugin.distribution)
    if target.exists():
        raise SeqimgError(f"{target} exists already", why="nothing is overwritten", hint="-o another/folder")
    check_writable(target)
    files = dict(plugin.files())
    if not dry_run:
        with publish_folder(target) as temporary:
            for place, content in files.items():
                path = temporary / place
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content, encoding="utf-8")
    verb = "Would write" if dry_run else "Wrote"
    shown = "\n".join(f"{target / place}" for place in files)
    output().say(f"{verb} {plugin.distribution}, a plugin with one {kind}: {len(files)} files.")
    output().data(
        {
            "plugin": plugin.name,
            "kind": kind,
            "folder": str(target),
            "files": list(files),
            "written": not dry_run,
        },
        shown,
    )
    if not dry_run:
        output().say(f"Begin with {target / [place for place in files if place.startswith('src/')][-1]}")
        output().hint(command("pip", "install", "-e", f"{_as_path(target)}[test]"))


def _checked(name: str) -> str:
    """Return a plugin's name, given that or its distribution's."""
    plain = name.removeprefix("seqimg-")
    if not _NAME.fullmatch(plain) or len(plain) > _LONGEST or iskeyword(plain):
        near = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-0123456789")[:_LONGEST].strip("-")
        near = f"{near}-plugin" if iskeyword(near) else near
        raise UsageError(
            f"a plugin cannot be called {name!r}",
            why=f"lower case letters, digits and single - make a name, a letter first, at most {_LONGEST}",
            hint=f"seqimg plugins new {near}" if near else "seqimg plugins new rain-radar",
        )
    return plain


def _check_free(plugin: NewPlugin) -> None:
    """Refuse a name that somebody has already: the two could not be installed together."""
    host = plugin_host(strict=False)
    for report in host.reports:
        if report.name == plugin.name:
            raise SeqimgError(
                f"there is a plugin {plugin.name!r} already", why=report.title, hint="another name"
            )
    for registry in (host.tasks, host.commands, host.cells, host.datasets, host.formats, host.checks):
        for taken in {plugin.name, plugin.word} & set(registry):
            raise SeqimgError(
                f"there is a {registry.kind} {taken!r} already",
                why=f"{registry.owner(taken)} brings it",
                hint="another name",
            )
    if find_spec(plugin.module) is not None:
        raise SeqimgError(f"the module {plugin.module} is installed already", hint="another name")


def _as_path(folder: Path) -> str:
    return str(folder) if folder.is_absolute() or folder.parts[:1] == ("..",) else f"./{folder}"
