"""The task `texture` keeps the contract that every plugin's task keeps."""

from seqimg.testing import PluginContract, TaskContract


class TestPlugin(PluginContract):
    plugin = "texture"


class TestTexture(TaskContract):
    task = "texture"
    values = {"extractor": "random-multiscale", "widths": (6, 4), "pool": 4, "crop": 32}
    options = {"settle": 3}
