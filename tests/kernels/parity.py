"""Part of the kit for plugin authors."""

from seqimg.testing.parity import *  # noqa: F403 -- the same names
