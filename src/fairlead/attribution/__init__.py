"""Explanations of a module's answers, each with its certificate. Torch."""

from fairlead.attribution.certified import Asked, Explained, attribute
from fairlead.attribution.expected_gradients import Effort, ExpectedGradients
from fairlead.attribution.explained_model import ExplainedModel, Scores, logits_of
from fairlead.attribution.grad_cam import GradCam
from fairlead.attribution.layers import deepest_map, token_embedding
from fairlead.attribution.masked import Masked, MaskedPicture, MaskedText
from fairlead.attribution.masked_game import MaskedGame
from fairlead.attribution.masking import Masking
from fairlead.attribution.method import Build, Method
from fairlead.attribution.methods import Material, build_method, default_method
from fairlead.attribution.question import Question
from fairlead.attribution.rollout import AttentionRollout
from fairlead.attribution.shares import Shares
from fairlead.attribution.sites import LayerSite, MeanWordSite, PixelSite, Site, TokenSite
from fairlead.attribution.tail import Tail

__all__ = [
    "Asked",
    "AttentionRollout",
    "Build",
    "Effort",
    "ExpectedGradients",
    "Explained",
    "ExplainedModel",
    "GradCam",
    "LayerSite",
    "Masked",
    "MaskedGame",
    "MaskedPicture",
    "MaskedText",
    "Masking",
    "Material",
    "MeanWordSite",
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
    "default_method",
    "logits_of",
    "token_embedding",
]
