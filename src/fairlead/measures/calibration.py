"""The expected calibration error."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fairlead.evidence import Estimate
from fairlead.measures.intervals import FloatArray, mistakes_to_add, tail_of
from fairlead.measures.special import ndtri, stdtrit

BINS: Final = 15


def expected_calibration_error(
    probabilities: FloatArray, targets: NDArray[np.int64], level: float = 0.95, bins: int = BINS
) -> Estimate | None:
    """The mean distance of confidence from accuracy over equal-width bins of the top probability.

    The value is biased upward, the more the fewer rows a bin has: a model whose probabilities are exactly right
    shows about 0.07 on 50 rows and 0.02 on 1000. The interval is for the error of the *binned* kind that all
    rows of the population would show, and reads so that this bias is in it:

    * below: the value less the total absolute noise of the bins (its normal upper quantile), by the triangle
      inequality. With few rows this end is 0;
    * above: noise adds to the value on average and can hide at most the part of it that lies along the true signs,
      a plain mean of signed gaps; its t interval, with one more row that is wrong, is taken.

    Bins are open to the left, (0, 1/15], (1/15, 2/15] and so on.

    Args:
        probabilities: (N, C).
        targets: (N,) codes from 0 to C - 1; no -1.
        level: Coverage aimed at.
        bins: How many bins.

    Returns:
        The estimate, or None without rows.

    References:
        Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks, ICML.

    Examples:
        >>> sure = np.tile([0.9, 0.1], (100, 1))
        >>> str(expected_calibration_error(sure, (np.arange(100) >= 60).astype(np.int64)))
        '0.300 [0.203, 0.406]'
    """
    rows = len(targets)
    if not rows:
        return None
    tail = tail_of(level)
    confidence = probabilities.max(axis=1)
    right = (probabilities.argmax(axis=1) == targets).astype(np.float64)
    gap = confidence - right
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    signed = np.bincount(place, gap, minlength=bins) / rows
    value = min(1.0, float(np.abs(signed).sum()))
    low = value - _noise(gap, right, place, signed, tail)
    toward = gap * np.where(signed >= 0, 1.0, -1.0)[place]
    high = max(_upper(toward, tail), _upper(np.append(toward, mistakes_to_add(tail) * confidence.mean()), tail))
    method = f"{bins} equal-width bins; triangle inequality below, Student's t on signed gaps above"
    return Estimate(value, max(0.0, min(value, low)), min(1.0, max(value, high)), level, rows, method)


def _noise(gap: FloatArray, right: FloatArray, place: NDArray[np.int64], signed: FloatArray, tail: float) -> float:
    """Returns the upper quantile of the bins' total absolute noise, each bin's a half-normal."""
    rows = len(gap)
    bins = len(signed)
    seen = np.bincount(place, gap * gap, minlength=bins) / rows - signed**2
    # A bin whose rows are all right, or all wrong, shows no spread; one more of each (Laplace) stands for it.
    size = np.bincount(place, minlength=bins)
    rate = (np.bincount(place, right, minlength=bins) + 1) / (size + 2)
    variance = np.maximum(seen, size * rate * (1 - rate) / rows) / rows
    mean = float(np.sqrt(2 / np.pi * variance).sum())
    spread = float(np.sqrt((1 - 2 / np.pi) * variance.sum()))
    quantile = float(ndtri(1 - tail))
    return mean + quantile * spread


def _upper(values: FloatArray, tail: float) -> float:
    """Returns the upper end of Student's interval of a mean; 1 where one row leaves it open."""
    if len(values) < 2:
        return 1.0
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    return float(values.mean()) + float(stdtrit(len(values) - 1, 1 - tail)) * error
