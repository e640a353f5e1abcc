"""Grad-CAM is what captum computes, at maps however they are laid out."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from torch import nn

from fairlead.attribution import ExplainedModel, GradCam, MaskedPicture, Question
from fairlead.errors import AttributionError, UnknownNameError


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 8, 3, 2, 1), nn.Tanh(), nn.Flatten(), nn.Linear(8 * 64, 3)
    ).eval()


@pytest.fixture(scope="module")
def pictures():
    return torch.rand(11, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def explained(model, layer, pictures, question, **given):
    method = GradCam(model, layer, pictures[:2], **given)
    return method.explain(pictures, question, range(len(pictures)), items=[*map(MaskedPicture, pictures)])


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("contrast", [False, True])
def test_it_is_that_of_captum(network, pictures, relu, contrast):
    codes = torch.arange(11) % 3
    question = Question(codes, (codes + 1) % 3 if contrast else None)
    found = explained(ExplainedModel(network, pictures[:2]), "module.3", pictures, question, relu=relu)
    theirs = LayerGradCam(lambda rows: question.score(network(rows)), network[3])
    expected = theirs.attribute(pictures, relu_attributions=relu)[:, 0].detach().numpy()
    assert expected.shape == (11, 8, 8)
    assert expected.any()
    assert np.allclose(np.stack([shares.values for shares in found]), expected, atol=1e-6)
    assert (min(shares.values.min() for shares in found) >= 0) == relu


class ChannelsLast(nn.Module):
    def forward(self, maps):
        return maps.permute(0, 2, 3, 1)


class Patches(nn.Module):
    def forward(self, maps):
        return maps.flatten(2).transpose(1, 2)


@pytest.mark.parametrize("layout", [ChannelsLast, Patches])
def test_the_layout_of_a_map_does_not_matter(network, pictures, layout):
    torch.manual_seed(1)
    head = nn.Linear(6 * 256, 2)
    laid = nn.Sequential(*network[:2], layout(), nn.Flatten(), head).eval()
    model, question = ExplainedModel(laid, pictures[:2]), Question(torch.zeros(11, dtype=torch.long))
    at_map, at_layout = (explained(model, f"module.{layer}", pictures, question) for layer in (1, 2))
    for one, other in zip(at_map, at_layout, strict=True):
        assert one.values.shape == (16, 16)
        assert one.values.std() > 0
        assert np.allclose(one.values, other.values, atol=1e-7)


def test_it_shares_nothing_and_tells_the_scores_masked_and_whole(network, pictures):
    model, question = ExplainedModel(network, pictures[:2]), Question(torch.zeros(11, dtype=torch.long))
    found = explained(model, "module.3", pictures, question)
    whole = question.score(network(pictures)).tolist()
    assert [shares.full for shares in found] == pytest.approx(whole, abs=1e-5)
    masked = torch.cat([MaskedPicture(picture).shown(np.zeros((1, 1, 1), dtype=bool)) for picture in pictures])
    assert [shares.base for shares in found] == pytest.approx(question.score(network(masked)).tolist(), abs=1e-5)
    assert all(shares.residual is None and shares.error is None for shares in found)
    assert {shares.evaluations for shares in found} == {3}


def test_what_cannot_be_explained_is_said(network, pictures):
    model = ExplainedModel(network, pictures[:2])
    with pytest.raises(AttributionError, match=r"module.5 gives \(3,\) for each picture.*name a layer"):
        GradCam(model, "module.5", pictures[:2])
    with pytest.raises(UnknownNameError, match=r"module.2"):
        GradCam(model, "module.22", pictures[:2])
    with pytest.raises(AttributionError, match="2 rows have 0 items"):
        GradCam(model, "module.3", pictures[:2]).explain(pictures[:2], Question(torch.zeros(2, dtype=torch.long)), [0])


def test_a_broken_model_is_said_to_be_broken(network, pictures):
    broken = copy.deepcopy(network)
    model = ExplainedModel(broken, pictures[:2])
    method = GradCam(model, "module.3", pictures[:2])
    with torch.no_grad():
        model.network.module[5].weight.fill_(torch.nan)
    with pytest.raises(AttributionError, match="not a number"):
        method.explain(
            pictures[:1], Question(torch.zeros(1, dtype=torch.long)), [0], items=[MaskedPicture(pictures[0])]
        )
