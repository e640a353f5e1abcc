"""Proper scores of the probabilities: log loss and Brier score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fairlead.evidence import Estimate
from fairlead.measures.intervals import FloatArray, mean_loss_interval

_EPSILON = float(np.finfo(np.float64).eps)
_METHOD = "Student's t, the wider of the rows as they are and with one more mistake"


def log_loss(probabilities: FloatArray, targets: NDArray[np.int64], level: float = 0.95) -> Estimate | None:
    """The mean of minus the natural logarithm of the true class's probability; None without rows.

    Probabilities are kept at least 2.2e-16 away from 0 and 1, as in scikit-learn: a row loses at most 36.04.
    The interval covers where mistakes cost about what this model's mistakes would; it is too low where one row in
    hundreds, of which none was seen, costs many times that. The Brier score, being bounded, feels such rows far less.

    Args:
        probabilities: (N, C), C at least 2.
        targets: (N,) codes from 0 to C - 1; no -1.
        level: Coverage aimed at.

    Examples:
        >>> str(log_loss(np.full((50, 2), 0.5), np.arange(50) % 2))
        '0.693 [0.652, 0.703]'
    """
    return _mean_loss(
        -np.log(np.clip(probabilities, _EPSILON, 1 - _EPSILON)), probabilities, targets, -np.log(_EPSILON), level
    )


def brier_score(probabilities: FloatArray, targets: NDArray[np.int64], level: float = 0.95) -> Estimate | None:
    """The mean squared distance of the probabilities from the truth; None without rows.

    Summed over the classes, from 0 to 2; of two classes half that sum, from 0 to 1, which is the squared error
    of the positive class's probability. This is ``brier_score_loss(scale_by_half="auto")`` of scikit-learn.

    Args:
        probabilities: (N, C), C at least 2.
        targets: (N,) codes from 0 to C - 1; no -1.
        level: Coverage aimed at.

    References:
        Brier (1950), Verification of forecasts expressed in terms of probability, Monthly Weather Review 78.

    Examples:
        >>> print(f"{brier_score(np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]), np.array([0, 1, 1])).value:.2f}")
        0.18
    """
    half = 0.5 if probabilities.shape[1] == 2 else 1.0
    loss = half * (np.square(probabilities).sum(axis=1, keepdims=True) - 2 * probabilities + 1)
    return _mean_loss(loss, probabilities, targets, 2 * half, level)


def _mean_loss(
    loss: FloatArray, probabilities: FloatArray, targets: NDArray[np.int64], most: float, level: float
) -> Estimate | None:
    """Estimates the mean from (N, C) losses: what each row loses should its true class be each of the C."""
    rows, classes = loss.shape
    if not rows:
        return None
    every = np.arange(rows)
    actual = np.clip(loss[every, targets], 0.0, most)
    # What a mistake would have cost is known without any having happened: had another class been the true one.
    top = loss[every, probabilities.argmax(axis=1)]
    if_wrong = float(((loss.sum(axis=1) - top) / (classes - 1)).mean())
    return Estimate(float(actual.mean()), *mean_loss_interval(actual, if_wrong, most, level), level, rows, _METHOD)
