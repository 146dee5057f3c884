"""Another name of [seqimg.masking][]."""

from seqimg.masking import is_address, masked

__all__ = ["is_address", "masked"]
