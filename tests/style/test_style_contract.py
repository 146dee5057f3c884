"""Restyling keeps the contract that every plugin's task keeps."""

from seqimg.testing import PluginContract, TaskContract


class TestPlugin(PluginContract):
    plugin = "style"


class TestStyle(TaskContract):
    task = "style"
    values = {
        "style": ("demo:brick",),
        "style_size": 48,
        "extractor": "random-multiscale",
        "width": 8,
        "blocks": 1,
        "state": 4,
        "frames": 4,
        "unroll": 2,
        "crop": 32,
        "size": 48,
    }
