"""What the reference says is what the program has: made pages are up to date, nothing is missing from the others."""

import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from seqimg.config import TaskConfig
from seqimg.plugins import builtin, resolve
from seqimg.plugins.builtin_formats import FORMATS
from tests.docs.public_api import MODULES
from tests.docs.reference.commands import command_names
from tests.docs.reference.hooks import hook_names
from tests.docs.reference.metrics import configurations
from tests.docs.reference.own import own_tasks
from tests.docs.reference.pages import DOCS, ROOT, stale, wanted
from tests.docs.reference.python import modules_of, pages

SOURCES = [*(ROOT / "seqimg").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]

NO_SETTINGS = {
    "SEQIMG_API": "a name in the root module of a plugin",
    "_SEQIMG_COMPLETE": "set by the shell's completion script for itself",
    "SEQIMG_CHECKS_A_FOLDER": "set by `plugins check` for the process that it starts",
    "PYTHONPATH": "set by `plugins check` for the process that it starts",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "set for a Ray of seqimg's own",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "set for a Ray of seqimg's own",
    "RAY_USAGE_STATS_ENABLED": "set for a Ray of seqimg's own, so that it reports nothing",
}


def read(page: str) -> str:
    return (DOCS / "reference" / page).read_text(encoding="utf-8")


def test_made_pages_are_what_the_code_says() -> None:
    made = wanted()
    old = [
        str(path.relative_to(ROOT))
        for path, text in made.items()
        if not path.is_file() or path.read_text("utf-8") != text
    ]
    assert not old, f"run `make reference`: {', '.join(old)}"
    assert not stale(), f"run `make reference`: {stale()}"


def test_every_command_has_its_section() -> None:
    for command in command_names():
        assert f"## seqimg {command}\n" in read(f"commands/{command.split()[0]}.md")
        assert f"`seqimg {command}`" in read("commands/index.md")


def test_every_public_module_and_name_has_its_place() -> None:
    told = [module for room in pages() for module in modules_of(room)]
    assert set(MODULES) <= set(told)
    assert len(told) == len(set(told))


@pytest.mark.parametrize("task", [spec.name for spec in own_tasks()])
def test_every_figure_is_defined(task: str) -> None:
    kind = resolve(next(spec for spec in own_tasks() if spec.name == task).task)
    for values in configurations(task).values():
        made = kind(kind.Config(**values))
        assert set(made.metrics()) <= set(made.conventions())
        assert all(len(words) > 20 for words in made.conventions().values())


def test_the_settings_of_a_task_have_its_own_defaults() -> None:
    page = read("settings.md")
    for spec in own_tasks():
        part = page.partition(f"### {spec.name}: training\n")[2].partition(f"### {spec.name}: run\n")[0]
        for name, field in resolve(spec.config).model_fields.items():
            shared = TaskConfig.model_fields.get(name)
            other = shared is None or shared.default != field.default
            assert not other or f"\n| `{name}` |" in part, f"{spec.name}: {name}"


def test_no_definition_of_a_figure_is_missing_from_the_page() -> None:
    page, defined = read("metrics.md"), 0
    for path in (ROOT / "plugins").glob("seqimg_*/*.py"):
        if not re.search(r"^CONVENTIONS\b", path.read_text(encoding="utf-8"), re.M):
            continue
        named = import_module(f"{path.parent.name}.{path.stem}").CONVENTIONS
        missing = [name for name in named if f"| `{name}` |" not in page]
        assert not missing, f"docs/reference/metrics.md says nothing of {', '.join(missing)} of {path.stem}"
        defined += len(named)
    assert defined > 10


def test_every_hook_is_told_and_tested() -> None:
    tests = [*(ROOT / "tests").rglob("*.py"), *(DOCS / "tutorials").rglob("*.py")]
    # Installed and used by tests/e2e.
    tests += (ROOT / "seqimg" / "cli" / "plugin_templates").rglob("*.py.tmpl")
    code = "\n".join(path.read_text(encoding="utf-8") for path in tests if path != Path(__file__))
    for hook in hook_names():
        assert f"`{hook}`" in read("hooks.md")
        assert re.search(rf"\b{hook}\b", code), f"no test implements {hook}"


def test_every_format_is_told() -> None:
    page = read("formats.md") + (DOCS / "how-to" / "pipes-and-cameras.md").read_text(encoding="utf-8")
    names = [f"`{suffix}`" for one in FORMATS for suffix in one.suffixes if suffix]
    names += [f"`{scheme}:" for one in FORMATS for scheme in one.schemes]
    assert [name for name in names if name not in page] == []


def test_every_layout_is_told() -> None:
    page = read("layouts.md")
    assert [spec.name for spec in builtin.seqimg_layouts() if f"`{spec.name}`" not in page] == []


def test_every_extra_is_told() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    told = (DOCS / "how-to" / "install.md").read_text(encoding="utf-8")
    assert [extra for extra in project["optional-dependencies"] if f"`{extra}`" not in told] == []


def test_every_variable_of_the_environment_is_told() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    found = set(re.findall(r"""["'](_?SEQIMG_[A-Z_]+[A-Z])["'{ ,]""", text))
    found |= set(re.findall(r"""environ(?:\.\w+)?[\[(]\s*["']([A-Z_]+)["']""", text))
    assert {"SEQIMG_KERNEL", "SEQIMG_DEBUG", "SEQIMG_PLUGINS", "XDG_CACHE_HOME"} <= found
    told = read("files.md")
    missing = sorted(name for name in found - set(NO_SETTINGS) if f"`{name}`" not in told)
    assert not missing, f"docs/reference/files.md says nothing of {', '.join(missing)}"
