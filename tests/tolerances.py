"""The one table of numeric tolerances is part of the kit for plugin authors."""

from seqimg.testing.tolerances import *  # noqa: F403 -- the same names
