"""LIME and partition SHAP: what they find, what they cost, and that they disturb nothing."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from fairlead.attribution import Effort, ExplainedModel, MaskedGame, MaskedPicture, Masking, Question
from fairlead.attribution.lime import lime
from fairlead.attribution.partition_shap import partition_shap
from fairlead.errors import AttributionError
from fairlead.measures import PartitionTree, owen_values
from tests.fakes.explained import WordSum, asked_pictures, asked_texts, noise, red_corners

WORTH = {"good": 2.0, "bad": -3.0, "fine": 1.0, "the": 0.1, "service": 0.5, "very": -0.5, "was": 0.0}
TEXT = "the service was very fine good bad"
SOLVERS = {"LIME": lime, "partition SHAP": partition_shap}


@pytest.fixture(autouse=True)
def uncompiled(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")  # compiling its loops takes ten times as long as running them


def curved(side=32):
    """A network whose answers are no sum over the cells of a picture."""
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, 4, 2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * (side // 4) ** 2, 16),
        nn.ReLU(),
        nn.Linear(16, 2),
    ).eval()


def explained(network, asked, solve, *, samples=512, **given):
    model = ExplainedModel(network, asked.inputs[:2].repeat(3 - len(asked.inputs[:2]), *[1] * (asked.inputs.ndim - 1)))
    method = Masking(model, solve, name="it", mask="blur", effort=Effort(samples=samples), **given)
    return method.explain(asked.inputs, asked.question, asked.indices, items=asked.items)


@pytest.mark.parametrize("solve", SOLVERS.values(), ids=SOLVERS)
def test_a_sum_over_words_is_found(solve):
    asked = asked_texts(TEXT, "bad good")
    found = explained(WordSum(WORTH), asked, solve)
    for shares, words in zip(found, (TEXT.split(), ["bad", "good"]), strict=True):
        expected = [WORTH[word] for word in words]
        assert shares.values.shape == (1, len(words))
        assert np.argsort(shares.values[0]).tolist() == np.argsort(expected).tolist()
        assert np.allclose(shares.values[0], expected, rtol=0.05, atol=0.05)
        assert shares.base == pytest.approx(0, abs=1e-6)
        assert shares.full == pytest.approx(sum(expected), abs=1e-5)
    assert np.array_equal(asked.items[0].fold(found[0].values), found[0].values)


def test_lime_ranks_the_cells_of_a_linear_model_as_their_worth():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 2)).eval()
    asked = asked_pictures(torch.rand(2, 3, 32, 32))
    for row, shares in enumerate(explained(network, asked, lime)):
        game = MaskedGame(
            ExplainedModel(network, asked.inputs), asked.items[row], asked.question.of(torch.tensor([row])), (7, 7)
        )
        alone = game(~np.eye(49, dtype=bool))  # each cell masked by itself: exact, for a linear model
        truth = game.full - alone
        assert spearmanr(shares.values.ravel(), truth).statistic > 0.98
        assert shares.error < 0.2
        assert shares.agreement > 0.9
        assert shares.residual is None
        assert shares.evaluations == 512


def test_lime_is_the_ridge_that_it_says_it_is():
    asked = asked_pictures(red_corners(1) + noise(1))
    game = MaskedGame(ExplainedModel(curved(), asked.inputs.repeat(2, 1, 1, 1)), asked.items[0], asked.question, (4, 4))
    shares = lime(game, 202, seed=5)
    lot = np.random.default_rng(5)
    plays = np.concatenate([lot.integers(2, size=(1, 16)) for _ in range(200)])
    scores, ones = game(plays > 0), np.ones(16)
    cosines = np.array([play @ ones / (np.linalg.norm(play) * np.linalg.norm(ones)) for play in plays])
    weights = np.exp(-((1 - cosines) ** 2) / 0.25**2) ** 0.5
    centred = plays - np.average(plays, axis=0, weights=weights)
    left = centred.T @ (weights[:, None] * centred) + np.eye(16)
    expected = np.linalg.solve(left, centred.T @ (weights * (scores - np.average(scores, weights=weights))))
    assert np.allclose(shares.values.ravel(), expected, atol=1e-5 * np.abs(expected).max())
    assert weights.std() > 0.01


def test_partition_is_owens_with_all_evaluations():
    asked = asked_pictures(red_corners(1) + noise(1))
    (shares,) = explained(curved(), asked, partition_shap, samples=10_000, cells=4)
    game = MaskedGame(ExplainedModel(curved(), asked.inputs.repeat(2, 1, 1, 1)), asked.items[0], asked.question, (4, 4))
    exact = owen_values(game, PartitionTree.of_grid(4, 4), evaluations=10**6)
    assert exact.inferred == 0
    assert np.abs(exact.values).max() > 100 * 1e-6
    assert np.allclose(shares.values.ravel(), exact.values, atol=1e-6)
    assert shares.residual == pytest.approx(0, abs=1e-5)
    assert (shares.grain, shares.inferred) == (1.0, 0.0)


def test_partition_says_what_it_did_not_look_into():
    asked = asked_pictures(red_corners(1) + noise(1))
    (coarse,) = explained(curved(), asked, partition_shap, samples=40, cells=4)
    assert coarse.residual == pytest.approx(0, abs=1e-5)
    assert coarse.evaluations <= 40
    assert coarse.inferred > 0.2
    assert coarse.grain > 1.5


@pytest.mark.parametrize("solve", SOLVERS.values(), ids=SOLVERS)
def test_a_row_is_explained_alike_whatever_else_is(solve):
    pictures = red_corners(3) + noise(3)
    together = explained(curved(), asked_pictures(pictures), solve, samples=100)
    random.seed(9), np.random.seed(9), torch.manual_seed(9)
    model = ExplainedModel(curved(), pictures[:2])
    alone = Masking(model, solve, name="it", mask="blur", effort=Effort(samples=100)).explain(
        pictures[2:], Question(torch.ones(1, dtype=torch.long)), [2], items=[MaskedPicture(pictures[2])]
    )
    assert np.allclose(alone[0].values, together[2].values, atol=1e-6)
    assert alone[0].evaluations == together[2].evaluations <= 100


def test_lime_draws_by_its_seed():
    asked = asked_pictures(red_corners(1) + noise(1))
    first, second, again = (explained(curved(), asked, lime, samples=100, seed=seed)[0].values for seed in (0, 1, 0))
    assert np.array_equal(first, again)
    assert not np.allclose(first, second)


def test_the_error_of_lime_is_how_far_seeds_are_apart():
    asked = asked_pictures(red_corners(1) + noise(1))
    found = [explained(curved(), asked, lime, samples=200, seed=seed)[0] for seed in range(12)]
    values = np.stack([shares.values for shares in found])
    spread = np.sqrt(values.var(axis=0, ddof=1).sum()) / np.sqrt((values.mean(axis=0) ** 2).sum())
    told = np.median([shares.error for shares in found])
    assert 0.6 * spread < told < 1.7 * spread
    assert told > 0.05


@pytest.mark.parametrize("solve", SOLVERS.values(), ids=SOLVERS)
def test_time_that_is_spent_gives_rough_values_that_say_so(solve):
    asked = asked_pictures(red_corners(2) + noise(2))
    method = Masking(ExplainedModel(curved(), asked.inputs), solve, name="it", mask="blur")
    done: list[int] = []
    found = method.explain(
        asked.inputs, asked.question, asked.indices, items=asked.items, until=time.monotonic(), done=done.append
    )
    assert done == [1, 2]
    for shares in found:
        assert shares.stopped == "the time was spent"
        assert shares.evaluations <= 4
        assert shares.values.std() < 1e-12  # flat: nothing is claimed
        assert shares.agreement == 0 if solve is lime else shares.inferred == 1
    later = method.explain(asked.inputs, asked.question, asked.indices, items=asked.items, until=time.monotonic() + 600)
    assert [shares.stopped for shares in later] == ["", ""]


def test_one_word_alone_has_it_all():
    (shares,) = explained(WordSum(WORTH), asked_texts("good"), partition_shap)
    assert shares.values.tolist() == [[pytest.approx(2.0)]]
    (shares,) = explained(WordSum(WORTH), asked_texts("good"), lime)
    assert 0 < shares.values[0, 0] < 2.0  # nothing is like a whole that is masked, so that the penalty weighs most


@pytest.mark.parametrize("solve", SOLVERS.values(), ids=SOLVERS)
def test_a_text_without_words_has_nothing(solve):
    asked = asked_texts("")
    (shares,) = explained(WordSum(WORTH), asked, solve)
    assert asked.items[0].fold(shares.values).tolist() == [[0.0]]


@pytest.mark.parametrize("solve", SOLVERS.values(), ids=SOLVERS)
def test_what_cannot_be_explained_is_said(solve):
    asked = asked_pictures(noise(2))
    model = ExplainedModel(curved(), asked.inputs)
    method = Masking(model, solve, name="it", mask="blur")
    with pytest.raises(AttributionError, match="it masks parts of 2 rows, and 1 came in parts; give"):
        method.explain(asked.inputs, asked.question, asked.indices, items=asked.items[:1])
    with torch.no_grad():
        model.network.module[5].bias.fill_(torch.nan)
    with pytest.raises(AttributionError, match="not a number"):
        method.explain(asked.inputs, asked.question, asked.indices, items=asked.items)


def test_a_text_is_folded_from_tokens_and_from_words():
    (item,) = asked_texts("good the bad").items
    assert item.fold(np.array([[9.0, 1.0, 2.0, 3.0, 9.0]])).tolist() == [[1.0, 2.0, 3.0]]
    assert item.fold(np.array([[1.0, 2.0, 3.0]])).tolist() == [[1.0, 2.0, 3.0]]
