"""Confidence intervals that hold at small N and never shrink to a point.

Three constructions carry every held-out figure: a rate, a mean of rates, and a mean of losses. Their coverage
is measured by ``benchmarks/interval_coverage.py``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fairlead.errors import ConfigurationError
from fairlead.measures.special import betaincinv, ndtri, stdtrit

FloatArray = NDArray[np.float64]


def tail_of(level: float) -> float:
    """Returns the chance left on either side of a two-sided interval.

    Raises:
        ConfigurationError: a level that is not between 0 and 1.

    Examples:
        >>> round(tail_of(0.95), 3)
        0.025
    """
    if not 0 < level < 1:
        raise ConfigurationError(f"the level of an interval lies between 0 and 1, got {level}; 0.95 is usual")
    return (1 - level) / 2


def binomial_interval(successes: ArrayLike, rows: ArrayLike, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
    """The exact interval of a rate: what is not excluded by either binomial tail.

    Coverage is at least ``level`` at every rate and every number of rows. Both arguments may be fractional, as
    an effective number of rows is; the Beta form carries over.

    Args:
        successes: (K,) or scalar, from 0 to ``rows``.
        rows: (K,) or scalar, more than 0.
        level: Coverage aimed at.

    Returns:
        Lower and upper ends, each (K,).

    Raises:
        ConfigurationError: a level that is not between 0 and 1.

    References:
        Clopper and Pearson (1934), The use of confidence or fiducial limits, Biometrika 26.

    Examples:
        >>> low, high = binomial_interval(3, 3)
        >>> round(float(low), 3), float(high)
        (0.292, 1.0)
    """
    tail = tail_of(level)
    count, size = np.broadcast_arrays(np.asarray(successes, dtype=np.float64), np.asarray(rows, dtype=np.float64))
    # A fractional count is a product and may miss 0 or ``rows`` by rounding.
    none, all_of_them = count <= 1e-9 * size, count >= (1 - 1e-9) * size
    low = np.where(none, 0.0, betaincinv(np.where(none, 1.0, count), size - count + 1, tail))
    high = np.where(all_of_them, 1.0, betaincinv(count + 1, np.where(all_of_them, 1.0, size - count), 1 - tail))
    return low, high


def macro_interval(
    values: FloatArray, low: FloatArray, high: FloatArray, effective_rows: float, *, level: float, overlap: float = 1.0
) -> tuple[float, float]:
    """The interval of an unweighted mean of K rates, each in [0, 1] and each with an interval of its own.

    The wider, end by end, of two constructions that fail in opposite places. The square-and-add method (MOVER)
    keeps each class's own uncertainty, but where most classes are perfect it forgets that they might not be:
    seen to miss 8 % at ten classes of two to five rows. The exact interval on effective rows holds there, but
    takes all classes to be equally hard.

    Args:
        values: (K,) the rates.
        low: (K,) lower ends.
        high: (K,) upper ends.
        effective_rows: Rows of a plain sample that would know the mean as well as these rates do.
        level: Coverage aimed at.
        overlap: In how many of the K rates one row is counted, at most: the variance of the mean is at most so
            many times that of independent rates (Cauchy-Schwarz).

    Returns:
        Lower and upper end; both enclose the mean.

    References:
        Zou and Donner (2008), Construction of confidence limits about effect measures, Statistics in Medicine 27.
        Korn and Graubard (1998), Confidence intervals for proportions with small expected number of positive
        counts estimated from survey data, Survey Methodology 24.

    Examples:
        >>> values, rows = np.array([1.0, 1.0]), 10
        >>> low, high = binomial_interval(values * rows, rows)
        >>> low, high = macro_interval(values, low, high, 20, level=0.95)
        >>> round(low, 3), high
        (0.782, 1.0)
    """
    mean, classes = float(values.mean()), len(values)
    below = mean - float(np.sqrt(overlap * np.square(values - low).sum())) / classes
    above = mean + float(np.sqrt(overlap * np.square(high - values).sum())) / classes
    exact_low, exact_high = binomial_interval(mean * effective_rows, effective_rows, level)
    return max(0.0, min(below, float(exact_low), mean)), min(1.0, max(above, float(exact_high), mean))


def mean_loss_interval(losses: FloatArray, loss_if_wrong: float, most: float, level: float) -> tuple[float, float]:
    """The interval of the mean of losses that are usually small and now and then large.

    A t interval alone is far too sure of itself when no mistake, or only one, is among the rows. So each end is the
    outer one of two t intervals, of the rows as they are and of one row more: above, the mistake that might
    have come next, weighed so that N rows without one get the upper end of the exact interval for a rate; below, a row
    without loss. Both are forgotten as N grows. Taking out the skewness (Hall 1992) besides was seen to add
    width and hardly any coverage.

    Args:
        losses: (N,) one loss a row, at least 0.
        loss_if_wrong: What a mistake of this model costs.
        most: The largest loss a row can have.
        level: Coverage aimed at.

    Returns:
        Lower and upper end; both enclose the mean.

    References:
        Student (1908), The probable error of a mean, Biometrika 6. Agresti and Coull (1998), Approximate is better
        than "exact" for interval estimation of binomial proportions, American Statistician 52, for added rows.

    Examples:
        >>> low, high = mean_loss_interval(np.full(20, 0.01), loss_if_wrong=4.6, most=36.0, level=0.95)
        >>> round(low, 3), round(high, 2)
        (0.009, 0.85)
    """
    tail, mean = tail_of(level), float(losses.mean())
    if len(losses) < 2:
        return 0.0, most
    low, high = _t_ends(losses, tail)
    lower, _ = _t_ends(np.append(losses, 0.0), tail)
    _, higher = _t_ends(np.append(losses, mistakes_to_add(tail) * loss_if_wrong), tail)
    return max(0.0, min(mean, low, lower)), min(most, max(mean, high, higher))


def mistakes_to_add(tail: float) -> float:
    """The weight of the mistake that might have come next.

    Of N rows without a mistake the exact upper end of the rate is near -log(tail) / N. One more row of weight w
    gives a normal interval that ends near w (1 + z) / N, and w makes the two equal.

    Examples:
        >>> round(mistakes_to_add(0.025), 3)
        1.246
    """
    return float(-np.log(tail) / (1 + ndtri(1 - tail)))


def _t_ends(values: FloatArray, tail: float) -> tuple[float, float]:
    """Returns the ends of Student's interval of a mean."""
    mean = float(values.mean())
    reach = float(stdtrit(len(values) - 1, 1 - tail)) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return mean - reach, mean + reach
