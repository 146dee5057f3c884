"""In which order clips are seen."""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

__all__ = ["LengthBuckets", "SequenceBatches", "Shuffled"]


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


class LengthBuckets(Sampler[list[int]]):
    """Batches of clips of about one length, in a new random order each epoch, for ever.

    Clips are sorted by length, cut into buckets of several batches, shuffled within each, and the
    batches of all buckets are shuffled: little padding, and still another mixture in every epoch. The
    numbers it yields are those of [Shuffled][seqimg.data.Shuffled].

    Args:
        lengths: Of each item.
        batch_size: Items in a batch; the last one of an epoch and bucket may have fewer.
        seed: Seed of the orders.
        batches: Batches in a bucket; None for an eighth of all, at least 2 and at most 16.

    Example:
        >>> from itertools import islice
        >>> lengths = [9, 2, 9, 2, 9, 2]
        >>> buckets = LengthBuckets(lengths, batch_size=3, seed=0, batches=1)
        >>> "".join(str({lengths[item % 6] for item in batch}) for batch in islice(buckets, 4))
        '{2}{9}{9}{2}'
    """

    def __init__(self, lengths: list[int], batch_size: int, seed: int, batches: int | None = None) -> None:
        self.lengths, self.batch_size, self.seed = lengths, batch_size, seed
        order = np.argsort(np.array(lengths), kind="stable")
        bucket = batch_size * (batches or min(max(len(order) // batch_size // 8, 2), 16))
        self._buckets = [order[begin : begin + bucket] for begin in range(0, len(order), bucket)]

    def __iter__(self) -> Iterator[list[int]]:
        epoch, size = 0, len(self.lengths)
        while size:
            rng = np.random.default_rng((self.seed, epoch))
            found = []
            for bucket in self._buckets:
                mixed = rng.permutation(bucket)
                found += [
                    mixed[begin : begin + self.batch_size] for begin in range(0, len(mixed), self.batch_size)
                ]
            for which in rng.permutation(len(found)):
                yield [epoch * size + int(item) for item in found[which]]
            epoch += 1
