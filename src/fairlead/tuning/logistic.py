"""A logistic head, fitted to the end, its penalty chosen by cross-validation."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

# From almost a prior to almost no penalty, in standardised features. Half-decades: the loss is flat between.
PENALTIES = tuple(float(c) for c in np.logspace(-4, 1, 11))


BREATH = 1e-6  # of the widest feature: one that varies by less has no say


@dataclass(frozen=True, eq=False)
class LogisticHead:
    """A fitted linear head, in the units of the features as they are.

    Attributes:
        weight: (C, D).
        bias: (C,).
        penalty: The inverse penalty C that cross-validation chose, for standardised features.
        losses: Mean cross-validated log loss by inverse penalty.
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    penalty: float
    losses: dict[float, float]


def fit_logistic(
    features: NDArray[np.float32], targets: NDArray[np.int64], classes: int, *, folds: int = 5, seed: int = 0
) -> LogisticHead:
    """Fits multinomial logistic regression with an L2 penalty by stratified cross-validation.

    With fewer rows than features, the solution lies in the span of the rows; the problem is then rotated
    into that span, which changes nothing but the time.

    Args:
        features: (N, D).
        targets: (N,) codes from 0 to C - 1; every class at least once.
        classes: C.
        folds: Of the cross-validation; fewer where the rarest class has fewer rows.
        seed: Of the folds.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(60, 5)).astype(np.float32); y = (x[:, 0] > 0).astype(np.int64)
        >>> head = fit_logistic(x, y, 2)
        >>> bool(((x @ head.weight.T + head.bias).argmax(1) == y).mean() > 0.9)
        True
    """
    from threadpoolctl import threadpool_limits

    # Problems of this size are thousands of small products: threads that wait for one another on a busy
    # machine cost ten times what they gain.
    with threadpool_limits(limits=1 if features.size < 2e7 else None):
        return _fit_rotated(features, targets, classes, folds, seed)


def _fit_rotated(
    features: NDArray[np.float32], targets: NDArray[np.int64], classes: int, folds: int, seed: int
) -> LogisticHead:
    centre = features.mean(axis=0, dtype=np.float64)
    scale = features.std(axis=0, dtype=np.float64)
    # A constant feature carries nothing; what it varies by in float64 is rounding. So does one that is a breath beside
    # the others: all-MiniLM-L6-v2 has one that varies by 1e-33, whose weight would be 1e31, and the first step of
    # fine-tuning moves the feature by more than all it ever said.
    scale[(scale <= 1e-8 * np.abs(centre)) | (scale <= BREATH * scale.max())] = np.inf
    standard = (features - centre) / scale
    rotation: NDArray[np.float64] | None = None
    if standard.shape[0] < standard.shape[1]:
        _, values, rotation = np.linalg.svd(standard, full_matrices=False)
        rotation = rotation[values > 1e-10 * values[0]] if values[0] > 0 else rotation[:1]
        standard = standard @ rotation.T
    losses = _cross_validated(standard, targets, classes, folds, seed)
    penalty = min(losses, key=lambda c: (losses[c], c)) if losses else 1e-2
    model = _model(tolerance=1e-4).set_params(C=penalty)
    weight, bias = _fit(model, standard, targets, classes)
    if rotation is not None:
        weight = weight @ rotation
    weight = weight / scale
    return LogisticHead(weight, bias - weight @ centre, penalty, losses)


def _cross_validated(
    features: NDArray[np.float64], targets: NDArray[np.int64], classes: int, folds: int, seed: int
) -> dict[float, float]:
    """Returns the held-out log loss by inverse penalty; empty where the rarest class has a single row.

    The path goes from the strongest penalty to the weakest, each fit starting from the one before, and ends
    where the loss has risen twice: the weakest penalties take longest and never win after that.
    """
    from sklearn.model_selection import StratifiedKFold

    folds = min(folds, int(np.bincount(targets, minlength=classes).min()))
    if folds < 2:
        return {}
    parts = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(features, targets))
    models = [_model(tolerance=1e-3) for _ in parts]
    losses: dict[float, float] = {}
    for penalty in PENALTIES:
        total = 0.0
        for model, (train, held) in zip(models, parts, strict=True):
            weight, bias = _fit(model.set_params(C=penalty), features[train], targets[train], classes)
            total += float(_log_loss(features[held] @ weight.T + bias, targets[held]).sum())
        losses[penalty] = total / len(targets)
        *_, before, last, now = [np.inf, np.inf, *losses.values()]
        if before < last < now:
            break
    return losses


def _log_loss(logits: NDArray[np.float64], targets: NDArray[np.int64]) -> NDArray[np.float64]:
    from scipy.special import logsumexp

    return np.asarray(logsumexp(logits, axis=1) - logits[np.arange(len(targets)), targets])


def _model(*, tolerance: float) -> LogisticRegression:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=300, tol=tolerance, warm_start=True)


def _fit(
    model: LogisticRegression, features: NDArray[np.float64], targets: NDArray[np.int64], classes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns (C, D) weights and (C,) biases of the penalised maximum likelihood."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # A fit that needs more than 300 steps has too weak a penalty; its held-out loss says so.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features, targets)
    weight, bias = np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)
    if classes == 2:  # scikit-learn has one logit for two classes: give each class half of it
        return np.concatenate([-weight / 2, weight / 2]), np.concatenate([-bias / 2, bias / 2])
    return weight, bias
