"""Throwaway plugins, as for the tests of the host."""

from tests.plugins_host.conftest import site

__all__ = ["site"]
