"""`seqimg demo`: what it leaves behind, and that it learns."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

import seqimg as package
from tests.support.cli import seqimg

FILES = {
    "checkpoints",
    "config.toml",
    "environment.json",
    "metrics.json",
    "metrics.jsonl",
    "model",
    "prediction.gif",
    "report.html",
    "report.json",
    "samples",
    "strip.png",
}
# What a browser would fetch: anything that is neither inside the page nor a place in it.
FETCHED = re.compile(
    r"""(?:src|href|srcset|action)\s*=\s*["']?(?!data:|\#)[^"'\s>]|url\((?!["']?data:)|@import"""
)


def _demo(folder: Path, *options: str) -> dict[str, object]:
    """Run the demo in `folder` and check everything that does not depend on how long it trained."""
    done = seqimg("demo", *options, cwd=folder)
    assert done.returncode == 0, done.stderr
    made = folder / "runs" / "demo"
    assert {path.name for path in made.iterdir() if path.name[0] != "."} == FILES
    assert {path.name for path in (made / "model").iterdir()} == {
        "README.md",
        "config.json",
        "model.safetensors",
    }

    metrics: dict[str, object] = json.loads((made / "metrics.json").read_text())
    heldout = metrics["heldout"]
    assert isinstance(heldout, dict)
    assert set(heldout) == {"model", "copy_last", "mean_frame", "linear", "flow"}
    assert all(figures["mse"] > 0 for figures in heldout.values())

    page = (made / "report.html").read_text()
    assert not FETCHED.search(page), FETCHED.search(page)
    assert page.count("data:image/") >= 2

    with Image.open(made / "prediction.gif") as animation:
        assert animation.n_frames == 5 + 5  # watched and predicted
    with Image.open(made / "strip.png") as strip:
        assert strip.width > 600
    return metrics


@pytest.mark.e2e
def test_a_short_demo_leaves_all_files_and_nothing_that_git_would_see(
    tmp_path: Path, repository: Path
) -> None:
    shutil.copy(repository / ".gitignore", tmp_path)
    git = ("git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org")
    for command in (("init", "--quiet"), ("add", "-A"), ("commit", "--quiet", "-m", "empty")):
        subprocess.run([*git, *command], check=True)

    metrics = _demo(tmp_path, "--steps", "2")
    assert metrics["steps"] == 2
    status = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True)
    assert status.stdout == ""

    again = seqimg("demo", "--steps", "1", cwd=tmp_path)
    assert again.returncode == 0, "an earlier demo is replaced"
    assert json.loads((tmp_path / "runs" / "demo" / "metrics.json").read_text())["steps"] == 1
    # The model is one like any other.
    loaded = package.load(tmp_path / "runs" / "demo" / "model")
    assert loaded.task.name == "predict"


@pytest.mark.e2e
def test_a_folder_that_is_no_demo_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    done = seqimg("demo", "--steps", "1", "-o", "mine", cwd=tmp_path)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) <= 3
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_demo_learns_in_a_minute_and_a_half(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = _demo(tmp_path)
    heldout, seconds = metrics["heldout"], metrics["seconds"]
    assert isinstance(heldout, dict)
    assert isinstance(seconds, float)
    errors = {name: figures["mse"] for name, figures in heldout.items()}
    with capsys.disabled():
        print(f"\ndemo: {errors}, {metrics['steps']} steps in {seconds} s")
    assert errors["model"] <= 0.6 * errors["copy_last"]
    assert errors["model"] < errors["mean_frame"]
    assert seconds <= 90
