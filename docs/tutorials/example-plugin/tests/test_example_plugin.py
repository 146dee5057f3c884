"""The plugin loads, is light, and all that it names is there."""

from seqimg.testing import PluginContract


class TestPlugin(PluginContract):
    plugin = "example"
