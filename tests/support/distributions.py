"""Real distributions, made on the spot: a module and its dist-info in a folder on the path."""

import importlib
import itertools
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

_numbers = itertools.count()

GOOD = """
    from seqimg.plugins import CellSpec, hookimpl
    SEQIMG_API = 1

    @hookimpl
    def seqimg_cells():
        return [CellSpec(name="leaky", summary="Leaky average.", cell="collections:OrderedDict")]
"""


@dataclass(frozen=True)
class Site:
    """A folder of installed distributions."""

    folder: Path

    def add(self, name: str, source: str, *, version: str = "0.3", value: str | None = None) -> None:
        """Install distribution `seqimg-NAME` whose entry point NAME is a module made of `source`."""
        module = f"plugin_{next(_numbers)}_{name}"
        (self.folder / f"{module}.py").write_text(dedent(source))
        info = self.folder / f"seqimg_{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: seqimg-{name}\nVersion: {version}\n")
        target = (value or "{module}").format(module=module)
        (info / "entry_points.txt").write_text(f"[seqimg]\n{name} = {target}\n")
        importlib.invalidate_caches()

    def run(self, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m seqimg ARGS` with these distributions installed."""
        return self.python("-m", "seqimg", *args, **environment)

    def python(self, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run Python with these distributions installed."""
        path = os.pathsep.join([str(self.folder), *filter(None, [os.environ.get("PYTHONPATH")])])
        return subprocess.run(
            [sys.executable, *args],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": path, **environment},
            stdin=subprocess.DEVNULL,
            timeout=240,
            check=False,
        )
