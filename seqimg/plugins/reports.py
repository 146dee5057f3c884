"""What became of each plugin: the record behind `seqimg plugins list`."""

from dataclasses import dataclass
from typing import Literal

from seqimg.errors import SeqimgError

__all__ = ["PluginReport", "Stage", "one_line", "reason_of"]

Stage = Literal["find", "import", "api", "hooks", "specs", "names"]

_FAILED_AT: dict[Stage, str] = {
    "find": "cannot be found",
    "import": "import failed",
    "api": "wrong plugin API",
    "hooks": "a hook failed",
    "specs": "a hook's answer is no use",
    "names": "name taken",
}


@dataclass(frozen=True, kw_only=True)
class PluginReport:
    """What became of one plugin.

    Attributes:
        name: Its entry point's name.
        distribution: The distribution that brings it, empty when unknown.
        version: That distribution's version, empty when unknown.
        state: `"ok"`, `"failed"`, or `"disabled"` by the user.
        stage: Where it failed: `"find"`, `"import"`, `"api"`, `"hooks"`, `"specs"` or `"names"`.
        reason: Why, in one line.
        traceback: The Python traceback of the failure, for `--debug`.
        registered: What it brought, for example `("cell leaky", "task radar")`; empty unless ok.
        notes: What its author should know, for example that its root module imports torch.
        seconds: How long loading took.
    """

    name: str
    distribution: str = ""
    version: str = ""
    state: Literal["ok", "failed", "disabled"] = "ok"
    stage: Stage | None = None
    reason: str | None = None
    traceback: str | None = None
    registered: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def title(self) -> str:
        """Name, version and distribution, as far as they are known."""
        version = f" {self.version}" if self.version else ""
        return f"Plugin {self.name}{version}" + (f" ({self.distribution})" if self.distribution else "")

    @property
    def why_off(self) -> str:
        """Why the plugin is not in use, in one line; empty when it is.

        Example:
            >>> PluginReport(name="radar", state="failed", stage="import", reason="No module 'x'").why_off
            "import failed: No module 'x'"
        """
        if self.state == "failed" and self.stage is not None:
            return f"{_FAILED_AT[self.stage]}: {self.reason}"
        return self.reason or ""


def one_line(text: str, limit: int = 400) -> str:
    r"""Return `text` as one printable line of at most `limit` characters.

    Messages come from plugins and file names: line breaks and terminal codes are replaced by spaces.

    Example:
        >>> one_line("a\nb\x1b[31m")
        'a b [31m'
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def reason_of(error: BaseException) -> str:
    """Say in one line what an exception means.

    Example:
        >>> reason_of(SystemExit(3)), reason_of(KeyError("a"))
        ('it called sys.exit(3)', "KeyError: 'a'")
    """
    if isinstance(error, SystemExit):
        return one_line(f"it called sys.exit({error.code!r})")
    if isinstance(error, SeqimgError):
        return one_line("; ".join(part for part in (error.message, error.why) if part))
    if isinstance(error, ImportError) and str(error):
        return one_line(str(error))
    return one_line(f"{type(error).__name__}: {error}".removesuffix(": "))
