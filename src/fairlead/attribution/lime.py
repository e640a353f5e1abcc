"""LIME: a linear model of how a model answers where parts are masked, by captum."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from torch import Tensor

from fairlead.attribution.masked_game import BATCH, MaskedGame
from fairlead.attribution.running_shares import agreement
from fairlead.attribution.shares import Shares
from fairlead.attribution.undisturbed import generators_kept
from fairlead.preprocessing.silence import silenced

_WIDTH = 0.25  # of the kernel, as in the package of the method's authors; and so is the penalty
_PENALTY = 1.0
_FEWEST = 4  # samples that two halves can be fitted to


def lime(game: MaskedGame, evaluations: int, seed: int) -> Shares:
    """Fits a linear model to the scores of masked versions of an item, those alike it weighing most.

    Each part is shown in half of the versions. Weights fall with the cosine distance of what is shown from the whole.
    Values are the coefficients, which share nothing. They are fitted to each half of the versions too: how far the
    halves are apart is the Monte-Carlo error. captum draws from torch's global generator; its state is put back.

    Args:
        game: The item's.
        evaluations: At most; too few to fit anything give no values, and a certificate that says so.
        seed: Of the versions.

    References:
        Ribeiro et al. (2016), "Why should I trust you?" Explaining the predictions of any classifier, KDD.

    Examples:
        >>> from fairlead.attribution import ExplainedModel, MaskedPicture, Question
        >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(768, 2))
        >>> model = ExplainedModel(network, torch.zeros(2, 3, 16, 16))
        >>> game = MaskedGame(model, MaskedPicture(torch.rand(3, 16, 16)), Question(torch.tensor([0])), (2, 2))
        >>> lime(game, 100, seed=0).agreement > 0.9  # a linear model
        True
    """
    base, full = game.base, game.full
    samples = evaluations - game.evaluations
    if samples < _FEWEST:
        return Shares(np.zeros(game.shape), base, full, shares=False, agreement=0.0, evaluations=game.evaluations)
    with silenced():
        from captum.attr import LimeBase  # takes a second to import

    fitted = _Fitted()
    lot = np.random.default_rng(seed)

    def versions(*_: Any, **__: Any) -> Iterator[Tensor]:
        while True:
            yield torch.from_numpy(lot.integers(2, size=(1, game.players))).float()

    def scores(plays: Tensor) -> Tensor:
        return torch.from_numpy(game(plays.numpy() > 0.5))

    method = LimeBase(
        scores,
        fitted,
        similarity_func=lambda _whole, _input, plays, **_: _weight(plays),
        perturb_func=versions,
        perturb_interpretable_space=True,
        from_interp_rep_transform=lambda plays, _whole, **_: plays,
        to_interp_rep_transform=None,
    )
    with generators_kept():
        method.attribute(torch.ones(1, game.players), n_samples=samples, perturbations_per_eval=BATCH)
    whole, even, odd = fitted.coefficients
    return Shares(
        whole.reshape(game.shape),
        base,
        full,
        shares=False,
        error=_error(whole, even, odd),
        agreement=agreement(even, odd),
        evaluations=game.evaluations,
    )


class _Fitted:
    """The linear model of all versions, and those of each half, as captum calls them."""

    def __init__(self) -> None:
        self.coefficients: list[NDArray[np.float64]] = []

    def fit(self, train_data: Any) -> None:
        plays, scores, weights = (part.double().numpy() for part in next(iter(train_data)))
        for part in (slice(None), slice(0, None, 2), slice(1, None, 2)):
            linear = Ridge(alpha=_PENALTY).fit(plays[part], scores[part], sample_weight=weights[part])
            self.coefficients.append(np.asarray(linear.coef_, dtype=np.float64))

    def representation(self) -> Tensor:
        return torch.from_numpy(self.coefficients[0])


def _weight(plays: Tensor) -> Tensor:
    """Returns (1,) the weight of (1, P) a version."""
    distance = 1 - plays.mean().sqrt()  # of a vector of zeros and ones from all ones, by the cosine
    return torch.exp(-(distance**2) / (2 * _WIDTH**2)).reshape(1)


def _error(whole: NDArray[np.float64], even: NDArray[np.float64], odd: NDArray[np.float64]) -> float:
    apart, size = float(np.linalg.norm(even - odd)) / 2, float(np.linalg.norm(whole))
    return apart / size if size > 0 else float(np.inf if apart > 0 else 0.0)
