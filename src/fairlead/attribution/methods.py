"""Every way to explain a model, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from fairlead.attribution.expected_gradients import Effort, ExpectedGradients
from fairlead.attribution.explained_model import ExplainedModel
from fairlead.attribution.grad_cam import GradCam
from fairlead.attribution.layers import deepest_map, token_embedding
from fairlead.attribution.lime import lime
from fairlead.attribution.masked import MaskedPicture, MaskedText
from fairlead.attribution.masking import Masking, Solve
from fairlead.attribution.method import Build, Method
from fairlead.attribution.owen import owen
from fairlead.attribution.partition_shap import partition_shap
from fairlead.attribution.rollout import AttentionRollout
from fairlead.attribution.sites import LayerSite, MeanWordSite, PixelSite, TokenSite
from fairlead.attribution.undisturbed import differentiable
from fairlead.errors import ConfigurationError, UnknownNameError


@dataclass(frozen=True, eq=False, kw_only=True)
class Material:
    """What methods are made of.

    Attributes:
        background: (K, ...) inputs of other rows, as a batch holds them.
        example: Inputs that differ, two or more.
        effort: How long is sampled.
        seed: Of what is drawn by lot.
        layer: Name of the layer that pictures are explained at, as ``named_modules`` of the module has it; empty for
            the deepest that lies as the picture does.
        special: Ids of tokens that are no words; see ``TextPreprocessing.special_ids``.

    Examples:
        >>> Material(background=torch.zeros(4, 3, 8), example=torch.zeros(2, 3, 8)).texts
        True
    """

    background: Tensor
    example: Tensor
    effort: Effort = field(default_factory=Effort)
    seed: int = 0
    layer: str = ""
    special: Sequence[int] = ()

    @property
    def texts(self) -> bool:
        """Whether inputs are (N, 3, T) token ids, attention mask and token types."""
        return self.example.ndim == 3

    @property
    def mask(self) -> str:
        """What stands where a part is masked, in words."""
        return MaskedText.mask if self.texts else MaskedPicture.mask

    def roughly(self) -> Material:
        """Returns the same for a sixteenth of the samples: the first ones of the whole."""
        less = replace(self.effort, samples=max(2, self.effort.samples // 16))
        return replace(self, effort=less)


_OF_PICTURES, _OF_TEXTS, _OF_BOTH = (
    ("layer", "pixels", "grad-cam"),
    ("tokens", "words"),
    ("rollout", "owen", "lime", "partition"),
)
_LARGE = 128  # pixels a side
_Make = Callable[[ExplainedModel, Material], Method]


def default_method(example: Tensor) -> str:
    """Returns the name of what explains inputs like these where nobody names a method.

    Of a small picture the late layers have too few places, and its pixels cost little.

    Examples:
        >>> [default_method(torch.zeros(2, 3, *rest)) for rest in ((224, 224), (64, 64), (8,))]
        ['layer', 'pixels', 'tokens']
    """
    if example.ndim == 3:
        return "tokens"
    return "layer" if min(example.shape[2:]) >= _LARGE else "pixels"


def build_method(name: str, material: Material) -> Build:
    """Returns what makes a method for a model.

    Args:
        name: ``layer``, ``pixels`` or ``tokens`` for expected gradients there, the last against the mean word or,
            as ``words``, against the words of others; ``grad-cam``, ``rollout``, ``owen``, ``lime`` or ``partition``.
        material: What it is made of.

    Raises:
        UnknownNameError: another name.
        ConfigurationError: a method of pictures for texts, or of texts for pictures.

    Examples:
        >>> from torch import nn
        >>> rows = torch.rand(4, 3, 16, 16)
        >>> network = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 2))
        >>> build = build_method("layer", Material(background=rows, example=rows[:2]))
        >>> build(ExplainedModel(network, rows[:2]), False).name
        'expected gradients at 1'
    """
    makes: dict[str, _Make] = {
        "layer": _layer,
        "pixels": _pixels,
        "tokens": partial(_tokens, MeanWordSite),
        "words": partial(_tokens, TokenSite),
        "grad-cam": _grad_cam,
        "rollout": _rollout,
        "owen": partial(_masking, owen, "Owen values"),
        "lime": partial(_masking, lime, "LIME"),
        "partition": partial(_masking, partition_shap, "partition SHAP"),
    }
    if name not in makes:
        raise UnknownNameError("method", name, makes)
    if name in (_OF_PICTURES if material.texts else _OF_TEXTS):
        given, own = ("texts", _OF_TEXTS) if material.texts else ("pictures", _OF_PICTURES)
        others = ", ".join((*own, *_OF_BOTH[:-1]))
        raise ConfigurationError(f"the method {name} does not explain {given}; choose {others} or {_OF_BOTH[-1]}")
    make = makes[name]
    # What masks draws the same versions again: of other versions, a map that did not change would seem to have.
    gradients = name in {*_OF_PICTURES, *_OF_TEXTS}
    return lambda model, rough: make(model, material.roughly() if rough and gradients else material)


def _layer(model: ExplainedModel, material: Material) -> Method:
    site = LayerSite(model, _layer_name(model, material), material.example)
    return ExpectedGradients(model, site, material.background, effort=material.effort, seed=material.seed)


def _pixels(model: ExplainedModel, material: Material) -> Method:
    return ExpectedGradients(model, PixelSite(model), material.background, effort=material.effort, seed=material.seed)


def _tokens(site_of: type[TokenSite], model: ExplainedModel, material: Material) -> Method:
    with differentiable(model.device):
        name = token_embedding(model.network, material.example.clone())
    site = site_of(model, name, material.example, torch.tensor(list(material.special), dtype=torch.long))
    return ExpectedGradients(model, site, material.background, effort=material.effort, seed=material.seed)


def _grad_cam(model: ExplainedModel, material: Material) -> Method:
    return GradCam(model, _layer_name(model, material), material.example)


def _rollout(model: ExplainedModel, material: Material) -> Method:
    return AttentionRollout(model, mask=material.mask)


def _masking(solve: Solve, name: str, model: ExplainedModel, material: Material) -> Method:
    return Masking(model, solve, name=name, mask=material.mask, effort=material.effort, seed=material.seed)


def _layer_name(model: ExplainedModel, material: Material) -> str:
    """Returns the layer's name in the copy, which holds the module as its ``module``."""
    if material.layer:
        return material.layer if material.layer.startswith("module.") else f"module.{material.layer}"
    with differentiable(model.device):
        return deepest_map(model.network, material.example.clone())
