"""Part of the kit for plugin authors."""

from seqimg.testing.calls import *  # noqa: F403 -- the same names
