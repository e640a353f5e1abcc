"""How far groups are apart, at most and at least: intervals of max minus min, of max over min, of the worst group.

Upper ends need no correction for the number of pairs. If every pair's bound holds with probability 1 - a, then so does
the largest of them, for it is at least the bound of the one pair that is farthest apart (intersection-union).
Lower ends do: any of the pairs may look far apart by chance. Each of the P pairs is looked at from both sides, but the
pair that is truly farthest can only err on one of them without also erring above: 2 P - 1 ways in all (Bonferroni).

All functions take many samples at once: R of them, of K families (classes of one against the rest, say) of G groups.
A figure is the worst over families. Pairs are made within a family only.

References:
    Berger (1982), Multiparameter hypothesis testing and acceptance sampling, Technometrics 24, for intersection-union.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairlead.measures.intervals import FloatArray, binomial_interval
from fairlead.measures.pairwise import IntArray, largest_difference, largest_ratio
from fairlead.measures.tail_shares import TailShares

# Of many pairs only those are inverted whose approximate bound comes within this share of the reach to the largest.
# Being left out by mistake would take an approximation that errs by that much more for one pair than for the other.
_LOOK_BACK = 0.3


class _Pairs(NamedTuple):
    """P ordered pairs of groups: which sample each is of, and where the two groups are found, each (P,)."""

    sample: IntArray
    top: IntArray
    bottom: IntArray


def difference_ends(
    successes: FloatArray, rows: FloatArray, counted: NDArray[np.bool_], shares: TailShares
) -> tuple[FloatArray, FloatArray]:
    """The interval of the largest difference between the rates of two groups, the worst over families.

    Args:
        successes: (R, K, G).
        rows: (R, K, G); fractional where rows are clustered, 0 where a group has none.
        counted: (R, K, G) True for groups that may speak for a difference, having rows enough.
        shares: Chances of missing.

    Returns:
        Lower ends and upper ends, each (R,). A group without rows may have any rate, so the upper end is 1.

    Examples:
        >>> successes, rows = np.array([[[80.0, 60.0, 75.0]]]), np.full((1, 1, 3), 100.0)
        >>> low, high = difference_ends(successes, rows, rows > 50, TailShares.of(0.95, 1))
        >>> print(f"{low[0]:.3f} to {high[0]:.3f}")
        0.022 to 0.341
    """
    return _ends(successes, rows, counted, shares, ratio=False)


def shortfall_ends(
    successes: FloatArray, rows: FloatArray, counted: NDArray[np.bool_], shares: TailShares
) -> tuple[FloatArray, FloatArray]:
    """The interval of one minus the smallest ratio of two groups' rates, the worst over families.

    Args:
        successes: (R, K, G).
        rows: (R, K, G); 0 where a group has none.
        counted: (R, K, G) True for groups that may speak for a shortfall.
        shares: Chances of missing.

    Returns:
        Lower ends and upper ends, each (R,).

    Examples:
        >>> successes, rows = np.array([[[80.0, 40.0]]]), np.full((1, 1, 2), 100.0)
        >>> low, high = shortfall_ends(successes, rows, rows > 50, TailShares.of(0.95, 1))
        >>> print(f"{low[0]:.2f} to {high[0]:.2f}")
        0.35 to 0.63
    """
    return _ends(successes, rows, counted, shares, ratio=True)


def worst_rate_ends(
    successes: FloatArray, rows: FloatArray, counted: NDArray[np.bool_], shares: TailShares
) -> tuple[FloatArray, FloatArray]:
    """The interval of the largest rate of any group and family.

    Args:
        successes: (R, K, G).
        rows: (R, K, G); 0 where a group has none.
        counted: (R, K, G) True for groups that may speak for a large rate.
        shares: Chances of missing.

    Returns:
        Lower ends and upper ends, each (R,).

    Examples:
        >>> successes, rows = np.array([[[20.0, 40.0]]]), np.full((1, 1, 2), 100.0)
        >>> low, high = worst_rate_ends(successes, rows, rows > 50, TailShares.of(0.95, 1))
        >>> print(f"{low[0]:.2f} to {high[0]:.2f}")
        0.29 to 0.50
    """
    size = np.where(rows > 0, rows, 1.0)
    count = np.where(rows > 0, successes, 0.0)
    _, above = binomial_interval(count, size, 1 - 2 * shares.above)
    high = np.where(rows > 0, above, 1.0).max(axis=(1, 2))
    low = np.zeros(len(rows))
    speaking = counted & (rows > 0)
    ways = speaking.sum(axis=(1, 2))
    for number in np.unique(ways[ways > 0]):
        chosen = ways == number
        below, _ = binomial_interval(count[chosen], size[chosen], 1 - 2 * shares.below / number)
        low[chosen] = np.where(speaking[chosen], below, 0.0).max(axis=(1, 2))
    return low, high


def _ends(
    successes: FloatArray, rows: FloatArray, counted: NDArray[np.bool_], shares: TailShares, *, ratio: bool
) -> tuple[FloatArray, FloatArray]:
    flat = np.ascontiguousarray(successes, dtype=np.float64).ravel(), np.ascontiguousarray(rows, np.float64).ravel()
    samples = len(rows)
    known = rows > 0
    speaking = known & counted
    pairs_known = _pairs(known)
    high = _farthest(flat, pairs_known, shares.above, np.zeros(samples), ratio=ratio)
    # What was never seen may be anything.
    high = np.where(known.all(axis=(1, 2)), high, 1.0)
    low = np.zeros(samples)
    pairs_speaking = pairs_known if np.array_equal(speaking, known) else _pairs(speaking)
    pairs = np.bincount(pairs_speaking.sample, minlength=samples) // 2
    for number in np.unique(pairs[pairs > 0]):
        chosen = _Pairs(*(part[pairs[pairs_speaking.sample] == number] for part in pairs_speaking))
        low = _farthest(flat, chosen, shares.below / (2 * number - 1), low, ratio=ratio, at_least=True)
    return low, np.maximum(low, high)


def _pairs(usable: NDArray[np.bool_]) -> _Pairs:
    """Returns every ordered pair of two usable groups of the same sample and family, from (R, K, G)."""
    _, families, groups = usable.shape
    both = usable[:, :, :, None] & usable[:, :, None, :] & ~np.eye(groups, dtype=bool)
    sample, family, top, bottom = np.nonzero(both)
    place = (sample * families + family) * groups
    return _Pairs(sample, place + top, place + bottom)


def _farthest(
    flat: tuple[FloatArray, FloatArray],
    pairs: _Pairs,
    tail: float,
    floor: FloatArray,
    *,
    ratio: bool,
    at_least: bool = False,
) -> FloatArray:
    """Returns (R,) the largest bound of any pair of each sample, from above or from below; ``floor`` without pairs."""
    if not ratio:
        pairs = _contenders(flat, pairs, tail, len(floor), at_least=at_least)
    over, under = (pairs.bottom, pairs.top) if at_least else (pairs.top, pairs.bottom)
    bound = largest_ratio(*flat, over, under, tail) if ratio else largest_difference(*flat, over, under, tail)
    if ratio:
        # The top's share over the bottom's is at most r: the bottom falls short by at most 1 - 1 / r.
        bound = 1 - bound if at_least else 1 - np.divide(1.0, bound, out=np.zeros_like(bound), where=bound > 0)
    elif at_least:
        bound = -bound  # at least p1 - p2 is minus at most p2 - p1
    result = floor.copy()
    np.maximum.at(result, pairs.sample, bound)
    return result


def _contenders(
    flat: tuple[FloatArray, FloatArray], pairs: _Pairs, tail: float, samples: int, *, at_least: bool
) -> _Pairs:
    """Leaves out pairs that cannot be the farthest of their sample, by squaring and adding exact intervals.

    References:
        Zou and Donner (2008), Construction of confidence limits about effect measures, Statistics in Medicine 27.
    """
    if not len(pairs.sample):
        return pairs
    groups, position = np.unique(np.concatenate([pairs.top, pairs.bottom]), return_inverse=True)
    count, size = flat[0][groups], flat[1][groups]
    rate = count / size
    low, high = binomial_interval(count, size, 1 - 2 * tail)
    top, bottom = position[: len(pairs.top)], position[len(pairs.top) :]
    apart = rate[top] - rate[bottom]
    toward = (rate - low)[top], (high - rate)[bottom]
    away = (high - rate)[top], (rate - low)[bottom]
    reach = np.hypot(*(toward if at_least else away))
    bound = apart - reach if at_least else apart + reach
    best = np.full(samples, -np.inf)
    np.maximum.at(best, pairs.sample, bound)
    kept = bound >= best[pairs.sample] - _LOOK_BACK * reach
    return _Pairs(*(part[kept] for part in pairs))
