"""Plugins that misbehave are isolated, named and explained; everything else stays."""

import io
import sys
from collections.abc import Callable
from contextlib import redirect_stdout

import pytest

from seqimg import __version__
from seqimg.errors import UnavailableError
from seqimg.plugins import API_VERSION
from seqimg.plugins.manager import PluginHost, plugin_host
from seqimg.plugins.reports import PluginReport
from tests.support.distributions import GOOD, Site

Load = Callable[..., tuple[PluginHost, PluginReport]]
HEADER = "from seqimg.plugins import CellSpec, CommandSpec, TaskSpec, hookimpl\nSEQIMG_API = 1\n"


def cells(body: str) -> str:
    return f"{HEADER}\n@hookimpl\ndef seqimg_cells():\n    {body}\n"


NOTHING = cells("return []")


def test_builtins_are_registered_first() -> None:
    host = PluginHost()
    assert [report.name for report in host.reports[:2]] == ["repair", "seqimg"]
    assert {report.state for report in host.reports[:2]} == {"ok"}
    assert "conv_gru" in host.cells
    assert "*.sequence/reference" in host.kernels
    assert {"pans", "moving-digits"} <= set(host.datasets)
    assert {"demo", "doctor", "plugins"} <= set(host.commands)
    assert len(host.formats) > 0


def test_every_builtin_target_names_code_that_exists() -> None:
    host = PluginHost()
    for registry in (host.cells, host.kernels, host.datasets, host.commands, host.checks):
        for name in registry.names():
            if registry.owner(name).distribution == "seqimg":
                assert callable(registry.load(name)), name
    for spec in host.formats.values():
        for field in ("reader", "writer"):
            if getattr(spec, field) is not None:
                assert callable(host.formats.load(spec.name, field))


def test_good_plugin(load: Load) -> None:
    host, report = load(GOOD)
    assert (report.state, report.stage, report.reason) == ("ok", None, None)
    assert (report.distribution, report.version) == ("seqimg-radar", "0.3")
    assert report.registered == ("cell leaky",)
    assert str(host.cells.owner("leaky")) == "radar (seqimg-radar 0.3)"
    assert host.cells.load("leaky").__name__ == "OrderedDict"


def test_entry_point_may_name_an_object(load: Load) -> None:
    source = """
        from seqimg.plugins import CellSpec, hookimpl

        class Plugin:
            SEQIMG_API = 1

            @hookimpl
            def seqimg_cells(self):
                yield CellSpec(name="leaky", summary="Leaky average.", cell="collections:OrderedDict")

        class Holder:
            plugin = Plugin()
    """
    host, report = load(source, value="{module}:Holder.plugin")
    assert report.state == "ok", report.reason
    assert "leaky" in host.cells


@pytest.mark.parametrize(
    ("source", "stage", "reason"),
    [
        ("import no_such_module", "import", "No module named 'no_such_module'"),
        ("1 / 0", "import", "ZeroDivisionError: division by zero"),
        ("def (", "import", "SyntaxError: "),
        ("raise SystemExit(3)", "import", "it called sys.exit(3)"),
        ("import sys\nsys.exit('bye')", "import", "it called sys.exit('bye')"),
        (HEADER.replace("API = 1", "API = 99"), "api", f"it wants 99; this seqimg offers {API_VERSION}"),
        (HEADER.replace("API = 1", "API = '1'"), "api", f"it wants '1'; this seqimg offers {API_VERSION}"),
        (HEADER.replace("API = 1", "API = True"), "api", f"it wants True; this seqimg offers {API_VERSION}"),
        ("x = 1", "api", f"it declares no SEQIMG_API; this seqimg offers {API_VERSION}"),
        (cells("raise KeyError('radar')"), "hooks", "KeyError: 'radar'"),
        (cells("import sys; sys.exit()"), "hooks", "it called sys.exit(None)"),
        (cells("yield 1 / 0"), "hooks", "ZeroDivisionError: division by zero"),
        (cells("return [CellSpec(name='Bad Name', summary='x', cell='a:b')]"), "hooks", "ValueError: name 'Bad Name'"),
        (cells("return [CellSpec(name='leaky', summary='x', cell='nonsense')]"), "hooks", "write 'module:attribute'"),
        (cells("return None"), "specs", "seqimg_cells returned None (NoneType); return a list of CellSpec"),
        (cells("return 'leaky'"), "specs", "seqimg_cells returned 'leaky' (str); return a list of CellSpec"),
        (cells("return [42]"), "specs", "seqimg_cells returned 42 (int), which is no CellSpec"),
        (
            cells("return [CommandSpec(name='leaky', summary='x', app='a:b')]"),
            "specs",
            "which is no CellSpec",
        ),
        (cells("return CellSpec(name='leaky', summary='x', cell='a:b')"), "specs", "return a list of CellSpec"),
        (NOTHING.replace("_cells", "_task"), "hooks", "unknown hook seqimg_task; did you mean seqimg_tasks?"),
        (NOTHING.replace("_cells", "_qqqqqqqqq"), "hooks", "unknown hook seqimg_qqqqqqqqq; hooks: seqimg_cells, "),
        (NOTHING.replace("@hookimpl\n", ""), "hooks", "seqimg_cells lacks the @hookimpl decorator"),
        (NOTHING.replace("seqimg_cells()", "seqimg_cells(host)"), "hooks", "'host'"),
    ],
)  # fmt: skip
def test_bad_plugin_is_off_and_explained(load: Load, source: str, stage: str, reason: str) -> None:
    before = PluginHost()
    host, report = load(source)
    assert (report.state, report.stage) == ("failed", stage)
    assert reason in (report.reason or "")
    assert "\n" not in report.why_off
    assert "Traceback" in (report.traceback or "")
    for kind in ("cells", "kernels", "tasks", "datasets", "formats", "commands", "checks"):
        assert getattr(host, kind).names() == getattr(before, kind).names()


def test_a_later_failure_takes_back_all_that_went_before(load: Load) -> None:
    host, report = load(
        HEADER
        + """
@hookimpl
def seqimg_cells():
    return [CellSpec(name="leaky", summary="x", cell="a:b")]

@hookimpl
def seqimg_commands():
    return [CommandSpec(name="tidy", summary="x", app="a:b"), CommandSpec(name="doctor", summary="x", app="a:b")]
"""
    )
    assert report.stage == "names"
    assert report.registered == ()
    expected = (
        f"command doctor of radar (seqimg-radar 0.3) is registered already by repair (seqimg {__version__})"
    )
    assert report.reason == expected
    assert "leaky" not in host.cells
    assert "tidy" not in host.commands
    assert host.commands.load("doctor").__class__.__name__ == "Typer"


def test_builtin_name_wins(load: Load) -> None:
    host, report = load(cells("return [CellSpec(name='conv_gru', summary='x', cell='a:b')]"))
    assert report.stage == "names"
    assert host.cells.owner("conv_gru").plugin == "seqimg"


def test_task_and_command_share_their_names(load: Load) -> None:
    task = "TaskSpec(name='doctor', summary='x', task='a:b', config='a:b', run_options='a:b')"
    host, report = load(cells(f"return [{task}]").replace("seqimg_cells", "seqimg_tasks"))
    assert report.stage == "names"
    assert report.reason == f"doctor is a command of repair (seqimg {__version__}) already"
    assert "doctor" not in host.tasks


def test_the_first_of_two_plugins_keeps_the_name(site: Site) -> None:
    site.add("beta", GOOD)
    site.add("alpha", GOOD)
    host = PluginHost()
    states = {report.name: report for report in host.reports}
    assert states["alpha"].state == "ok"
    assert (
        states["beta"].reason
        == "cell leaky of beta (seqimg-beta 0.3) is registered already by alpha (seqimg-alpha 0.3)"
    )
    assert host.cells.owner("leaky").plugin == "alpha"


def test_two_distributions_with_one_entry_point_name(site: Site) -> None:
    site.add("radar", GOOD)
    other = site.folder / "other_radar-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: other-radar\nVersion: 1.0\n")
    (other / "entry_points.txt").write_text("[seqimg]\nradar = textwrap\n")
    reports = [report for report in PluginHost().reports if report.name == "radar"]
    assert [report.distribution for report in reports] == ["other-radar", "seqimg-radar"]
    # textwrap is no plugin, so the name is free for the second.
    assert [report.state for report in reports] == ["failed", "ok"]


def test_printing_plugin_spoils_no_stdout(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    stdout = io.StringIO()
    with redirect_stdout(stdout):
        _, report = load("print('at import')\n" + cells("print('in hook'); return []"))
    assert report.state == "ok"
    assert stdout.getvalue() == ""
    assert capsys.readouterr().err == "at import\nin hook\n"


def test_plugin_that_registers_nothing_is_noted(load: Load) -> None:
    _, report = load(NOTHING)
    assert report.notes == ("it registers nothing",)


def test_ctrl_c_while_loading_stops(load: Load) -> None:
    with pytest.raises(KeyboardInterrupt):
        load("raise KeyboardInterrupt")


def test_damaged_metadata_hides_no_other_plugin(site: Site) -> None:
    site.add("radar", GOOD)
    damaged = site.folder / "broken_one-1.0.dist-info"
    damaged.mkdir()
    (damaged / "entry_points.txt").write_bytes(b"[seqimg]\nno equals sign \xff\xfe\n")
    reports = {report.name: report for report in PluginHost().reports}
    assert reports["radar"].state == "ok"
    assert reports["broken_one-1.0"].stage == "find"


def test_allow_list(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.add("radar", GOOD)
    site.add("waves", "this_must_not_run()")
    monkeypatch.setenv("SEQIMG_PLUGINS", " radar ,, radr")
    reports = {report.name: report for report in PluginHost().reports}
    assert reports["radar"].state == "ok"
    assert (reports["waves"].state, reports["waves"].reason) == ("disabled", "not named in SEQIMG_PLUGINS")
    assert (reports["radr"].state, reports["radr"].stage) == ("failed", "find")
    assert (reports["radr"].reason or "").endswith("not installed; did you mean radar?")


def test_empty_allow_list_loads_none_but_the_builtins(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.add("radar", "this_must_not_run()")
    monkeypatch.setenv("SEQIMG_PLUGINS", "")
    host = PluginHost()
    assert [report.name for report in host.reports if report.state == "ok"] == ["repair", "seqimg"]
    assert {report.state for report in host.reports[2:]} == {"disabled"}


def test_strict_refuses_the_first_failure(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.add("radar", "import no_such_module")
    assert len(plugin_host().failures()) == 1
    monkeypatch.setenv("SEQIMG_STRICT_PLUGINS", "1")
    with pytest.raises(UnavailableError) as caught:
        plugin_host()
    assert str(caught.value).splitlines() == [
        "Plugin radar 0.3 (seqimg-radar) is off",
        "import failed: No module named 'no_such_module'",
        "Try: seqimg plugins list",
    ]
    assert plugin_host(strict=False).failures()


def test_host_is_loaded_once(site: Site) -> None:
    site.add("radar", "import sys\nsys.radar_loaded = getattr(sys, 'radar_loaded', 0) + 1\n" + HEADER)
    plugin_host()
    plugin_host()
    try:
        assert sys.radar_loaded == 1  # type: ignore[attr-defined] # the plugin set it
    finally:
        del sys.radar_loaded  # type: ignore[attr-defined]
