"""What a plugin's author goes through, in an environment with nothing but seqimg: the tutorial word by word."""

import os
import re
import shlex
import signal
import subprocess
import sys
import sysconfig
import time
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urljoin
from urllib.request import HTTPCookieProcessor, build_opener

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

    def variables(self) -> dict[str, str]:
        """Return the environment of whoever works in it."""
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_"))
        }
        return {**clean, "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}"}

    def run(self, script: str, folder: Path) -> str:
        """Run shell commands one after the other; the first failure ends them."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=folder,
            env=self.variables(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
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


@pytest.mark.timeout(900)  # what the page promises
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
    assert time.monotonic() - begun < 900


@pytest.mark.timeout(600)
def test_a_new_plugin_from_an_empty_folder_to_its_end(environment: Environment, tmp_path: Path) -> None:
    begun = processor_seconds()
    environment.run("seqimg plugins new glint; pip install './seqimg-glint[test]'", tmp_path)
    environment.run("python -m pytest -q -p no:cacheprovider seqimg-glint", tmp_path)
    environment.run(
        "seqimg data make pans clips --count 1 --length 12 --size 48\n"
        "seqimg glint level clips/*.mp4\n"
        "seqimg glint train --data clips --steps 6 --batch-size 2 --crop 16 --holdout 0.4 --short pad -o run\n"
        "seqimg glint run clips/*.mp4 --model run/model -o clean.mp4\n"
        "seqimg data info clean.mp4\n"
        "seqimg glint export --model run/model -o glint.pt2 --format torch --clips 2\n",
        tmp_path,
    )
    assert "glint" in told(environment.run("seqimg --help", tmp_path))
    assert {"train", "run", "eval", "export", "level"} <= told(
        environment.run("seqimg glint --help", tmp_path)
    )
    assert (tmp_path / "glint.json").is_file()
    (clip,) = (tmp_path / "clips").glob("*.mp4")
    assert live_picture(environment, clip, tmp_path / "run" / "model").startswith(b"\x89PNG")
    environment.run("pip uninstall -y seqimg-glint", tmp_path)
    assert "glint" not in told(environment.run("seqimg --help; seqimg plugins list", tmp_path))
    said = environment.run("seqimg glint run x.mp4 2>&1 || test $? = 2", tmp_path)
    assert "glint" in said
    assert len(said.splitlines()) <= 3
    assert processor_seconds() - begun < 180  # three minutes of a machine that does nothing else


def processor_seconds() -> float:
    """Return the time that all commands so far have computed."""
    spent = os.times()
    return spent.children_user + spent.children_system


def told(text: str) -> set[str]:
    """Return the words that lines begin with."""
    return {line.split()[0] for line in text.splitlines() if line.strip()}


def live_picture(environment: Environment, clip: Path, model: Path) -> bytes:
    """Return what the live page shows of a model at work."""
    words = [
        environment.bin / "python",
        "-m",
        "seqimg",
        "live",
        clip,
        "--loop",
        "--model",
        model,
        "--port",
        "0",
    ]
    with subprocess.Popen(
        [str(word) for word in words],
        env=environment.variables(),
        cwd=model.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            address = next(line.strip() for line in server.stdout if line.startswith("http"))
            browser = build_opener(HTTPCookieProcessor())
            browser.open(address, timeout=20).close()
            for _ in range(200):
                with suppress(URLError):  # as long as no frame has come
                    return bytes(browser.open(urljoin(address, "/snapshot.png"), timeout=20).read())
                time.sleep(0.1)
            raise AssertionError("the live page shows nothing")
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)


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
