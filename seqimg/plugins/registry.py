"""What is registered under which name, and by whom."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Generic, TypeVar

from seqimg.errors import SeqimgError, UnavailableError, did_you_mean
from seqimg.plugins.specs import KernelSpec, Spec, resolve

__all__ = ["NameTakenError", "Owner", "Registry"]

S = TypeVar("S", bound=Spec)


@dataclass(frozen=True)
class Owner:
    """Who registered something: a plugin, and the distribution and version it came with."""

    plugin: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.plugin} ({self.distribution} {self.version})"


class NameTakenError(SeqimgError):
    """Two plugins claim one name (exit code 1)."""


class Registry(Generic[S]):
    """Specs of one kind by name; kernels by `op/name`.

    Args:
        kind: The noun used in messages, for example `"cell"`.
        spec_type: The class every entry belongs to.
        target: The spec's field that names its code.

    Example:
        >>> from seqimg.plugins import CellSpec
        >>> cells = Registry("cell", CellSpec, target="cell")
        >>> spec = CellSpec(name="gru", summary="A cell.", cell="seqimg_mine:Cell")
        >>> cells.add(spec, Owner("mine", "seqimg-mine", "1.0"))
        >>> cells.names("g*"), str(cells.owner("gru"))
        (['gru'], 'mine (seqimg-mine 1.0)')
    """

    def __init__(self, kind: str, spec_type: type[S], *, target: str) -> None:
        self.kind = kind
        self.spec_type = spec_type
        self._target = target
        self._entries: dict[str, tuple[S, Owner]] = {}

    @staticmethod
    def key(spec: Spec) -> str:
        """Return the name `spec` is registered under."""
        return f"{spec.op}/{spec.name}" if isinstance(spec, KernelSpec) else spec.name

    def add(self, spec: S, owner: Owner) -> None:
        """Register `spec` for `owner`.

        Raises:
            NameTakenError: The name is taken; the message names both owners.
        """
        key = self.key(spec)
        if key in self._entries:
            raise NameTakenError(
                f"{self.kind} {key} of {owner} is registered already by {self._entries[key][1]}",
                hint="uninstall one of the two, or leave it out of SEQIMG_PLUGINS",
            )
        self._entries[key] = (spec, owner)

    def get(self, name: str) -> S:
        """Return the spec called `name`.

        Raises:
            UnavailableError: Nothing has this name; the message lists what does.
        """
        return self._entry(name)[0]

    def owner(self, name: str) -> Owner:
        """Return who registered `name`.

        Raises:
            UnavailableError: Nothing has this name.
        """
        return self._entry(name)[1]

    def values(self) -> list[S]:
        """Return every spec, in the order of registration."""
        return [spec for spec, _ in self._entries.values()]

    def names(self, glob: str = "*") -> list[str]:
        """Return the names that match `glob`, numbers inside them compared as numbers.

        Example:
            >>> Registry("cell", Spec, target="name").names()
            []
        """
        return sorted((name for name in self._entries if fnmatchcase(name, glob)), key=_natural)

    def remove_owner(self, owner: Owner) -> None:
        """Forget everything `owner` registered."""
        self._entries = {key: entry for key, entry in self._entries.items() if entry[1] != owner}

    def load(self, name: str, field: str | None = None) -> Any:
        """Import and return the code of `name`.

        Args:
            name: What to load.
            field: Which of the spec's targets, the main one by default. A format has `reader` and `writer`.

        Raises:
            UnavailableError: The name is unknown, has no such part, or its code does not import.
        """
        spec, owner = self._entry(name)
        target = getattr(spec, field or self._target)
        if target is None:
            raise UnavailableError(
                f"{self.kind} {name} has no {field or self._target}", why=f"{owner} offers none"
            )
        try:
            return resolve(target)
        except (Exception, SystemExit) as error:  # A plugin's module may fail in any way: name its owner.
            why = error.why if isinstance(error, UnavailableError) else f"{type(error).__name__}: {error}"
            raise UnavailableError(
                f"{self.kind} {name} of {owner} does not load ({target})", why=why, hint="seqimg doctor"
            ) from error

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def _entry(self, name: str) -> tuple[S, Owner]:
        if name not in self._entries:
            near = did_you_mean(name, self._entries)
            known = ", ".join(self.names()) or "none"
            raise UnavailableError(
                f"there is no {self.kind} {name!r}" + (f"; did you mean {near}?" if near else ""),
                why=f"known: {known}",
                hint="seqimg plugins list",
            )
        return self._entries[name]


def _natural(name: str) -> list[tuple[int, int | str]]:
    # Alternating text and digits; the leading flag keeps int and str from being compared.
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", name)]
