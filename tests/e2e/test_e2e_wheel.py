"""The wheel, built here and installed alone into an empty environment elsewhere."""

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(out),
        str(repository),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel, and with links to the dependencies that are installed here.

    The links leave out seqimg itself and every `.pth` file, so that neither the checkout nor its
    editable installation can be seen.
    """
    folder = tmp_path_factory.mktemp("elsewhere")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "env")], check=True)
    python = folder / "env" / "bin" / "python"
    dependencies = folder / "dependencies"
    dependencies.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if entry.suffix != ".pth" and "seqimg" not in entry.name:
            (dependencies / entry.name).symlink_to(entry)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    (site,) = (folder / "env" / "lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(f"{dependencies}\n")
    return folder / "env"


def _in(environment: Path, folder: Path, *command: str) -> str:
    """Run a program of the environment and return its stdout."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_"))}
    done = subprocess.run(
        [str(environment / "bin" / command[0]), *command[1:]],
        cwd=folder,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entry_points = archive.read(next(n for n in names if n.endswith("entry_points.txt"))).decode()
    needed = {
        "seqimg/py.typed",
        "seqimg/__main__.py",
        "seqimg/training/templates/report.css",
        "seqimg/training/templates/report.html.j2",
        "seqimg/training/templates/report.js",
        "seqimg/cli/plugin_templates/common/dot-github/workflows/tests.yml.tmpl",
        "seqimg/testing/__init__.py",
        "seqimg_predict/__init__.py",
        "seqimg_predict/task.py",
    }
    assert needed <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert "predict = seqimg_predict" in entry_points
    tops = {name.split("/")[0] for name in names}
    assert all(top == "seqimg" or top.startswith(("seqimg_", "seqimg-")) for top in tops), tops
    assert not [name for name in names if "test" in Path(name).parts[0] or "__pycache__" in name]


def test_the_installed_wheel_is_what_runs(environment: Path, tmp_path: Path, repository: Path) -> None:
    where = "import seqimg, seqimg_predict; print(seqimg.__file__); print(seqimg_predict.__file__)"
    for path in map(Path, _in(environment, tmp_path, "python", "-c", where).split()):
        assert path.is_relative_to(environment)
        assert not path.is_relative_to(repository)


def test_help_and_plugins_work(environment: Path, tmp_path: Path) -> None:
    assert "predict" in _in(environment, tmp_path, "seqimg", "--help")
    listed = _in(environment, tmp_path, "seqimg", "plugins", "list")
    assert "predict" in listed


def test_it_trains_and_predicts(environment: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (24, 64, 1), np.uint8)
    np.save(tmp_path / "pan.npy", np.stack([picture[:, step : step + 24] for step in range(30)]))
    small = ("--context", "2", "--horizon", "2", "--widths", "4", "--crop", "16", "--steps", "2")
    _in(environment, tmp_path, "seqimg", "predict", "train", "pan.npy", *small, "-o", "run")
    run = ("predict", "run", "pan.npy", "--model", "run/model", "--horizon", "3", "-o", "next.npy")
    said = json.loads(_in(environment, tmp_path, "seqimg", "--json", *run))
    assert said["frames_written"] == 3
    assert np.load(tmp_path / "next.npy").shape == (3, 24, 24, 1)
    assert (tmp_path / "run" / "report.html").is_file()
