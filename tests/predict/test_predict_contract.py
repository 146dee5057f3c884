"""Frame prediction keeps the contract that every plugin's task keeps."""

from seqimg.testing import PluginContract, TaskContract


class TestPlugin(PluginContract):
    plugin = "predict"


class TestPredict(TaskContract):
    task = "predict"
    values = {"widths": (4,), "context": 3, "horizon": 2}
