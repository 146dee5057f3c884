"""How cells are computed: kernels, and the choice between them."""

from seqimg.kernels.controls import Controls
from seqimg.kernels.select import CallSignature, Candidate, asked_for, explain, offers, select, use_kernel

__all__ = ["CallSignature", "Candidate", "Controls", "asked_for", "explain", "offers", "select", "use_kernel"]
