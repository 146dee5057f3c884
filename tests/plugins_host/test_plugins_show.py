"""`seqimg plugins show` and `check`: all of a plugin, and each thing that is wrong with it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from seqimg import __version__
from seqimg.plugins import API_VERSION
from seqimg.testing import run_command
from tests.support.distributions import GOOD, Site

MANY = """
    from seqimg.plugins import CellSpec, CommandSpec, hookimpl
    SEQIMG_API = 1

    @hookimpl
    def seqimg_cells():
        return [CellSpec(name="leaky", summary="Leaky average.", cell="collections:OrderedDict")]

    @hookimpl
    def seqimg_commands():
        return [CommandSpec(name="tidy", summary="Tidy up.", app="no_such_module:app")]

    @hookimpl
    def seqimg_run_started(run):
        pass
"""


def show(name: str) -> dict[str, object]:
    said = run_command("plugins", "show", name, "--json")
    assert said.code == 0, said.err
    found: dict[str, object] = json.loads(said.out)
    return found


def test_everything_that_a_plugin_registered(site: Site) -> None:
    site.add("radar", MANY)
    (info,) = site.folder.glob("seqimg_radar*.dist-info")
    with (info / "METADATA").open("a") as metadata:
        metadata.write(
            "License-Expression: MIT\nProject-URL: Home, https://example.org/radar\nSummary: Rain.\n"
        )
    found = show("radar")
    assert (found["state"], found["distribution"], found["version"]) == ("ok", "seqimg-radar", "0.3")
    assert (found["licence"], found["home"], found["summary"]) == (
        "MIT",
        "https://example.org/radar",
        "Rain.",
    )
    assert (found["api"], found["api_offered"]) == (1, API_VERSION)
    assert found["registered"] == [
        {
            "kind": "cell",
            "name": "leaky",
            "summary": "Leaky average.",
            "code": {"cell": "collections:OrderedDict"},
        },
        {"kind": "command", "name": "tidy", "summary": "Tidy up.", "code": {"app": "no_such_module:app"}},
        {
            "kind": "listener",
            "name": "seqimg_run_started",
            "summary": "called while a training runs",
            "code": {},
        },
    ]
    for words in ("radar", "seqimg-radar"):
        shown = run_command("plugins", "show", words)
        assert "leaky: Leaky average." in shown.out
        assert "Try: seqimg plugins check radar" in shown.err


def test_a_plugin_that_is_off(site: Site) -> None:
    site.add("radar", GOOD.replace("API = 1", "API = 99"))
    found = show("radar")
    assert (found["state"], found["api"]) == ("failed", 99)
    assert found["reason"] == f"wrong plugin API: it wants 99; this seqimg offers {API_VERSION}"
    said = run_command("plugins", "show", "radar", "--debug")
    assert "Traceback" in said.err


@pytest.mark.parametrize("name", ["seqimg", "repair", "predict"])
def test_what_comes_along(name: str) -> None:
    found = show(name)
    assert (found["version"], found["licence"], found["api"]) == (__version__, "Apache-2.0", API_VERSION)


@pytest.mark.parametrize("verb", ["show", "check"])
def test_an_unknown_plugin(verb: str) -> None:
    said = run_command("plugins", verb, "predcit")
    assert said.code == 3
    assert "did you mean predict?" in said.err
    assert len(said.err.splitlines()) == 3


def test_each_fault_is_named_and_explained(site: Site) -> None:
    site.add("radar", "import torch\n" + "\n".join(line.removeprefix("    ") for line in MANY.splitlines()))
    said = run_command("plugins", "check", "radar", "--json")
    assert said.code == 4
    found = {(one["what"], one["check"]): one for one in json.loads(said.out.splitlines()[0])["findings"]}
    faults = {key: one["why"] for key, one in found.items() if one["state"] == "failed"}
    assert (
        "No module named 'no_such_module'"
        in faults["plugin radar", "Every `module:attribute` in its specs imports."]
    )
    assert any("import numpy, torch: name code as 'module:attribute'" in why for why in faults.values())
    assert any(what == "cell leaky" for what, _ in faults)
    assert any(what == "command tidy" for what, _ in faults)
    assert said.err.splitlines()[-1] == "Try: seqimg plugins show radar"


def test_a_plugin_that_does_not_load_is_checked_too(site: Site) -> None:
    site.add("radar", "import no_such_module")
    said = run_command("plugins", "check", "radar", "--json", "--quiet")
    assert said.code == 4
    findings = json.loads(said.out.splitlines()[0])["findings"]
    assert any("No module named 'no_such_module'" in one["why"] for one in findings)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "it has no pyproject.toml"),
        ("[project", "cannot read"),
        ("[project]\nname = 'x'\n", "names no plugin"),
        ("[tool]\n", "KeyError"),
        ("[project]\nname = '../x'\n[project.entry-points.seqimg]\nx = 'x'\n", "holds a name that is none"),
        ("[project]\nname = 'x'\n[project.entry-points.seqimg]\nx = 3\n", "names no plugin"),
    ],
)
def test_a_folder_that_holds_no_plugin(content: str | None, words: str) -> None:
    Path("mine").mkdir()
    if content is not None:
        Path("mine/pyproject.toml").write_text(content)
    said = run_command("plugins", "check", "./mine")
    assert said.code in (1, 2)
    assert words in said.err
    assert len(said.err.splitlines()) <= 3


def test_a_folder_that_is_not_there() -> None:
    assert "there is no such folder" in run_command("plugins", "check", "no/such").err


@pytest.fixture
def project() -> Callable[[str], Path]:
    """Write a distribution that is not installed, with this root module."""

    def write(source: str) -> Path:
        folder = Path("mine")
        (folder / "src").mkdir(parents=True)
        (folder / "pyproject.toml").write_text(
            "[project]\nname = 'seqimg-mine'\nversion = '1.0'\n[project.entry-points.seqimg]\nmine = 'seqimg_mine'\n"
        )
        (folder / "src" / "seqimg_mine.py").write_text(source)
        return folder

    return write


def test_a_folder_is_checked_in_a_process_of_its_own(
    project: Callable[[str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    folder = project("import os\nos._exit(7)\n")
    assert run_command("plugins", "check", f"./{folder}").code == 7  # and this process is still here
    (folder / "src" / "seqimg_mine.py").write_text("SEQIMG_API = 1\n")
    assert run_command("plugins", "check", f"./{folder}", "--quiet").code == 4
    assert "it registers nothing" in capfd.readouterr().err
    assert not list(folder.rglob("__pycache__"))
