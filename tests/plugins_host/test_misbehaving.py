"""Real distributions that misbehave, all installed at once: each named and explained, every command still works."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from seqimg.plugins import API_VERSION

HOOK = """
from seqimg.plugins import CellSpec, CommandSpec, hookimpl
SEQIMG_API = 1
@hookimpl
def seqimg_cells():
    {body}
"""
LEAKY = 'return [CellSpec(name="{name}", summary="Leaky.", cell="collections:OrderedDict")]'

SOURCES = {
    "good": HOOK.format(body=LEAKY.format(name="leaky")),
    "raises": "raise RuntimeError('no licence file\\nfound')",
    "exits": "import sys; sys.exit(3)",
    "raises-in-hook": HOOK.format(body="raise KeyError('radar')"),
    "wrong-type": HOOK.format(body="return {'leaky': 1}"),
    "taken": HOOK.format(body=LEAKY.format(name="conv_gru")),
    "future": HOOK.format(body="return []").replace("API = 1", "API = 99"),
    "heavy": "import torch" + HOOK.format(body=LEAKY.format(name="heavy")),
    "slow": "import time; time.sleep(0.6)" + HOOK.format(body=LEAKY.format(name="slow")),
    "prints": "print('hello from a plugin')" + HOOK.format(body=LEAKY.format(name="prints")),
    "deep": "def f(): return f()\nf()",
    "threads": "import threading\nraise threading.ThreadError",
}
REASONS = {
    "raises": ("import", "RuntimeError: no licence file found"),
    "exits": ("import", "it called sys.exit(3)"),
    "raises-in-hook": ("hooks", "KeyError: 'radar'"),
    "wrong-type": ("specs", "seqimg_cells returned {'leaky': 1} (dict); return a list of CellSpec"),
    "taken": ("names", "cell conv_gru of taken (seqimg-taken 1.2) is registered already by seqimg"),
    "future": ("api", f"it wants 99; this seqimg offers {API_VERSION}"),
    "deep": ("import", "RecursionError"),
    "threads": ("import", "RuntimeError"),
}


def wheel(folder: Path, name: str, source: str) -> Path:
    """Write a wheel as a build would."""
    word = name.replace("-", "_")
    path = folder / f"seqimg_{word}-1.2-py3-none-any.whl"
    info = f"seqimg_{word}-1.2.dist-info"
    files = {
        f"plugin_{word}/__init__.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: seqimg-{name}\nVersion: 1.2\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[seqimg]\n{name} = plugin_{word}\n",
    }
    record = "".join(f"{place},,\n" for place in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for place, content in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(place, content)
    return path


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed all of them."""
    folder = tmp_path_factory.mktemp("misbehaving")
    wheels = [str(wheel(folder, name, source)) for name, source in SOURCES.items()]
    target = folder / "site"
    words = [
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-compile",
        "--target",
        str(target),
        *wheels,
    ]
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *words], check=True)
    return target


LIGHT = ",".join(name for name in SOURCES if name not in ("heavy", "slow"))


def run(site: Path, *words: str, plugins: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "seqimg", *words],
        env={
            **os.environ,
            "PYTHONPATH": str(site),
            **({} if plugins is None else {"SEQIMG_PLUGINS": plugins}),
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_each_is_named_and_explained(installed: Path) -> None:
    done = run(installed, "plugins", "list", "--json")
    assert done.returncode == 0
    reports = {one["name"]: one for one in json.loads(done.stdout)["plugins"]}
    for name, (stage, reason) in REASONS.items():
        assert (reports[name]["state"], reports[name]["stage"]) == ("failed", stage), name
        assert reason in reports[name]["reason"], name
        assert reports[name]["registered"] == []
    for name in ("good", "heavy", "slow", "prints", "predict", "filter", "seqimg"):
        assert reports[name]["state"] == "ok", name
    assert reports["heavy"]["notes"][0].startswith("its root module imports ")
    assert "torch" in reports["heavy"]["notes"][0]
    assert reports["slow"]["notes"][0].startswith("it takes 0.")
    assert "hello from a plugin" in done.stderr


def test_every_other_command_works_and_says_what_is_off(installed: Path, tmp_path: Path) -> None:
    helped = run(installed, "--help", plugins=f"{LIGHT},predict,classify,filter")
    assert helped.returncode == 0
    assert all(name in helped.stdout for name in ("predict", "classify", "filter", "doctor", "data"))
    made = run(
        installed, "data", "make", "moving-digits", str(tmp_path / "d"), "--count", "1", "--length", "2"
    )
    assert made.returncode == 0, made.stderr
    for name in REASONS:
        assert f"Plugin {name} 1.2 (seqimg-{name}) is off: " in made.stderr
    assert "Traceback" not in made.stderr


def test_cells_of_the_good_ones_are_there(installed: Path) -> None:
    done = run(installed, "cells", "list", "--json", plugins=LIGHT)
    assert done.returncode == 0, done.stderr
    assert "hello" not in done.stdout
    assert all(f'"{name}"' in done.stdout for name in ("leaky", "prints", "conv_gru"))
