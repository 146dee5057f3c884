"""What a trained model costs, part by part, and how a cheaper one is made of it."""

from seqimg.cheaper.profiling import Part, Profile, profile
from seqimg.cheaper.shrinking import Shrunk, shrink

__all__ = ["Part", "Profile", "Shrunk", "profile", "shrink"]
