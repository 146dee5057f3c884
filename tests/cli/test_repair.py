"""`plugins list` and `doctor` work whatever else is broken."""

import json
from pathlib import Path

import pytest

from tests.support.distributions import GOOD, Site

BROKEN = "import no_such_module"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    folder = tmp_path / "site"
    folder.mkdir()
    return Site(folder)


def test_plugins_list_shows_what_is_on_and_what_is_off(site: Site) -> None:
    site.add("radar", GOOD)
    site.add("waves", BROKEN, version="2.1")
    listed = site.run("plugins", "list")
    assert (listed.returncode, listed.stderr) == (0, "")
    rows = {line.split()[0]: line for line in listed.stdout.splitlines()}
    assert "cell leaky" in rows["radar"]
    for word in ("seqimg-waves", "2.1", "failed", "import", "No module named 'no_such_module'"):
        assert word in rows["waves"]
    plugins = {p["name"]: p for p in json.loads(site.run("plugins", "list", "--json").stdout)["plugins"]}
    assert plugins["radar"]["registered"] == ["cell leaky"]
    assert (plugins["waves"]["state"], plugins["waves"]["stage"]) == ("failed", "import")


def test_a_broken_plugin_is_mentioned_once_and_stops_nothing(site: Site) -> None:
    site.add("waves", BROKEN)
    done = site.run("predict", "train", "--stpes", "3")
    assert done.returncode == 2
    assert done.stderr.count("Plugin waves") == 1
    strict = site.run("predict", "train", "--stpes", "3", SEQIMG_STRICT_PLUGINS="1")
    assert strict.returncode == 3
    assert "Plugin waves" in strict.stderr


def _checks(site: Site, *arguments: str, **environment: str) -> tuple[int, dict[str, dict[str, str]]]:
    done = site.run("doctor", "--json", *arguments, **environment)
    assert "Traceback" not in done.stderr
    return done.returncode, {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_doctor_on_a_healthy_machine(site: Site) -> None:
    code, checks = _checks(site)
    assert (code, {check["state"] for check in checks.values()} - {"warn"}) == (0, {"ok"})
    assert list(checks) == ["python", "packages", "torch", "gpu", "kernels", "video", "plugins", "folders"]
    assert "conv_gru: " in checks["kernels"]["detail"]


def test_doctor_with_everything_broken(site: Site) -> None:
    site.add("waves", "raise RuntimeError('storm')")
    for module in ("torch", "av"):
        (site.folder / f"{module}.py").write_text("raise ImportError('it was never built')")
    code, checks = _checks(site, SEQIMG_PLUGINS="waves,rador")
    assert code == 4
    for name in ("torch", "gpu", "kernels", "video"):
        assert checks[name]["state"] == "fail"
        assert "it was never built" in checks[name]["detail"]
    assert "storm" in checks["plugins"]["detail"]
    assert "rador" in checks["plugins"]["detail"]
    assert {checks[name]["state"] for name in ("python", "packages", "folders")} <= {"ok", "warn"}


def test_doctor_without_plugins(site: Site) -> None:
    for environment, arguments in (({"SEQIMG_PLUGINS": ""}, ()), ({}, ("--no-plugins",))):
        code, checks = _checks(site, *arguments, **environment)
        assert code == 0
        disabled = checks["plugins"]["detail"].partition("disabled: ")[2]
        assert "predict" in disabled.split(", ")


def test_doctor_as_a_table(site: Site) -> None:
    done = site.run("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].split() == ["check", "state", "found", "what", "to", "do"]
