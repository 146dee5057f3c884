"""Real data sets that other installed packages bring along, by a name."""

from importlib.util import find_spec
from pathlib import Path

from seqimg.errors import UnavailableError

__all__ = ["INSTALLED", "installed"]

INSTALLED = {"demo:sklearn-digits": ("sklearn", "datasets/data/digits.csv.gz", "scikit-learn")}
"""Name to the package that has the data, their place in it, and what to install for it."""


def installed(name: str) -> str:
    """Return where data that a package brings along lie; any other name as it is.

    The package itself is not imported.

    Raises:
        UnavailableError: The package is not installed, or has no such file.

    Example:
        >>> installed("my_video.mp4")
        'my_video.mp4'
    """
    if name not in INSTALLED:
        return name
    package, place, project = INSTALLED[name]
    found = find_spec(package)
    root = Path(found.origin).parent if found is not None and found.origin else None
    if root is None or not (root / place).is_file():
        why = f"{project} is not installed" if root is None else f"the installed {project} has no {place}"
        raise UnavailableError(f"{name} is not there", why=why, hint=f"pip install {project}")
    return str(root / place)
