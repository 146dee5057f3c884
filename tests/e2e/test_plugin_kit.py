"""What a plugin's author goes through, in an environment with nothing but seqimg: the tutorial word by word."""

import os
import re
import shlex
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

_EDIT = re.compile(
    r"in `(?P<file>src/[^`]+)`, instead of\n\n```python\n(?P<old>.*?)```\n\nwrite\n\n```python\n(?P<new>.*?)```"
    r"|and instead of\n\n```python\n(?P<old2>.*?)```\n\nwrite\n\n```python\n(?P<new2>.*?)```"
    r"|^```\n(?P<shell>.*?)^```"
    r"|^```python\n(?P<excerpt>.*?)^```",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)


class Environment:
    """A virtual environment that sees what is installed here, and into which plugins are installed."""

    def __init__(self, folder: Path, repository: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
        self.bin = folder / "bin"
        (site,) = (folder / "lib").glob("python*/site-packages")
        lines = [sysconfig.get_path("purelib"), str(repository), str(repository / "plugins")]
        (site / "around.pth").write_text("\n".join(lines) + "\n")
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "-q",
            "--python",
            str(self.bin / "python"),
        ]
        offline = "--no-index --no-deps --no-build-isolation"
        self._script(
            "pip",
            f'verb=$1; shift; [ $verb = install ] && set -- {offline} "$@"; exec {shlex.join(pip)} $verb "$@"',
        )
        self._script("seqimg", f'exec {shlex.quote(str(self.bin / "python"))} -m seqimg "$@"')

    def run(self, script: str, folder: Path) -> str:
        """Run shell commands one after the other; the first failure ends them."""
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_"))
        }
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=folder,
            env={**clean, "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def _script(self, name: str, line: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/usr/bin/env bash\n{line}\n")
        path.chmod(0o755)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Environment:
    return Environment(tmp_path_factory.mktemp("author") / "env", repository)


def test_the_tutorial_works_as_printed(environment: Environment, tmp_path: Path, repository: Path) -> None:
    page = (repository / "docs" / "tutorials" / "write-a-plugin.md").read_text(encoding="utf-8")
    folder, file, edits, begun = tmp_path, "", 0, time.monotonic()
    for step in _EDIT.finditer(page):
        file = step["file"] or file
        old, new = (step["old"] or step["old2"]), (step["new"] or step["new2"])
        if step["shell"]:
            environment.run(step["shell"], folder)
            folder = tmp_path / "seqimg-denoise"
        elif old:
            content = (folder / file).read_text(encoding="utf-8")
            assert content.count(old) == 1, f"{file} has {content.count(old)} times:\n{old}"
            (folder / file).write_text(content.replace(old, new), encoding="utf-8")
            edits += 1
        else:
            sources = [path.read_text(encoding="utf-8") for path in (folder / "src").rglob("*.py")]
            assert any(step["excerpt"] in source for source in sources), step["excerpt"]
    assert edits == 4
    assert (folder / "changes.csv").read_text().startswith("frame,time,changed\n0,0.0,")
    assert "seqimg-denoise" not in environment.run("seqimg plugins list", tmp_path)
    assert time.monotonic() - begun < 600


def test_the_example_is_built_installed_and_used(
    environment: Environment, tmp_path: Path, repository: Path
) -> None:
    example = repository / "docs" / "tutorials" / "example-plugin"
    environment.run(f"cp -r {shlex.quote(str(example))} source; pip install ./source", tmp_path)
    assert "clean" in environment.run("seqimg --help", tmp_path)
    environment.run(
        "seqimg clean train --data demo:sweeps --cell leaky --steps 4 --crop 16 --size 32 -o run\n"
        "seqimg data make sweeps bars --count 1 --length 12 --format plain\n"
        "seqimg clean run bars/*/*.plain --model run/model -o out.plain\n"
        "seqimg data info out.plain\n"
        "python -m pytest -q -p no:cacheprovider source/tests\n",
        tmp_path,
    )
    environment.run("pip uninstall -y seqimg-example", tmp_path)
    assert "clean" not in environment.run("seqimg --help", tmp_path).split()
