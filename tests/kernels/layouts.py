"""Part of the kit for plugin authors."""

from seqimg.testing.layouts import *  # noqa: F403 -- the same names
