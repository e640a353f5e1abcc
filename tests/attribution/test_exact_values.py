"""Linear and additive networks: the values are Shapley's, whatever is drawn."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
import torch
from torch import nn

from fairlead.attribution import (
    Effort,
    ExpectedGradients,
    ExplainedModel,
    LayerSite,
    MeanWordSite,
    PixelSite,
    Question,
    TokenSite,
)
from tests.fakes.networks import SPECIAL, BagOfWords, linear, pictures, seeded, texts
from tests.fakes.peers import shap

QUICK = Effort(tolerance=0.0, samples=64)


def test_a_linear_networks_pixels_have_their_shapley_values():
    network, rows, others = linear(8), pictures(3, 8), pictures(5, 8, seed=1)
    model = ExplainedModel(network, rows)
    question = Question(torch.tensor([1, 0, 1]))
    found = ExpectedGradients(model, PixelSite(model), others, effort=QUICK).explain(rows, question, [0, 1, 2])
    weights = (network[1].weight[1] - network[1].weight[0]).detach().reshape(3, 8, 8)
    for row, (shares, sign) in enumerate(zip(found, (1, -1, 1), strict=True)):
        # Two classes: the log-odds are a difference of logits, so that a part is worth its weight times its way.
        exact = sign * (weights * (rows[row] - others.mean(dim=0))).sum(dim=0)
        assert np.abs(shares.values - exact.numpy()).max() < 1e-5
        assert abs(shares.residual) < 1e-5
        assert shares.full - shares.base == pytest.approx(float(exact.sum()), abs=1e-5)


class Additive(nn.Module):
    """A curve of its own for each of four pixels, added up: the other pixels do not matter."""

    places = ((0, 0, 0), (1, 0, 1), (2, 1, 0), (0, 1, 1))

    def __init__(self):
        super().__init__()
        self.weights = nn.Parameter(torch.tensor([2.0, -1.0, 3.0, 0.5]))

    def forward(self, inputs):
        pixels = torch.stack([inputs[:, channel, row, column] for channel, row, column in self.places], dim=1)
        curves = torch.stack([pixels[:, 0] ** 2, pixels[:, 1].exp(), pixels[:, 2].sin(), pixels[:, 3] ** 3], dim=1)
        return (curves * self.weights).sum(dim=1)


def shapley(game, players):
    """By its definition, over every coalition."""
    values = np.zeros(players)
    for player in range(players):
        rest = [other for other in range(players) if other != player]
        for size in range(players):
            for chosen in combinations(rest, size):
                gain = game({*chosen, player}) - game(set(chosen))
                values[player] += gain / (players * comb(players - 1, size))
    return values


def test_an_additive_network_has_the_shapley_values_of_the_background_marginal():
    network, row, others = Additive(), pictures(1, 2), pictures(4, 2, seed=1)

    def game(shown):
        inputs = others.clone()
        for player in shown:
            channel, line, column = network.places[player]
            inputs[:, channel, line, column] = row[0, channel, line, column]
        with torch.no_grad():
            return float(network(inputs).mean())

    model = ExplainedModel(network, torch.cat([row, others]))
    method = ExpectedGradients(model, PixelSite(model), others, effort=Effort(tolerance=0, samples=2000))
    drawn = method.explain(row.repeat(32, 1, 1, 1), Question(torch.ones(32, dtype=torch.long)), list(range(32)))
    exact = shapley(game, 4)
    values = np.array([[shares.values[line, column] for _, line, column in network.places] for shares in drawn])
    assert (np.linalg.norm(values - exact, axis=1) < 4 * drawn[0].error * np.linalg.norm(exact)).all()
    assert np.abs(values.mean(axis=0) - exact).max() < 1e-3

    masker = shap.maskers.Independent(np.stack([pixels_of(network, other) for other in others]), max_samples=4)
    exactly = shap.explainers.Exact(lambda plays: curves_of(network, plays), masker)
    assert np.abs(exactly(pixels_of(network, row[0])[None]).values[0] - exact).max() < 1e-6


def pixels_of(network, picture):
    return np.array([float(picture[place]) for place in network.places])


def curves_of(network, pixels):
    inputs = torch.zeros(len(pixels), 3, 2, 2)
    for player, place in enumerate(network.places):
        inputs[(slice(None), *place)] = torch.from_numpy(pixels[:, player]).float()
    with torch.no_grad():
        return network(inputs).numpy()


def pooled(side=16):
    """A layer with a linear tail: pooling and a linear head."""

    def build():
        layers = nn.Conv2d(3, 5, 3, padding=1, stride=2), nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        return nn.Sequential(*layers, nn.Linear(5, 2)).eval()

    return seeded(build)


def test_a_layer_with_a_linear_tail_is_exact_and_shaps_layer_mode_is_not():
    network, rows, others = pooled(), pictures(1), pictures(6, seed=1)
    model = ExplainedModel(network, rows)
    site = LayerSite(model, "module.1", torch.cat([rows, others]))
    (shares,) = ExpectedGradients(model, site, others, effort=QUICK).explain(rows, Question(torch.tensor([1])), [0])
    with torch.no_grad():
        maps, of_others = network[:2](rows)[0], network[:2](others).mean(dim=0)
        weights = (network[4].weight[1] - network[4].weight[0]) / 64
        exact = (weights[:, None, None] * (maps - of_others)).sum(dim=0).numpy()
    assert np.abs(shares.values - exact).max() < 1e-5
    assert abs(shares.residual) < 1e-5

    # shap multiplies by the activation on the way, not by what it differs by: no number of samples mends that. Its
    # layer is the one whose *input* is explained, and it explains the difference of two logits as one output here.
    class Difference(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, inputs):
            logits = self.network(inputs)
            return (logits[:, 1] - logits[:, 0])[:, None]

    explainer = shap.GradientExplainer((Difference(), network[2]), others)
    theirs = explainer.shap_values(rows, nsamples=2000, rseed=0).reshape(5, 8, 8).sum(axis=0)
    assert np.abs(theirs - exact).max() > 5 * np.abs(exact).max() or (
        abs(theirs.sum() - exact.sum()) > 0.5 * abs(exact.sum())
    )


def test_a_bag_of_words_has_the_shapley_values_of_its_tokens():
    network, rows, others = BagOfWords(), texts(2), texts(3, seed=1)
    model = ExplainedModel(network, rows)
    site = TokenSite(model, "module.embedding", rows, SPECIAL)
    method = ExpectedGradients(model, site, others, effort=QUICK)
    found = method.explain(rows, Question(torch.tensor([1, 1])), [0, 1])
    weights = (network.head.weight[1] - network.head.weight[0]).detach()
    of_token = network.embedding.weight.detach() @ weights
    longest = int(max((other[0] > 2).sum() for other in others))
    replaced = []
    for other in others:
        own = other[0][other[0] > 2]
        replaced.append(of_token[own[torch.arange(longest) % len(own)]])
    replaced = torch.stack(replaced).mean(dim=0)
    for row, shares in zip(rows, found, strict=True):
        ids = row[0]
        words = ids > 2
        exact = torch.zeros(len(ids))
        exact[words] = of_token[ids[words]] - replaced[torch.arange(int(words.sum())) % longest]
        assert np.abs(shares.values[0] - exact.numpy()).max() < 1e-5
        assert (shares.values[0][~words.numpy()] == 0).all()
        assert abs(shares.residual) < 1e-5


def test_a_bag_of_words_against_the_mean_word_is_exact_in_one_round_of_any_background():
    network, rows, others = BagOfWords(), texts(2), texts(3, seed=1)
    model = ExplainedModel(network, rows)
    method = ExpectedGradients(model, MeanWordSite(model, "module.embedding", rows, SPECIAL), others, effort=QUICK)
    assert method.mask == "the mean word of 3 other rows"
    weights = (network.head.weight[1] - network.head.weight[0]).detach()
    of_token = network.embedding.weight.detach() @ weights
    mean = of_token[torch.cat([other[0][other[0] > 2] for other in others])].mean()
    for row, shares in zip(rows, method.explain(rows, Question(torch.tensor([1, 1])), [0, 1]), strict=True):
        exact = torch.where(row[0] > 2, of_token[row[0]] - mean, 0.0)
        np.testing.assert_allclose(shares.values[0], exact, atol=1e-5)
        assert shares.error < 1e-5
        assert abs(shares.residual) < 1e-5
