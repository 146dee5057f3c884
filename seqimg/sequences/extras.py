"""Packages that are only needed for some formats."""

from importlib import import_module
from typing import Any

from seqimg.errors import UnavailableError

__all__ = ["needed"]


def needed(package: str, extra: str, what: str) -> Any:
    """Import an optional package.

    Args:
        package: What to import.
        extra: The extra of seqimg that installs it.
        what: What it is needed for, as in "cannot read …".

    Raises:
        UnavailableError: It is not installed.

    Example:
        >>> needed("no_such_package", "cloud", "s3 addresses")
        Traceback (most recent call last):
        seqimg.errors.UnavailableError: cannot read s3 addresses
        the package no_such_package is not installed
        Try: pip install 'seqimg[cloud]'
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise UnavailableError(
            f"cannot read {what}",
            why=f"the package {package} is not installed",
            hint=f"pip install 'seqimg[{extra}]'",
        ) from error
