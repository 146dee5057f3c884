"""Which process measures which clips, and in what batches."""

from collections.abc import Iterator
from typing import cast

import torch
from torch.utils.data import DataLoader, Dataset

from seqimg.data import Batch, Clip, SequenceBatches, collate
from seqimg.data.datasets import ClipDataset
from seqimg.training import processes

__all__ = ["LISTED", "dealt_batches"]

LISTED = 16
"""Sequences that get figures of their own; a batch then never mixes two."""


def dealt_batches(data: ClipDataset, batch_size: int, device: torch.device) -> Iterator[Batch]:
    """Yield this process's share of the clips.

    Args:
        data: All clips.
        batch_size: Most clips at once.
        device: Where they are wanted.
    """
    loader = DataLoader(
        cast("Dataset[Clip]", data),
        batch_sampler=_dealt(data, batch_size),
        collate_fn=collate,
        # One of its own: what training draws at random must not depend on when it is validated.
        generator=torch.Generator(),
    )
    for batch in loader:
        yield batch.to(device)


def _dealt(data: ClipDataset, batch_size: int) -> list[list[int]]:
    """Return the batches of this process: whole ones, so that nothing is padded and counts twice."""
    rank, world = processes.rank(), processes.world()
    if not getattr(data, "streamed", False):
        return list(SequenceBatches(_groups(data), batch_size))[rank::world]
    owners = data.owners
    mine = set(list(dict.fromkeys(owners))[rank::world])  # clips that follow one another stay together
    return [batch for batch in SequenceBatches(owners, batch_size) if owners[batch[0]] in mine]


def _groups(data: ClipDataset) -> list[int]:
    """Return for each clip which others may share its batch: its sequence's, or of many all of its size."""
    sizes = getattr(data, "sizes", None)
    if sizes is None or len(set(data.owners)) <= LISTED:
        return data.owners
    numbers = {size: number for number, size in enumerate(dict.fromkeys(sizes))}
    return [numbers[size] for size in sizes]
