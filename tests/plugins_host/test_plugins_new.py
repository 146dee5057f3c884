"""What `seqimg plugins new` writes works at once, whatever the kind; names that cannot be are refused."""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from seqimg.cli.plugins_check import _describe, _project
from seqimg.cli.plugins_new import KINDS, NewPlugin
from seqimg.sequences import save_sequence
from seqimg.testing import Said, moving_square, run_command
from tests.docs.public_api import MODULES
from tests.support.distributions import Site


@pytest.fixture
def make(site: Site) -> Callable[[str], Path]:
    """Write a plugin of a kind and make it as good as installed."""

    def one(kind: str) -> Path:
        said = run_command("plugins", "new", f"my-{kind}", "--kind", kind)
        assert said.code == 0, said.err
        folder = Path(f"seqimg-my-{kind}").resolve()
        _describe(site.folder, *_project(folder))
        return folder

    return one


def run_tests(folder: Path, site: Site) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(site.folder), str(folder / "src")])
    done = site.python(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", str(folder), PYTHONPATH=path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.mark.parametrize("kind", KINDS)
def test_all_that_is_written_is_sound(kind: str, make: Callable[[str], Path]) -> None:
    folder = make(kind)
    sources = sorted(folder.rglob("*.py"))
    assert len(sources) >= 3
    for source in sources:
        ast.parse(source.read_text())
    pytest.importorskip("ruff")  # a tool of those who work on seqimg itself
    rules = ["--config", str(Path(__file__).parents[2] / "pyproject.toml")]
    for verb in (["check", "--ignore", "D,I,RUF012"], ["format", "--check"]):
        words = [sys.executable, "-m", "ruff", *verb, *rules, *map(str, sources)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_word_of_the_templates_is_filled_in() -> None:
    for kind in KINDS:
        for place, content in NewPlugin("rain-radar", kind).files():
            assert "$" not in content.replace("$$", ""), place


def test_a_new_plugin_passes_its_own_tests(make: Callable[[str], Path], site: Site) -> None:
    assert "failed" not in run_tests(make("check"), site).stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "check"])
def test_every_new_plugin_passes_its_own_tests(kind: str, make: Callable[[str], Path], site: Site) -> None:
    run_tests(make(kind), site)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_command_in_its_readme_works(kind: str, make: Callable[[str], Path], site: Site) -> None:
    folder = make(kind)
    line = (folder / "README.md").read_text(encoding="utf-8").partition("```\n")[2].partition("\n```")[0]
    words = shlex.split(line.splitlines()[-1].replace("--minutes 1", "--steps 2 --crop 16 --batch-size 2"))
    variables = dict(word.split("=", 1) for word in words[: words.index("seqimg")])
    save_sequence(moving_square(12), Path("clip.mp4"), fps=10)
    path = os.pathsep.join([str(site.folder), str(folder / "src")])
    done = site.python("-m", *words[words.index("seqimg") :], PYTHONPATH=path, **variables)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_new_plugin_keeps_its_contracts_before_it_is_installed(kind: str, site: Site) -> None:
    assert run_command("plugins", "new", "mine", "--kind", kind).code == 0
    done = site.run("plugins", "check", "./seqimg-mine", "--json", "--quiet")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["failed"] == 0
    assert found["ok"] >= 5


@pytest.mark.parametrize(
    "name", ["Rain", "rain_radar", "1rain", "", "rain--radar", "r" * 41, "class", "a/b", "-o", ".."]
)
def test_names_that_cannot_be(name: str) -> None:
    said = run_command("plugins", "new", "--", name)
    assert said.code == 2
    assert 1 <= len(said.err.splitlines()) <= 3
    assert not any(Path().iterdir())


def test_a_near_name_is_offered() -> None:
    assert "Try: seqimg plugins new rain-radar" in run_command("plugins", "new", "Rain_Radar").err


@pytest.mark.parametrize(
    ("name", "owner"),
    [("predict", "plugin 'predict'"), ("data", "command 'data'"), ("conv-gru", "cell 'conv_gru'")],
)
def test_names_that_are_taken(name: str, owner: str) -> None:
    said = run_command("plugins", "new", name)
    assert said.code == 1
    assert owner in said.err
    assert not any(Path().iterdir())


def test_nothing_is_overwritten() -> None:
    Path("seqimg-rain").mkdir()
    Path("seqimg-rain/mine.txt").write_text("mine")
    said = run_command("plugins", "new", "rain")
    assert said.code == 1
    assert "exists already" in said.err
    assert "Try: -o another/folder" in said.err
    assert [path.name for path in Path("seqimg-rain").iterdir()] == ["mine.txt"]


def test_a_dry_run_names_the_files_and_writes_none() -> None:
    said = run_command("plugins", "new", "seqimg-rain", "--kind", "cell", "--dry-run", "--json")
    found = json.loads(said.out)
    assert (found["plugin"], found["written"]) == ("rain", False)
    assert "src/seqimg_rain/cell.py" in found["files"]
    assert not any(Path().iterdir())


def test_files_are_those_that_were_named(tmp_path: Path) -> None:
    said: Said = run_command("plugins", "new", "rain", "-o", tmp_path / "there", "--json")
    files = {
        str(path.relative_to(tmp_path / "there"))
        for path in (tmp_path / "there").rglob("*")
        if path.is_file()
    }
    assert set(json.loads(said.out)["files"]) == files == dict(NewPlugin("rain", "task").files()).keys()
    assert said.err.splitlines()[-2].endswith("there/src/seqimg_rain/task.py")
    assert said.err.splitlines()[-1].startswith("Try: pip install -e")


def test_templates_and_pages_need_nothing_but_public_names() -> None:
    root = Path(__file__).parents[2]
    sources = [*(root / "seqimg" / "cli" / "plugin_templates").rglob("*.tmpl")]
    sources += [
        path for path in (root / "docs" / "tutorials").rglob("*") if path.suffix in (".py", ".md", ".toml")
    ]
    sources.append(root / "docs" / "how-to" / "plugins.md")
    found = {
        (module, name.split(" as ")[0].strip(), path.name)
        for path in sources
        for module, names in re.findall(
            r"^ *from (seqimg(?:\.[\w.]+)?) import ([^(\n]+)$", path.read_text(encoding="utf-8"), re.M
        )
        for name in names.split(",")
    }
    assert len(found) > 40
    private = [
        f"{place}: {module}.{name}"
        for module, name, place in sorted(found)
        if module not in MODULES or name not in import_module(module).__all__
    ]
    assert not private, "a gap in what is public:\n" + "\n".join(private)
