"""Disks that are full, small or read-only, seen by one forked process alone."""

import ctypes
import os
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.support.killing import in_child

__all__ = ["on_a_small_disk", "read_only"]

_CLONE_NEWNS, _CLONE_NEWUSER = 0x20000, 0x10000000


def on_a_small_disk(folder: Path, size: int, action: Callable[[], object]) -> int:
    """Run `action` in a process for which `folder` is an empty disk of `size` bytes; return how it ended."""
    return _mounted(["-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], action)


def read_only(folder: Path, action: Callable[[], object]) -> int:
    """Run `action` in a process that cannot write to `folder`, be it root; return how it ended."""

    def made_so() -> None:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        action()

    return _mounted(["--bind", str(folder), str(folder)], made_so)


def _mounted(mount: list[str], action: Callable[[], object]) -> int:
    if not _may_mount():
        pytest.skip("this system lets nobody mount disks of their own")

    def work() -> None:
        _unshare()
        subprocess.run(["mount", *mount], check=True)
        action()

    return in_child(work)


@cache
def _may_mount() -> bool:
    def try_it() -> None:
        _unshare()
        subprocess.run(["mount", "-t", "tmpfs", "none", "/mnt"], check=True, capture_output=True)

    return hasattr(os, "fork") and in_child(try_it) == 0


def _unshare() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWNS) and libc.unshare(_CLONE_NEWNS | _CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare")
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
