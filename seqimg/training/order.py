"""Which clips a step learns from, and which process works them through."""

import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from types import FrameType
from typing import Any, NamedTuple, cast

import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler

from seqimg.config import TaskConfig
from seqimg.data import Batch, LengthBuckets, Shuffled, collate
from seqimg.data.datasets import ClipDataset
from seqimg.errors import SeqimgError

__all__ = ["Order", "Share", "load_batches", "naming_dead_workers"]

_GRACE = 30  # seconds that a process preparing clips outlives being told to end


class Share(NamedTuple):
    """Clips to work through at once, and their share in the step's batch."""

    items: list[int]
    weight: float


class Order(Sampler[list[int]]):
    """The clips that one process works through, step after step, for ever.

    A step's batch is the same however many processes work on it: it is dealt out to them. Each works its own
    through in parts, one after the other. Where a batch has fewer clips than there are parts, some
    repeat a clip with weight 0, so that all processes do the same number of parts.

    Args:
        data: The clips; those of very different lengths stay in different batches.
        config: `batch_size`, `accumulate` (parts a process) and `seed`.
        rank: Number of this process.
        world: Number of processes.
        start: Steps that are done already.

    Example:
        >>> from seqimg.config import TaskConfig
        >>> shares = Order(range(6), TaskConfig(batch_size=4, accumulate=2)).shares()
        >>> [(len(part.items), part.weight) for part in (next(shares), next(shares))]
        [(2, 0.5), (2, 0.5)]
    """

    def __init__(
        self, data: ClipDataset, config: TaskConfig, *, rank: int = 0, world: int = 1, start: int = 0
    ) -> None:
        self._size, self._config = len(data), config
        lengths = getattr(data, "lengths", None)
        self._lengths = None if lengths is None or len(set(lengths)) == 1 else list(lengths)
        self._rank, self._world, self._start = rank, world, start

    @property
    def steps_per_epoch(self) -> float:
        """Steps in which every clip is seen once."""
        if self._lengths is None:
            return self._size / self._config.batch_size
        return float(next(n for n, batch in enumerate(self._batches()) if batch[0] >= self._size))

    def shares(self) -> Iterator[Share]:
        """Yield what there is to do, `accumulate` parts a step."""
        parts = self._config.accumulate * self._world
        # Batches that are done are counted off, not read: a place in the order is nothing but a number.
        for batch in islice(self._batches(), self._start, None):
            for number in range(self._rank, parts, self._world):
                items = batch[len(batch) * number // parts : len(batch) * (number + 1) // parts]
                yield Share(items or batch[:1], len(items) / len(batch))

    def __iter__(self) -> Iterator[list[int]]:
        for share in self.shares():
            yield share.items

    def _batches(self) -> Iterator[list[int]]:
        config = self._config
        if self._lengths is None:
            return iter(BatchSampler(Shuffled(self._size, config.seed), config.batch_size, drop_last=False))
        return iter(LengthBuckets(self._lengths, config.batch_size, config.seed))


def load_batches(
    data: ClipDataset, order: Order, workers: int, device: torch.device
) -> Generator[tuple[Batch, float], None, None]:
    """Yield the batches of an order on a device, each with its weight; its processes end when it is closed.

    Raises:
        SeqimgError: A clip cannot be read.
    """
    loader = DataLoader(
        cast("Dataset[Any]", _Whole(data)),
        batch_sampler=order,
        collate_fn=_as_it_is,
        num_workers=workers,
        worker_init_fn=_outlive_signals,
        pin_memory=device.type == "cuda",
        # One of its own: the numbers that the model draws must not depend on when a loader was made.
        generator=torch.Generator(),
    )
    found = iter(loader)
    try:
        for share in order.shares():
            batch = next(found)
            if isinstance(batch, SeqimgError):
                raise batch
            yield batch.to(device), share.weight
    finally:
        # At once: as long as an error's traceback holds the loader, torch raises at the end of any process.
        getattr(found, "_shutdown_workers", lambda: None)()


@contextmanager
def naming_dead_workers() -> Iterator[None]:
    """Say in plain words that a process which prepares clips is gone; torch says so at any point of the block.

    Raises:
        SeqimgError: One was ended.
    """
    try:
        yield
    except (RuntimeError, ConnectionError, EOFError) as error:
        # Met where it was about to hand over a clip, or told by torch.
        if isinstance(error, RuntimeError) and "DataLoader worker" not in str(error):
            raise
        raise SeqimgError(
            "a process that prepares clips was ended",
            why=str(error).splitlines()[0],
            hint="fewer --workers, if memory ran out; --resume goes on from the last checkpoint",
        ) from error


class _Whole(Dataset[Batch]):
    """Whole batches, or the error that a user can understand: the loader would bury it in a traceback."""

    def __init__(self, data: ClipDataset) -> None:
        self._data = data

    def __getitems__(self, items: list[int]) -> Batch | SeqimgError:
        try:
            return collate([self._data[item] for item in items])
        except SeqimgError as error:
            return error

    def __getitem__(self, item: int) -> Batch:
        return cast(Batch, self.__getitems__([item]))


def _as_it_is(batch: Any) -> Any:
    return batch


def _outlive_signals(worker: int) -> None:
    # A terminal or a batch system tells all processes to end; the main one decides, and needs this one until
    # its step is done.
    def end_later(number: int, frame: FrameType | None) -> None:
        signal.alarm(_GRACE)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "alarm"):
        signal.signal(signal.SIGTERM, end_later)
