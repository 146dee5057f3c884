"""A Ctrl-C that went unheard: in the middle of an import, code that clears errors may lose the exception."""

import threading

__all__ = ["PRESSED", "heed_interrupt"]

PRESSED = threading.Event()
"""Set once Ctrl-C was pressed during a command."""


def heed_interrupt() -> None:
    """Raise KeyboardInterrupt if Ctrl-C was pressed and the command goes on all the same; before long work begins.

    Raises:
        KeyboardInterrupt: It was.

    Example:
        >>> heed_interrupt()
    """
    if PRESSED.is_set():
        raise KeyboardInterrupt
