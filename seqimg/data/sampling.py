"""In which order clips are seen."""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

__all__ = ["SequenceBatches", "Shuffled"]


class Shuffled(Sampler[int]):
    """All items in a new random order each epoch, for ever.

    It yields `epoch * size + item`: a data set of `size` items reads the item from the remainder
    and draws its random choices from the whole number, so that every epoch sees new ones and a
    clip depends on nothing but (seed, number), whichever process prepares it.

    Args:
        size: Number of items.
        seed: Seed of the orders.

    Example:
        >>> from itertools import islice
        >>> numbers = list(islice(Shuffled(3, seed=0), 6))
        >>> sorted(numbers[:3]), sorted(numbers[3:])
        ([0, 1, 2], [3, 4, 5])
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed = size, seed

    def __iter__(self) -> Iterator[int]:
        epoch = 0
        while True:
            order = np.random.default_rng((self.seed, epoch)).permutation(self.size)
            yield from (epoch * self.size + int(item) for item in order)
            epoch += 1


class SequenceBatches(Sampler[list[int]]):
    """Batches in order that never mix two sequences, whose frames may differ in size.

    Args:
        owners: For each item, which sequence it belongs to; items of one sequence are adjacent.
        batch_size: Most items in a batch.

    Example:
        >>> list(SequenceBatches([0, 0, 0, 1], batch_size=2))
        [[0, 1], [2], [3]]
    """

    def __init__(self, owners: list[int], batch_size: int) -> None:
        self.owners, self.batch_size = owners, batch_size

    def __iter__(self) -> Iterator[list[int]]:
        batch: list[int] = []
        for item, owner in enumerate(self.owners):
            if batch and (len(batch) == self.batch_size or owner != self.owners[batch[0]]):
                yield batch
                batch = []
            batch.append(item)
        if batch:
            yield batch
