"""Where a value comes from, and what is said of a wrong one."""

from pathlib import Path

import pytest
from pydantic import Field

from seqimg.config import Numbers, TaskConfig, check_flags, resolve_config, to_toml
from seqimg.errors import UsageError


class Sample(TaskConfig):
    widths: Numbers = Field((1, 2), description="Widths.")


def test_each_source_beats_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = tmp_path / "no-config" / "seqimg" / "config.toml"
    user.parent.mkdir(parents=True)
    user.write_text("[sample]\nsteps = 1\nseed = 1\nbatch_size = 1\nworkers = 1\nsize = 1\n")
    Path("seqimg.toml").write_text("[sample]\nsteps = 2\nseed = 2\nbatch_size = 2\nworkers = 2\n")
    given = tmp_path / "given.toml"
    given.write_text("steps = 3\n[sample]\nseed = 3\nbatch_size = 3\n[other]\nsteps = 99\n")
    monkeypatch.setenv("SEQIMG_SAMPLE_SEED", "4")
    monkeypatch.setenv("SEQIMG_SAMPLE_STEPS", "4")
    monkeypatch.setenv("SEQIMG_SAMPLE_WIDTHS", "7, 8")
    resolved = resolve_config(Sample, "sample", file=given, flags={"steps": 5})
    values = {name: (getattr(resolved.config, name), resolved.sources[name]) for name in Sample.model_fields}
    assert values["steps"] == (5, "flag")
    assert values["seed"] == (4, "environment")
    assert values["widths"] == ((7, 8), "environment")
    assert values["batch_size"] == (3, str(given))
    assert values["workers"] == (2, "seqimg.toml")
    assert values["size"] == (1, str(user))
    assert values["learning_rate"] == (2e-3, "default")


def test_a_written_configuration_reads_back(tmp_path: Path) -> None:
    flags = {"data": 'with "quotes".mp4,ünïcode.mp4', "learning_rate": 0.5, "widths": (3,)}
    resolved = resolve_config(Sample, "sample", flags=flags)
    path = tmp_path / "config.toml"
    path.write_text(to_toml("sample", resolved), encoding="utf-8")
    assert resolve_config(Sample, "sample", file=path).config == resolved.config


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("batchsize = 4\n", "batch_size"),
        ("[sample]\nstep = 4\n", "steps"),
        ("[sample]\nsteps = 'many'\n", r"steps \(.*given.toml\) cannot be 'many'"),
        ("sample = 4\n", "not a table"),
        ("steps = \n", "not valid TOML"),
    ],
)
def test_wrong_files_are_named_with_key_and_nearest(tmp_path: Path, content: str, named: str) -> None:
    path = tmp_path / "given.toml"
    path.write_text(content)
    with pytest.raises(UsageError, match=named) as caught:
        resolve_config(Sample, "sample", file=path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3


def test_wrong_values_name_their_flag_or_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="--batch-size cannot be 0"):
        resolve_config(Sample, "sample", flags={"batch_size": 0})
    with pytest.raises(UsageError, match="--widths cannot be 'x'"):
        check_flags(Sample, {"widths": "x"})
    monkeypatch.setenv("SEQIMG_SAMPLE_SEED", "-1")
    with pytest.raises(UsageError, match="SEQIMG_SAMPLE_SEED cannot be '-1'"):
        resolve_config(Sample, "sample")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the configuration"):
        resolve_config(Sample, "sample", file=tmp_path / "none.toml")
