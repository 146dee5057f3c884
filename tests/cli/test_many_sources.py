"""What is one sequence and what is many, what results are called, and that nothing is kept of them."""

import os
import pathlib
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqimg import save_sequence
from seqimg.batch.naming import Names
from seqimg.batch.recipe import Outcome
from seqimg.batch.results import Results
from seqimg.batch.sources import Many, several
from seqimg.errors import SeqimgError, UsageError

OUT = Path("results")


@pytest.fixture
def tree() -> Path:
    """A folder with sequences of every kind, and things that are none."""
    frames = np.zeros((3, 8, 8, 3), np.uint8)
    for name in ("a/one.npy", "a/two.gif", "b/stack.tif", "shots/x", "shots/x2"):
        save_sequence(frames, Path("tree") / name)
    save_sequence(frames, Path("mixed") / "%d.png")
    save_sequence(frames, Path("mixed/film.npy"))
    save_sequence(frames, Path("mixed/frames"))
    Path("tree/a/notes.txt").write_text("nothing\n")
    Path("tree/films.lst").write_text("# those of a\na/one.npy\n\na/two.gif\nshots\ngone.mp4\n")
    Path("tree/pictures.txt").write_text("shots/x/00001.png\nshots/x/00002.png\n")
    return Path("tree")


@pytest.mark.parametrize(
    "source",
    [
        *(
            "tree/shots/x",
            "tree/shots/x/*.png",
            "tree/shots/x/%05d.png",
            "tree/pictures.txt",
            "tree/a/one.npy",
        ),
        *("mixed", "-", "camera:0", "rtsp://example.org/1", "tree/nothing", "tree/*.mov", "tree/a/notes.txt"),
    ],
)
def test_one(tree: Path, source: str) -> None:
    assert several(source, OUT, each=None) is None


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("tree", ["a/one.npy", "a/two.gif", "b/stack.tif", "shots/x", "shots/x2"]),
        ("tree/a/*", ["a/one.npy", "a/two.gif"]),
        ("tree/*", ["a/one.npy", "a/two.gif", "b/stack.tif", "shots/x", "shots/x2"]),
        ("tree/**/*.npy", ["a/one.npy"]),
        ("tree/shots/*", ["shots/x", "shots/x2"]),
        ("tree/b/*.tif", ["b/stack.tif"]),
        ("tree/films.lst", ["a/one.npy", "a/two.gif", "shots/x", "shots/x2", "gone.mp4"]),
    ],
)
def test_many(tree: Path, source: str, found: list[str]) -> None:
    many = several(source, OUT, each=None)
    assert many is not None
    assert sorted(os.path.relpath(path, tree) for path in many) == sorted(found)
    assert list(many) == list(many), "it can be gone through again"
    assert several(source, OUT, each=False) is None


def test_what_is_both_is_many_if_that_is_said(tree: Path) -> None:
    many = several("mixed", OUT, each=True)
    assert many is not None
    assert list(many) == ["mixed", "mixed/film.npy", "mixed/frames"]
    with pytest.raises(UsageError, match=r"--each means nothing for tree/a/one.npy"):
        several("tree/a/one.npy", OUT, each=True)


def test_results_are_no_sources(tree: Path) -> None:
    inside = Path("tree/results")
    save_sequence(np.zeros((3, 8, 8), np.uint8), inside / "a/one.predict.npy")
    many = several("tree", inside, each=None)
    assert many is not None
    assert not any("results" in path for path in many)
    above = several("tree/a", Path("tree"), each=None)
    assert above is not None
    assert list(above) == ["tree/a/one.npy", "tree/a/two.gif"]
    with pytest.raises(UsageError, match="tree holds the sources"):
        several("tree", Path("tree/../tree"), each=None)


NAMES = st.builds(
    "{}{}".format,
    st.sampled_from(["a", "A", "a.mp4", "b", "b.c"]),
    st.sampled_from([".mp4", ".gif", ".MP4", ""]),
)


@given(files=st.sets(NAMES), folders=st.sets(NAMES))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_two_results_have_one_name(
    tmp_path_factory: pytest.TempPathFactory, files: set[str], folders: set[str]
) -> None:
    root = tmp_path_factory.mktemp("names")
    for folder in folders:
        (root / folder).mkdir()
    for file in files - folders:
        (root / file).touch()
    names = Names(root, ".x.mp4")
    results = {names.of(str(root / name)) for name in files | folders}
    assert len(results) == len(files | folders)
    # Where file names are the same in capitals, so are only those of sources that were.
    assert len({name.casefold() for name in results}) >= len({name.casefold() for name in files | folders})


def test_names_stay_inside_the_folder_of_results() -> None:
    names = Names(Path("/data/videos"), ".x.mp4")
    assert names.of("/data/videos/a/b.mp4") == "a/b.x.mp4"
    assert names.of("/data/other/b.mp4") == "_up/other/b.x.mp4"
    assert names.of("/data/videos/../../b.mp4") == "_up/_up/b.x.mp4"
    one, two = (names.of(f"https://me:word@example.org/v/../clip?id={at}") for at in (1, 2))
    assert one != two
    assert "word" not in one
    assert ".." not in one.split("/")


def test_memory_does_not_grow_with_the_number_of_sequences() -> None:
    def held(count: int) -> int:
        listed = Path(f"{count}.lst")
        with listed.open("w") as file:
            file.writelines(f"gone/{at:07}.mp4\n" for at in range(count))
        many = Many(str(listed), "list", Path(), OUT)
        tracemalloc.start()
        try:
            results = Results(OUT / str(count), overwrite=False, recipe={})
            with results.opened({}):
                for outcome in _failed(many, results):
                    results.take(outcome)
                # Python's own table of names, which paths go into and out of, grows in leaps.
                others = tracemalloc.Filter(inclusive=False, filename_pattern=pathlib.__file__)
                shot = tracemalloc.take_snapshot().filter_traces([others])
        finally:
            tracemalloc.stop()
        return sum(trace.size for trace in shot.traces)

    held(10)  # what is loaded the first time is not counted
    assert held(2000) < held(300) + 50_000


def _failed(many: Many, results: Results) -> Iterator[Outcome]:
    names = Names(many.root, ".x.mp4")
    for source in many:
        job = results.job(source, names.of(source))
        assert job is not None
        yield Outcome(job, error={"message": f"{source} does not exist", "why": None, "hint": None})


def test_two_commands_do_not_share_a_folder() -> None:
    with Results(OUT, overwrite=False, recipe={}).opened({}):
        other = Results(OUT, overwrite=False, recipe={})
        with pytest.raises(SeqimgError, match="another command is writing to results"), other.opened({}):
            pytest.fail("it was let in")
    with other.opened({}):
        pass
