"""Pretrained encoders: one call for whatever library they come from."""

from fairlead.backbones.backbone import Backbone
from fairlead.backbones.image_backbone import ImageBackbone
from fairlead.backbones.loading import as_backbone, load_backbone, rebuild_backbone
from fairlead.backbones.normalise import Normalise
from fairlead.backbones.source import WeightSource, check_weights, find_weights
from fairlead.backbones.text_backbone import TextBackbone
from fairlead.backbones.text_loading import load_text_backbone

__all__ = [
    "Backbone",
    "ImageBackbone",
    "Normalise",
    "TextBackbone",
    "WeightSource",
    "as_backbone",
    "check_weights",
    "find_weights",
    "load_backbone",
    "load_text_backbone",
    "rebuild_backbone",
]
