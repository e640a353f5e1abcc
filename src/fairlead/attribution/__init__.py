"""Explanations of a module's answers, each with its certificate. Torch."""

from fairlead.attribution.certified import Asked, Explained, attribute
from fairlead.attribution.expected_gradients import Effort, ExpectedGradients
from fairlead.attribution.explained_model import ExplainedModel, Scores
from fairlead.attribution.layers import deepest_map
from fairlead.attribution.masked import Masked, MaskedPicture, MaskedText
from fairlead.attribution.method import Build, Method
from fairlead.attribution.methods import build_method
from fairlead.attribution.question import Question
from fairlead.attribution.shares import Shares
from fairlead.attribution.sites import LayerSite, PixelSite, Site, TokenSite
from fairlead.attribution.tail import Tail

__all__ = [
    "Asked",
    "Build",
    "Effort",
    "ExpectedGradients",
    "Explained",
    "ExplainedModel",
    "LayerSite",
    "Masked",
    "MaskedPicture",
    "MaskedText",
    "Method",
    "PixelSite",
    "Question",
    "Scores",
    "Shares",
    "Site",
    "Tail",
    "TokenSite",
    "attribute",
    "build_method",
    "deepest_map",
]
