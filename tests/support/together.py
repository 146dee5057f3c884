"""Several processes that train together, forked from the test: real ones, without the time to start them."""

import os
import socket
import warnings
from collections.abc import Callable

from tests.support.killing import act_and_end

__all__ = ["ended_together"]


def ended_together(world: int, action: Callable[[int], object]) -> list[int]:
    """Run `action(rank)` in so many processes that meet on the loopback; return how each ended, as `in_child` does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    children = []
    for rank in range(world):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
            child = os.fork()
        if not child:
            act_and_end(lambda rank=rank: _join(rank, world, port, action))
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def _join(rank: int, world: int, port: int, action: Callable[[int], object]) -> None:
    from accelerate.state import AcceleratorState, PartialState

    from seqimg.training import processes

    AcceleratorState._reset_state(reset_partial_state=True)
    PartialState._reset_state()
    os.environ |= {
        "GLOO_SOCKET_IFNAME": "lo",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world),
        "LOCAL_WORLD_SIZE": str(world),
        "OMP_NUM_THREADS": "1",
    }
    processes.join("cpu")
    action(rank)
    processes.leave()
