"""A trained model's step as a graph of its own: one frame and a state in, outputs and the next state out.

What runs it needs neither seqimg nor torch. Beside the graph lies a JSON that says what goes in and out of it.
"""

from seqimg.export.exporting import Exported, export_model
from seqimg.export.sidecar import Sidecar, read_sidecar

__all__ = ["Exported", "Sidecar", "export_model", "read_sidecar"]
