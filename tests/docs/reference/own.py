"""What seqimg itself registers, whatever else is installed."""

from seqimg.plugins import CommandSpec, TaskSpec
from seqimg.plugins.manager import PluginHost, plugin_host

__all__ = ["own_commands", "own_tasks"]


def own_tasks() -> list[TaskSpec]:
    """Return the tasks that come with seqimg."""
    tasks = plugin_host().tasks
    return [tasks.get(name) for name in tasks.names() if tasks.owner(name).distribution == "seqimg"]


def own_commands() -> tuple[PluginHost, list[CommandSpec]]:
    """Return the host, and the commands that come with seqimg."""
    host = plugin_host()
    names = [name for name in host.commands.names() if host.commands.owner(name).distribution == "seqimg"]
    return host, [host.commands.get(name) for name in names]
