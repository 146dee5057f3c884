"""Dying at any point: every call that changes the disk is a place where a process may be killed."""

import os
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

__all__ = ["act_and_end", "count_changes", "in_child", "killed_at"]

_CHANGES = ("open", "write", "fsync", "replace", "rename", "mkdir", "unlink", "rmdir", "ftruncate")


def in_child(action: Callable[[], object]) -> int:
    """Run `action` in a forked process and return what `os.waitpid` says of its end: 0 if it returned.

    An error that it raises is printed and ends it with code 1.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
        child = os.fork()
    if not child:
        act_and_end(action)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def act_and_end(action: Callable[[], object]) -> NoReturn:
    """Run `action` in a forked process and end it."""
    code = 1
    try:
        action()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException as error:  # noqa: BLE001 -- the child must not go on as a second test session
        print(f"{type(error).__name__}: {error}", flush=True)
    finally:
        os._exit(code)


def killed_at(number: int, action: Callable[[], object]) -> bool:
    """Run `action` in a process that is killed at its change number `number`; return whether it came so far.

    A write is killed after half of its bytes.
    """

    def dying() -> None:
        left = number

        def reached() -> bool:
            nonlocal left
            left -= 1
            return left < 0

        with _watched(reached, lambda: os.kill(os.getpid(), signal.SIGKILL)):
            action()

    code = in_child(dying)
    assert code in (0, -signal.SIGKILL), code
    return code != 0


def count_changes(action: Callable[[], object]) -> int:
    """Run `action` here and return how many changes it makes."""
    found = 0

    def reached() -> bool:
        nonlocal found
        found += 1
        return False

    with _watched(reached, lambda: None):
        action()
    return found


@contextmanager
def _watched(reached: Callable[[], bool], die: Callable[[], object]) -> Iterator[None]:
    originals = {name: getattr(os, name) for name in _CHANGES}

    def wrapped(name: str) -> Callable[..., Any]:
        original = originals[name]

        def call(*args: Any, **kwargs: Any) -> Any:
            reading = name == "open" and not args[1] & (os.O_WRONLY | os.O_RDWR)
            if not reading and reached():
                if name == "write":
                    original(args[0], bytes(args[1])[: len(args[1]) // 2])
                die()
            return original(*args, **kwargs)

        return call

    for name in _CHANGES:
        setattr(os, name, wrapped(name))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(os, name, original)
