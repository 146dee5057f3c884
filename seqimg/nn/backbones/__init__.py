"""Image networks to build video models on: one that is known by name, and any other by `module:attribute`."""

from seqimg.nn.backbones.backbone import Backbone, load_backbone
from seqimg.nn.backbones.consent import BACKBONES, allow_backbone

__all__ = ["BACKBONES", "Backbone", "allow_backbone", "load_backbone"]
