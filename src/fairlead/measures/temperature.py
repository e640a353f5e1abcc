"""Temperature scaling."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from fairlead.errors import ConfigurationError, DataError
from fairlead.measures.intervals import FloatArray

COLDEST: Final = 0.05
HOTTEST: Final = 20.0
FEWEST_ROWS: Final = 10


def softmax(logits: ArrayLike, temperature: float = 1.0) -> FloatArray:
    """Returns (N, C) probabilities of (N, C) logits over a temperature, without overflow.

    Raises:
        ConfigurationError: a temperature that is not a number above 0.

    Examples:
        >>> softmax([[0.0, 1e6]], temperature=2.0).tolist()
        [[0.0, 1.0]]
    """
    if not (np.isfinite(temperature) and temperature > 0):
        raise ConfigurationError(f"a temperature is a finite number above 0, got {temperature}; 1 changes nothing")
    scores = np.asarray(logits, dtype=np.float64)
    powers = np.exp((scores - scores.max(axis=-1, keepdims=True)) / temperature)
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float64)


def fit_temperature(logits: ArrayLike, targets: ArrayLike) -> float:
    """Finds the temperature T that minimises the log loss of softmax(logits / T) on calibration rows.

    The loss is convex in 1/T, so there is one minimum; it is found to twelve digits as the root of the derivative.
    T never raises the log loss of these rows over T = 1, and never changes which class is first. It scales with the
    logits: ``fit(k * logits) == k * fit(logits)``, between 0.05 and 20, where T is held. Rows with target -1
    are left out. The special cases:

    * fewer than 10 rows, only one class among the targets, or logits that are equal in every row: 1.0, for there
      is nothing to learn from;
    * every row right: the loss falls all the way to T = 0, which N rows cannot vouch for. The targets are then
      smoothed as by Platt, by one mistake in N + 2 rows; T is that optimum, or 1.0 where it would be above;
    * logits no better than chance on these rows: 20.0, all but a uniform answer.

    Args:
        logits: (N, C) scores before the softmax.
        targets: (N,) class codes; -1 where the truth is not known.

    Raises:
        DataError: shapes that do not agree, logits that are not finite, or codes of no class.

    References:
        Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks, ICML.
        Platt (1999), Probabilistic outputs for support vector machines, for the smoothed targets.

    Examples:
        >>> rows = [[2.0, 0.0]] * 12  # 3 of 4 right asks for logits log(3) apart
        >>> temperature = fit_temperature(rows, [0, 0, 0, 1] * 3)
        >>> f"{2 / temperature:.6f} {np.log(3):.6f}"
        '1.098612 1.098612'
    """
    scores, codes = _checked(logits, targets)
    if len(codes) < FEWEST_ROWS or len(np.unique(codes)) < 2:
        return 1.0
    own = scores[np.arange(len(codes)), codes]
    others = scores - own[:, None]
    if not np.any(others > 0):
        # Mean over the classes, the target's own 0 included: the wrong share is spread evenly.
        smoothed = others.sum(axis=1) / (scores.shape[1] - 1)
        return min(1.0, _minimum(others, float(smoothed.mean()) / (len(codes) + 2)))
    return _minimum(others, 0.0)


def _minimum(others: FloatArray, wrong: float) -> float:
    """Returns the T at which the mean expectation of ``others`` (N, C), logits less the target's own, is ``wrong``.

    That difference is the derivative of the log loss by 1/T. It rises with 1/T, so its signs at the bounds
    tell whether the root is between them.
    """

    def slope(log_temperature: float) -> float:
        expected = (softmax(others, float(np.exp(log_temperature))) * others).sum(axis=1)
        return float(expected.mean()) - wrong

    cold, hot = float(np.log(COLDEST)), float(np.log(HOTTEST))
    at_cold, at_hot = slope(cold), slope(hot)
    if at_cold <= 0 <= at_hot:
        return 1.0
    if at_cold <= 0:
        return COLDEST
    if at_hot >= 0:
        return HOTTEST
    return float(np.exp(brentq(slope, cold, hot, xtol=1e-12, rtol=1e-12)))


def _checked(logits: ArrayLike, targets: ArrayLike) -> tuple[FloatArray, NDArray[np.int64]]:
    """Returns the labelled rows as float64 and int64."""
    scores, codes = np.asarray(logits, dtype=np.float64), np.asarray(targets)
    if scores.ndim != 2 or codes.shape != scores.shape[:1] or (codes.dtype.kind not in "iu" and len(codes)):
        raise DataError(
            f"logits of shape {scores.shape} and {codes.dtype} targets of shape {codes.shape} do not belong together; "
            "give (N, C) logits and (N,) integer class codes"
        )
    bad = np.flatnonzero(~np.isfinite(scores).all(axis=1))
    if len(bad):
        raise DataError(
            f"row {bad[0]} has a logit that is not a finite number; the training diverged: lower the learning rate"
        )
    if len(codes) and (codes.min() < -1 or codes.max() >= scores.shape[1]):
        row = int(np.flatnonzero((codes < -1) | (codes >= scores.shape[1]))[0])
        raise DataError(
            f"row {row} has target {codes[row]}, which is no class; targets are codes from 0 to {scores.shape[1] - 1}, "
            "or -1 where unknown"
        )
    known = codes >= 0
    return scores[known], codes[known].astype(np.int64)
