"""The filters keep the contract that every plugin's command keeps."""

from seqimg.testing import CommandContract, PluginContract


class TestPlugin(PluginContract):
    plugin = "filter"


class TestFilter(CommandContract):
    command = "filter"
